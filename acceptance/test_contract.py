"""The contract: the document is one, the server keeps to it whatever it is sent, and by whatever key.

`SLUICE_CONTRACT_EXAMPLES` says how many requests are tried at each operation beyond those that the document's examples and limits
make; `SLUICE_CONTRACT_SEED` which. Above 20 the admin's key also walks over every limit of every field (three minutes).
"""

import json
import os
import subprocess
import sys

import pytest

from sluice import ROOT, until

EXAMPLES = int(os.environ.get("SLUICE_CONTRACT_EXAMPLES", 4))
SEED = os.environ.get("SLUICE_CONTRACT_SEED", "1")

# Rules that a schema cannot say answer 400 or 422, so that not every request that the schemas allow is taken.
CHECKS = ["--exclude-checks", "positive_data_acceptance"]
# An endless stream, and the endpoints of KISSmetrics, which answer a GIF whatever they are sent.
EXCLUDED = ["/v1/events/live", "/e", "/s", "/a"]

COLUMNS = ["seq", "person_id", "event", "timestamp", "properties.plan", "person.plan", "count(Signed Up)"]
KEYS = {
    "admin": ["admin"],
    "reader": ["people:read", "events:read", "reports:read", "exports:read", "webhooks:read", "pipelines:read"],
    "writer": ["exports:write", "segments:write", "reports:write", "webhooks:write", "privacy:write", "imports:write",
               "pipelines:write"],
    "collector": ["collect"],
    "columns": ["people:read", "events:read", "reports:read", "reports:write", "exports:write", "segments:write"],
}


def test_the_document_is_valid():
    done = subprocess.run([sys.executable, "-m", "openapi_spec_validator", str(ROOT / "openapi.yaml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def shop(server):
    """A server with something of everything in it, and the ids of that."""
    for i in range(60):
        person = f"p{i % 12}@example.com"
        server.collect(
            {"identity": person, "event": ["Signed Up", "Viewed Page", "Purchased"][i % 3], "timestamp": 1_767_600_000 + i * 7200,
             "properties": {"plan": ["free", "pro"][i % 2], "amount": i * 1.5, "page": f"/p/{i}"}},
            {"type": "set", "identity": person, "properties": {"plan": "pro", "email": person, "visits": i}})
    text = """
destinations: { files: { type: folder, path: out } }
---
name: daily
export: { dataset: events }
load: { destination: files }
schedule: { cron: "0 6 * * *" }
freshness: { warn_after: 26h }
---
name: strict
export: { dataset: events }
validate: { columns: { event: { accepted: [Nothing] } } }
load: { destination: { type: folder, path: strict } }
"""
    applied = server.request("POST", "/v1/pipelines", text.encode(), headers={"Content-Type": "application/yaml"})
    assert applied.status == 200, applied.body
    runs = [server.request("POST", f"/v1/pipelines/{name}/run", {}).json["id"] for name in ("daily", "strict")]
    for run in runs:
        assert until(lambda: server.request("GET", f"/v1/runs/{run}").json["status"] in ("succeeded", "failed"))
    aliased = server.collect({"type": "alias", "identity": "p1@example.com", "other": "anon-1"}, {"identity": "", "event": "x"})
    segment = {"did": "Purchased", "at_least": 1}
    report = {"type": "funnel", "steps": [{"event": "Signed Up"}, {"event": "Purchased"}], "window": "7d"}
    made = {"run": runs[1]}
    for name, path, body in [
        ("segments", "/v1/segments", {"name": "buyers", "segment": segment}),
        ("reports", "/v1/reports", {"name": "funnel", "report": report}),
        ("exports", "/v1/exports", {"dataset": "events", "format": "csv"}),
        ("endpoints", "/v1/webhooks/endpoints", {"url": "https://example.invalid/hooks", "events": ["*"]}),
        ("erasures", "/v1/privacy/erasures", {"identities": ["p11@example.com"]}),
    ]:
        answer = server.request("POST", path, body)
        assert answer.status in (201, 202), (path, answer.status, answer.body)
        made[name] = answer.json["id"]
    assert until(lambda: server.request("GET", f"/v1/exports/{made['exports']}").json["status"] == "succeeded")
    assert until(lambda: server.request("GET", f"/v1/privacy/erasures/{made['erasures']}").json["status"] == "succeeded")
    made["person"] = server.request("GET", "/v1/people?identity=p1@example.com").json["id"]
    made["alias"] = aliased["watermark"] - 1
    server.collect({"identity": "p2@example.com", "event": "Purchased"})
    found = until(lambda: server.request("GET", f"/v1/webhooks/endpoints/{made['endpoints']}/attempts").json["data"], patience=20)
    made["delivery"] = found[0]["delivery"] if found else "dlv_none"
    server.made = made
    return server


def pinned(made):
    """Requests find what is there in place of ids made up: (path, parameters)."""
    return [
        ("/v1/people/{id}", {"id": made["person"]}), ("/v1/people/{id}/events", {"id": made["person"]}),
        ("/v1/people/{id}/timeline", {"id": made["person"]}), ("/v1/people/{id}/properties", {"id": made["person"]}),
        ("/v1/people/{id}/properties/{name}", {"id": made["person"], "name": "plan"}),
        ("/v1/people/{id}/computed", {"id": made["person"]}),
        ("/v1/people/{id}/computed/{name}", {"id": made["person"], "name": "engagement_score"}),
        ("/v1/segments/{id}/count", {"id": made["segments"]}), ("/v1/segments/{id}/people", {"id": made["segments"]}),
        ("/v1/segments/{id}/people/{person}", {"id": made["segments"], "person": made["person"]}),
        ("/v1/reports/{id}/result", {"id": made["reports"]}),
        ("/v1/exports/{id}/file", {"id": made["exports"]}), ("/v1/exports/{id}/manifest", {"id": made["exports"]}),
        ("/v1/aliases/{seq}/undo", {"seq": made["alias"]}), ("/v1/privacy/erasures/{id}", {"id": made["erasures"]}),
        ("/v1/deliveries/{id}", {"id": made["delivery"]}), ("/v1/pipelines/{name}", {"name": "daily"}),
        ("/v1/pipelines/{name}/run", {"name": "daily"}), ("/v1/runs/{id}", {"id": made["run"]}),
        ("/v1/webhooks/endpoints/{id}/attempts", {"id": made["endpoints"]}),
        ("/v1/webhooks/endpoints/{id}/stats", {"id": made["endpoints"]}),
    ]


def configuration(made):
    lines = []
    for path, parameters in pinned(made):
        lines += ["[[operations]]", f"include-path = {json.dumps(path)}", "[operations.parameters]"]
        lines += [f'"path.{name}" = {json.dumps(value)}' for name, value in parameters.items()]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", KEYS)
def test_the_server_keeps_to_the_document(shop, tmp_path, name):
    asked = {"name": name, "scopes": KEYS[name]} | ({"columns": COLUMNS} if name == "columns" else {})
    key = shop.request("POST", "/v1/keys", asked).json["key"]
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(configuration(shop.made))
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "--no-color", "run", f"{shop.url}/openapi.yaml",
         "-H", f"Authorization: Bearer {key}", *CHECKS, *(part for path in EXCLUDED for part in ("--exclude-path", path)),
         "--phases", "examples,coverage,fuzzing" if name == "admin" and EXAMPLES > 20 else "examples,fuzzing", "--max-examples", str(EXAMPLES),
         "--seed", SEED, "--generation-database", "none", "--suppress-health-check", "all", "--continue-on-failure",
         "--warnings", "off", "--request-timeout", "30", *os.environ.get("SLUICE_CONTRACT_FLAGS", "").split()],
        cwd=tmp_path, capture_output=True, text=True)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told[-20_000:]
    assert "Errors:" not in told, told[-20_000:]
    faults = [line for line in shop.log.read_text().splitlines() if '"level":"error"' in line]
    assert faults == [], faults[:5]
