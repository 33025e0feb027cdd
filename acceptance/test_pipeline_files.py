"""Files that define a whole flow: checked with the places of all that is wrong, planned, applied by name, applied again without a change."""

import json

import pytest

import sluice

SECRET = "whsec_" + "a2V5" * 10

FLOW = """
segments:
  buyers: { segment: { did: Paid } }
  teams: { description: many, segment: { all: [{ segment: buyers }, { person: seats, gte: 10 }] } }
reports:
  - { name: paid, report: { type: metric, measure: { event: Paid }, where: { segment: buyers } } }
endpoints:
  crm: { url: "URL", events: [Paid], headers: { x-key: secret://env/HOOK_KEY }, notify: [{ endpoint: ops }] }
  ops: { url: "URL", secret: secret://env/HOOK_SECRET }
triggers:
  joined: { when: { segment: teams, on: entered }, then: [{ endpoint: crm }] }
  many: { when: { report: paid, above: 100 }, then: [{ endpoint: ops }] }
destinations:
  files: { type: folder, path: out }
pipelines:
  - { name: people, export: { dataset: people, columns: [identities], where: { segment: buyers }, incremental: false },
      load: { destination: files } }
  - { name: report, export: { dataset: report, report: paid, format: ndjson }, load: { destination: files } }
"""


@pytest.fixture
def shop(folder, monkeypatch):
    monkeypatch.setenv("HOOK_KEY", "hush")
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    return folder.start(*sluice.ALLOWED, "--secret-env", "HOOK_")


def write(tmp_path, text, name="flow.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return path


def send(shop, action, path):
    return json.loads(shop.cli("pipeline", action, path, "--json").stdout)["data"]


def actions(rows):
    return {(row["kind"], row["name"]): row["action"] for row in rows}


def test_a_whole_flow_in_one_file(shop, receiver, tmp_path):
    path = write(tmp_path, FLOW.replace("URL", receiver.url))
    assert "segments buyers, teams; reports paid; endpoints crm, ops; triggers joined, many" in sluice.cli(
        "pipeline", "check", path).stdout

    planned = send(shop, "plan", path)
    assert len(planned) == 10 and set(actions(planned).values()) == {"create"}
    assert not any("secret" in row or "id" in row for row in planned)
    assert shop.request("GET", "/v1/webhooks/endpoints").json["data"] == []

    made = send(shop, "apply", path)
    assert actions(made) == actions(planned)
    told = {row["name"]: row["secret"] for row in made if "secret" in row}
    assert list(told) == ["crm"] and told["crm"].startswith("whsec_")
    endpoints = {row["name"]: row for row in shop.request("GET", "/v1/webhooks/endpoints").json["data"]}
    triggers = {row["name"]: row for row in shop.request("GET", "/v1/triggers").json["data"]}
    segments = {row["name"]: row for row in shop.request("GET", "/v1/segments").json["data"]}
    reports = {row["name"]: row for row in shop.request("GET", "/v1/reports").json["data"]}
    assert triggers["joined"]["when"]["segment"] == segments["teams"]["id"]
    assert triggers["joined"]["then"] == [{"endpoint": endpoints["crm"]["id"]}]
    assert triggers["many"]["when"]["report"] == {"report_id": reports["paid"]["id"]}
    assert endpoints["crm"]["notify"] == [{"endpoint": endpoints["ops"]["id"]}]
    assert segments["teams"]["segment"]["all"][0] == {"segment": segments["buyers"]["id"]}

    # A second time nothing changes, and no secret is told.
    again = send(shop, "apply", path)
    assert set(actions(again).values()) == {"none"} and not any("secret" in row for row in again)
    assert [row["version"] for row in shop.request("GET", "/v1/triggers").json["data"]] == [1, 1]
    assert "unchanged" in shop.cli("pipeline", "plan", path).stdout

    # Somebody enters the segment: the endpoint that the file names hears of it, with the secret that it names.
    receiver.secrets.append(told["crm"])
    shop.collect({"type": "set", "identity": "ann", "properties": {"seats": 12}},
                 {"identity": "ann", "event": "Paid"})
    fired = sluice.until(lambda: [r for r in receiver.requests if r["json"]["type"] == "trigger.fired"])
    assert fired and fired[0]["headers"]["x-key"] == "hush"
    assert not receiver.refused

    # A pipeline of a segment by its name, and one of a report by its name.
    for name in ["people", "report"]:
        run = json.loads(shop.cli("pipeline", "run", name, "--wait", "--json").stdout)
        assert run["status"] == "succeeded", run
    out = {file.name.split(".")[0]: file for file in (shop.data / "files/out").iterdir() if "manifest" not in file.name}
    assert any("ann" in file.read_text() for name, file in out.items() if name.startswith("people"))
    assert any(json.loads(line) for name, file in out.items() if name.startswith("report")
               for line in file.read_text().splitlines())


def test_what_differs_is_changed(shop, receiver, tmp_path, monkeypatch):
    text = FLOW.replace("URL", receiver.url)
    send(shop, "apply", write(tmp_path, text))
    before = {row["name"]: row["id"] for row in shop.request("GET", "/v1/webhooks/endpoints").json["data"]}
    changed = (text.replace("gte: 10", "gte: 20").replace("events: [Paid]", "events: [Paid, Visited]")
               .replace("above: 100", "above: 200").replace("crm, notify", "crm, notify"))
    rows = send(shop, "plan", write(tmp_path, changed))
    assert {key for key, action in actions(rows).items() if action == "change"} == {
        ("segment", "teams"), ("endpoint", "crm"), ("trigger", "many")}
    paths = {row["name"]: [change["path"] for change in row["changes"]] for row in rows if row["changes"]}
    assert paths == {"teams": ["segment.all"], "crm": ["events"], "many": ["when.above"]}
    # What is shown calls things by their names.
    assert [change["new"][0] for row in rows for change in row["changes"] if row["name"] == "teams"] == [
        {"segment": "buyers"}]
    assert actions(send(shop, "apply", tmp_path / "flow.yaml")) == actions(rows)
    assert {row["name"]: row["id"] for row in shop.request("GET", "/v1/webhooks/endpoints").json["data"]} == before
    assert set(actions(send(shop, "apply", tmp_path / "flow.yaml")).values()) == {"none"}

    # By hand it is disabled; the file says nothing of that, and leaves it.
    trigger = shop.request("GET", "/v1/triggers").json["data"][0]["id"]
    assert shop.request("POST", f"/v1/triggers/{trigger}/disable", {}).status == 200
    assert set(actions(send(shop, "apply", tmp_path / "flow.yaml")).values()) == {"none"}
    enabled = changed.replace("joined: {", "joined: { enabled: true,")
    assert actions(send(shop, "apply", write(tmp_path, enabled)))["trigger", "joined"] == "change"
    assert shop.request("GET", f"/v1/triggers/{trigger}").json["enabled"]


def test_a_key_does_what_its_scopes_let_it(shop, receiver, tmp_path):
    text = FLOW.replace("URL", receiver.url).encode()
    key = shop.request("POST", "/v1/keys", {"name": "p", "scopes": ["pipelines:write", "segments:write", "reports:write"]})
    for path, scope in [("/v1/pipelines", "webhooks:write"), ("/v1/pipelines/plan", "people:read")]:
        refused = shop.request("POST", path, text, key=key.json["key"], headers={"Content-Type": "application/yaml"})
        assert refused.status == 403 and scope in refused.json["detail"], refused.body
    assert shop.request("GET", "/v1/segments").json["data"] == []
    # By a key, too, a secret is told once, and not to whoever asks again.
    headers = {"Content-Type": "application/yaml", "Idempotency-Key": "once"}
    answers = [shop.request("POST", "/v1/pipelines", text, headers=headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200], answers[0].body
    told = [[row.get("secret") for row in answer.json["data"] if row["name"] == "crm"] for answer in answers]
    assert told[0][0].startswith("whsec_") and told[1] == [None]
    other = shop.request("POST", "/v1/webhooks/endpoints", {"url": receiver.url, "name": "crm"})
    assert other.status == 409 and "crm" in other.json["detail"]


@pytest.mark.parametrize("text, place, message", [
    ("segments: { a: { segment: { sgment: b } } }", (1, 27), "a condition needs one of"),
    ("segments:\n  a: { segment: { did: X }, wher: 1 }", (2, 29), 'there is no "wher"'),
    ("reports:\n  a: { report: { type: metric, measure: { evnt: A } } }", None, "measure"),
    ("reports:\n  - report: { type: metric }", (2, 5), '"name" is missing'),
    ("endpoints:\n  crm:\n    url: file:///etc/passwd", (3, 10), "https://"),
    ("endpoints:\n  crm:\n    url: https://a.example\n    secret: whsec_abc", (4, 13), "secret://"),
    ("endpoints:\n  crm:\n    url: https://a.example\n    headers: { authorization: Bearer x }", (4, 31), "secret://"),
    ("endpoints:\n  crm: { url: https://a.example, timeout: 99 }", (2, 43), "timeout"),
    ("triggers:\n  t:\n    when: { event: A, absent: { event: B, wihtin: 3d } }\n    then: []", (3, 43), "wihtin"),
    ("triggers:\n  t:\n    when: { new_person: true }\n    then: [{ endpoint: a }, { slak: {} }]", (4, 31), "slak"),
    ("trigers: {}\nsegments: {}", (1, 1), 'did you mean "triggers"'),
    ("name: p\nexport: { dataset: report, report: a, incremental: true }\nload: { destination: d }", (2, 52), "incremental"),
])
def test_what_is_wrong_is_told_with_its_place(tmp_path, text, place, message):
    path = write(tmp_path, text)
    done = sluice.cli("pipeline", "check", path, "--json", code=64)
    errors = json.loads(done.stdout)["errors"]
    place = place or (2, errors[0]["column"])
    assert [(e["line"], e["column"]) for e in errors] == [place] and message in errors[0]["message"], errors
    assert f"{path}:{place[0]}:{place[1]}: " in done.stderr


def test_all_errors_are_told_and_nothing_is_changed(shop, receiver, tmp_path):
    wrong = FLOW.replace("URL", receiver.url).replace("on: entered", "on: entred").replace("segment: teams", "segment: crowds")
    assert sluice.cli("pipeline", "check", write(tmp_path, wrong), code=64).stderr.count("flow.yaml:") == 1
    unknown = (FLOW.replace("URL", receiver.url).replace("segment: teams", "segment: crowds")
               .replace("report: paid, above", "report: payd, above").replace("notify: [{ endpoint: ops", "notify: [{ endpoint: oops"))
    path = write(tmp_path, unknown)
    sluice.cli("pipeline", "check", path)
    done = shop.cli("pipeline", "apply", path, code=64)
    assert [word in done.stderr for word in ["crowds", "payd", "oops"]] == [True] * 3, done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines() if "line " in line]
    for path in ["/v1/segments", "/v1/reports", "/v1/triggers", "/v1/webhooks/endpoints", "/v1/pipelines"]:
        assert shop.request("GET", path).json["data"] == []


def test_the_example(folder, tmp_path):
    sluice.cli("pipeline", "check", sluice.ROOT / "Examples/flow.yaml")
    folder.cli("pipeline", "apply", sluice.ROOT / "Examples/flow.yaml")
    again = folder.cli("pipeline", "apply", sluice.ROOT / "Examples/flow.yaml").stdout
    assert again.count("unchanged") == again.count("\n") == 10, again


def test_what_stands_against_running_is_noted(shop, tmp_path):
    path = write(tmp_path, """
destinations:
  warehouse: { type: postgres, url: secret://env/NOPE, table: t }
pipelines:
  - { name: a, export: { dataset: events }, load: { destination: warehouse }, on_failure: { retry: { attempts: 1 } } }
  - name: b
    export: { dataset: events }
    enrich: [{ source: { type: file, path: /etc/passwd, format: csv }, as: users }]
    privacy: { identity: { hash: secret://file/none } }
    load: { destination: { type: folder, path: /elsewhere } }
    dbt: { project: /models }
""")
    for action in ["plan", "apply"]:
        notes = {row["name"]: row["notes"] for row in send(shop, action, path)}
        assert notes["warehouse"] == ["warehouse.url: there is no variable NOPE"]
        assert [note.split(":")[0] for note in notes["b"]] == [
            "load.destination", "the source users", "privacy.identity.hash", "dbt"], notes
    # The run says which setting of what wants it, once and in a line.
    done = shop.cli("pipeline", "run", "a", "--wait", code=1)
    assert 'destination warehouse: "url": there is no variable NOPE' in done.stderr
    assert (done.stdout + done.stderr).count("NOPE") == 1, done.stdout + done.stderr


def test_a_table_is_one_pipelines_unless_both_add_to_it(shop, tmp_path):
    text = """
name: NAME
export: { dataset: events }
load: { destination: { type: duckdb, path: w.duckdb, table: events }MODE }
"""
    def apply(name, mode="", code=0):
        return shop.cli("pipeline", "apply", write(tmp_path, text.replace("NAME", name).replace("MODE", mode)), code=code)

    apply("a")
    apply("b")
    refused = apply("c", ", mode: upsert, key: event_id", code=1)
    assert "the pipeline a loads into this table" in refused.stderr and "409" in refused.stderr
    assert shop.request("GET", "/v1/pipelines/c").status == 404
    apply("a", ", mode: upsert, key: event_id", code=1)
    # It is said before it is tried.
    planned = shop.cli("pipeline", "plan", tmp_path / "flow.yaml").stdout
    assert "note: " in planned and "the pipeline b loads into this table" in planned


def test_filters_of_what_there_is_none_of_are_refused(shop):
    for path in ["/v1/runs?pipeline=NOPE", "/v1/alerts?pipeline=NOPE", "/v1/deliveries?endpoint=ep_nope"]:
        refused = shop.request("GET", path)
        assert refused.status == 400 and "there is no" in refused.json["detail"], refused.body
    assert "there is no pipeline NOPE" in shop.cli("pipeline", "runs", "NOPE", code=64).stderr


def test_a_test_of_alerts_says_whether_it_was_taken(shop, receiver, tmp_path):
    send(shop, "apply", write(tmp_path, f"""
alerts:
  good: {{ type: http, url: "{receiver.url}" }}
  bad: {{ type: http, url: "{receiver.url}/no" }}
"""))
    assert "good: taken" in shop.cli("pipeline", "alerts", "--test", "good").stdout
    receiver.answer = lambda request: 500 if request["path"].endswith("/no") else 204
    refused = shop.cli("pipeline", "alerts", "--test", "bad", code=1)
    assert "bad: not taken: HTTP 500" in refused.stdout, refused.stdout
    answer = json.loads(shop.cli("pipeline", "alerts", "--test", "bad", "--json", code=1).stdout)
    assert [row["target"] for row in answer["deliveries"]] == ["bad"] and answer["deliveries"][0]["status"] == 500
    assert "there is no alert target" in shop.cli("pipeline", "alerts", "--test", "none", code=1).stderr


def test_a_trigger_asks_for_a_segment_of_its_own_file_before_it_fires(shop, receiver, tmp_path):
    text = """
segments:
  buyers: { segment: { did: Paid } }
endpoints:
  crm: { url: "URL" }
triggers:
  left: { when: { event: Carted, absent: { event: Paid, within: 1h }, still: { segment: buyers } }, then: [{ endpoint: crm }] }
"""
    path = write(tmp_path, text.replace("URL", receiver.url))
    assert actions(send(shop, "plan", path))["trigger", "left"] == "create"
    assert actions(send(shop, "apply", path))["trigger", "left"] == "create"
    segment = shop.request("GET", "/v1/segments").json["data"][0]["id"]
    assert shop.request("GET", "/v1/triggers").json["data"][0]["when"]["still"] == {"segment": segment}
    assert set(actions(send(shop, "apply", path)).values()) == {"none"}
