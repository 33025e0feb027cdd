"""The watch over pipelines, against the real program: whatever keeps a run from its end, or from beginning, is on record, is told
once, and shows in how fresh the data is; and ranges of time are loaded again without a row being lost or doubled."""

import http.server
import json
import os
import random
import sqlite3
import subprocess
import threading
import time

import pytest

import document
import postgres
import sluice
from mail_server import Mailbox


class Sink:
    """Takes what the HTTP destination and Slack's webhooks send, or refuses it, as `mode` says."""

    def __init__(self):
        self.mode, self.slack, self.lock = "ok", [], threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.path == "/slack":
                    with outer.lock:
                        outer.slack.append(json.loads(body)["text"])
                elif outer.mode == "hang":
                    time.sleep(3)
                try:
                    self.send_response(500 if outer.mode == "broken" and self.path != "/slack" else 200)
                    self.send_header("content-length", "2")
                    self.end_headers()
                    self.wfile.write(b"ok")
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def sink():
    made = Sink()
    yield made
    made.close()


class Watched:
    def __init__(self, folder, files, **env):
        self.folder, self.files, self.env = folder, files, env

    def start(self):
        os.environ.update(self.env)
        try:
            self.folder.start("--allow-private", "127.0.0.0/8", "--allow-folder", str(self.files))
        finally:
            for name in self.env:
                os.environ.pop(name)
        return self

    def apply(self, text, code=0):
        path = self.files / "pipeline.yaml"
        path.write_text(text)
        return self.folder.cli("pipeline", "apply", path, code=code)

    def get(self, path):
        answer = self.folder.request("GET", path)
        assert answer.status == 200, answer.body
        return answer.json

    def collect(self, count, start=0, at="2026-01-{day:02}T12:00:00Z"):
        for first in range(0, count, 1000):
            self.folder.collect(*[
                {"identity": f"user-{i % 97}", "event": f"Event {i % 7}", "id": f"e-{start + i}",
                 "timestamp": at.format(day=1 + (start + i) % 10), "properties": {"n": start + i}}
                for i in range(first, min(first + 1000, count))])

    def run(self, name="p"):
        return self.folder.request("POST", f"/v1/pipelines/{name}/run", {}).json["id"]

    def ended(self, run):
        path = f"/v1/runs/{run}"
        return sluice.until(lambda: (now := self.get(path)) and now["status"] not in ("queued", "running") and now)

    def pipeline(self, name="p"):
        return self.get(f"/v1/pipelines/{name}")

    def incidents(self, *query):
        return self.get("/v1/alerts?limit=100" + "".join("&" + part for part in query))["data"]

    def endpoint(self, receiver):
        made = self.folder.request("POST", "/v1/webhooks/endpoints", {"url": receiver.url, "events": ["pipeline.*"]})
        assert made.status == 201, made.body
        receiver.secrets.append(made.json["secret"])


@pytest.fixture
def watched(folder, tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    made = Watched(folder, files)
    yield made


def told(receiver, kind=None):
    with receiver.lock:
        found = [request["json"] for request in receiver.requests]
    return [message for message in found if kind is None or message["type"] == kind]


def test_whatever_keeps_a_run_from_its_end_is_on_record_is_told_once_and_shows(watched, sink, receiver, tmp_path):
    watched.env = {"SLACK": sink.url + "/slack", "URL": sink.url}
    watched.start()
    watched.endpoint(receiver)
    watched.collect(10)
    small = tmp_path / "files" / "small"
    small.mkdir()
    has_small = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True).returncode == 0
    try:
        good = "load: { destination: { type: http, url: %s/rows } }" % sink.url
        rule = "validate: { columns: { event: { accepted: [Nothing] } } }"
        ways = {
            "refused": (good, "", "broken", "load"),
            "slow": (good, "timeout: 1s", "hang", "longer than 1 s"),
            "secret": ("load: { destination: { type: postgres, url: secret://env/NOPE, table: t } }", "", "ok", "NOPE"),
            "rule": (good, rule, "ok", "10 of 10 rows"),
        }
        if has_small:
            (small / "full").write_bytes(b"x" * 60000)
            ways["disk"] = ("load: { destination: { type: folder, path: %s } }" % small, "", "ok", "load")
            watched.collect(400, start=10)
            ways["rule"] = (good, rule, "ok", "410 of 410 rows")
        text = "alerts: { ops: { type: slack, url: secret://env/SLACK } }\npipelines:\n"
        for name, (load, more, _, _) in ways.items():
            parts = ["name: " + name, "export: { dataset: events }", load, "on_failure: { retry: { attempts: 1 } }",
                     "freshness: { warn_after: 1s, fail_after: 365d }"] + ([more] if more else [])
            text += "".join(("- " if place == 0 else "  ") + part + "\n" for place, part in enumerate(parts))
        watched.apply(text)
        for name, (_, _, mode, reason) in ways.items():
            sink.mode = mode
            for _ in range(2):
                run = watched.ended(watched.run(name))
                assert run["status"] == "failed" and reason in run["reason"], (name, run)
        sink.mode = "ok"
        for name in ways:
            assert sluice.until(lambda: [m for m in told(receiver, "pipeline.failed") if m["data"]["pipeline"] == name]), name
            # The age is told besides, at the change.
            assert sluice.until(lambda: [m for m in told(receiver, "pipeline.freshness") if m["data"]["pipeline"] == name]), name
            shown = watched.pipeline(name)
            assert shown["freshness"]["state"] == "warn" and shown["freshness"]["loaded_at"] is None
            assert shown["health"]["succeeded"] == 0 and shown["health"]["runs"] == 2
            assert {i["kind"] for i in shown["health"]["incidents"]} == {"run", "freshness"}
        assert sluice.until(lambda: len(sink.slack) == 2 * len(ways)), sink.slack
        assert any(line.startswith("pipeline refused failed: load") for line in sink.slack), sink.slack
        # What is mended is told, once.
        watched.apply(text.replace(rule, "description: mended").replace("secret://env/NOPE, table: t", "x").replace(
            "{ type: postgres, url: x }", "{ type: http, url: %s/rows }" % sink.url).replace("timeout: 1s", "timeout: 60s")
            .replace("path: %s" % small, "path: %s/big" % watched.files).replace("warn_after: 1s", "warn_after: 1h"))
        for name in ways:
            assert watched.ended(watched.run(name))["status"] == "succeeded"
            assert watched.ended(watched.run(name))["status"] == "succeeded"
        assert sluice.until(lambda: not watched.incidents("state=open", "pipeline=rule"))
        for name in ways:
            mine = lambda: [m for m in told(receiver) if m["data"]["pipeline"] == name and m["data"]["kind"] == "run"]
            assert sluice.until(lambda: len(mine()) == 2), mine()
            assert [m["type"] for m in mine()] == ["pipeline.failed", "pipeline.recovered"]
            assert mine()[0]["data"]["incident"] == mine()[1]["data"]["incident"]
        assert receiver.refused == [] and len(set(receiver.ids())) == len(receiver.ids())
        for message in told(receiver):
            document.check(message)
        seen = watched.incidents("pipeline=rule")
        assert seen[0]["times"] >= 1 and all(d["state"] == "delivered" for i in seen for a in i["alerts"] for d in a["deliveries"])
        metrics = watched.folder.request("GET", "/metrics").body.decode()
        for line in ('sluice_pipeline_runs_total{project="default",pipeline="rule",status="failed"} 2',
                     'sluice_pipeline_runs_total{project="default",pipeline="rule",status="succeeded"} 2',
                     'sluice_pipeline_incidents{project="default",pipeline="rule",severity="error"} 0',
                     'sluice_pipeline_lag_items{project="default",pipeline="rule"} 0',
                     'sluice_pipeline_freshness_state{project="default",pipeline="rule"} '):
            assert line in metrics, (line, metrics)
        listed = lambda: watched.folder.cli("pipeline", "alerts", "--all").stdout
        assert sluice.until(lambda: "pipeline.recovered delivered" in listed()), listed()
        watched.folder.cli("pipeline", "alerts", "--test", "ops")
        assert sluice.until(lambda: any("a test" in line for line in sink.slack))
    finally:
        if has_small:
            subprocess.run(["umount", str(small)], capture_output=True)


def test_a_time_that_passed_while_the_server_was_down_is_told_and_so_is_what_nobody_could_be_told(watched, receiver):
    watched.start()
    watched.endpoint(receiver)
    answer = {"up": False}
    receiver.answer = lambda request: 204 if answer["up"] else 503
    watched.collect(5)
    watched.apply("name: p\nschedule: { cron: \"0 * * * *\" }\nexport: { dataset: events }\n"
                  "load: { destination: { type: folder, path: out } }\n")
    watched.folder.kill()
    # As if it had been down for three hours.
    with sqlite3.connect(watched.folder.data / "control.sqlite") as control:
        control.execute("UPDATE pipelines SET scheduled_through = scheduled_through - 3 * 3600000000")
    watched.start()
    runs = lambda: watched.get("/v1/runs?pipeline=p")["data"]
    assert sluice.until(lambda: any(run["status"] == "succeeded" for run in runs()))
    skipped = [run for run in runs() if run["status"] == "skipped"]
    assert len(skipped) in (2, 3) and all("nothing could run" in run["reason"] for run in skipped)
    # Right after an hour the last one is on time.
    assert [run["cause"] for run in runs() if run["status"] == "succeeded"] in (["catch_up"], ["schedule"])
    # The receiver refuses it; the server dies; it comes all the same, under the same id.
    assert sluice.until(lambda: receiver.requests)
    watched.folder.kill()
    answer["up"] = True
    watched.start()
    assert sluice.until(lambda: told(receiver, "pipeline.recovered"))
    assert sluice.until(lambda: all(
        delivery["state"] == "delivered" for incident in watched.incidents() for alert in incident["alerts"]
        for delivery in alert["deliveries"]), patience=60), watched.incidents()
    with receiver.lock:
        taken = [request for request in receiver.requests if request["json"]["type"] != "pipeline.recovered"
                 and request["json"]["data"]["kind"] == "run"]
    assert len({request["id"] for request in taken}) == 1 and taken[0]["json"]["type"] in ("pipeline.skipped", "pipeline.missed")
    assert receiver.refused == []
    closed = [incident for incident in watched.incidents("state=closed") if incident["kind"] == "run"]
    assert len(closed) == 1 and closed[0]["times"] >= 2
    assert watched.incidents("state=open") == []


def test_alerts_go_by_mail_and_to_whom_a_pipeline_names(watched, sink, tmp_path):
    box = Mailbox(tmp_path, tls=False)
    try:
        watched.env = {"SLACK": sink.url + "/slack"}
        watched.start()
        mail = ("{ type: email, server: \"127.0.0.1:%d\", security: none, from: s@x.example, to: ops@x.example, default: false }"
                % box.port)
        broken = "load: { destination: { type: http, url: http://127.0.0.1:9/ } }\n"
        watched.apply(f"""
alerts: {{ mail: {mail}, ops: {{ type: slack, url: secret://env/SLACK }} }}
pipelines:
- name: loud
  export: {{ dataset: events }}
  {broken}  on_failure: {{ retry: {{ attempts: 1 }}, alert: [mail] }}
- name: quiet
  export: {{ dataset: events }}
  {broken}  on_failure: {{ retry: {{ attempts: 1 }}, alert: none }}
""")
        watched.collect(1)
        for name in ("quiet", "loud"):
            assert watched.ended(watched.run(name))["status"] == "failed"
        assert sluice.until(lambda: box.mails)
        assert "pipeline loud failed" in box.mails[0][3]["subject"] and sink.slack == []
        quiet = sluice.until(lambda: watched.incidents("pipeline=quiet"))
        assert sluice.until(lambda: "nobody is told" in (watched.incidents("pipeline=quiet")[0]["alerts"][0]["problem"] or "")), quiet
        for wrong, message in (("alert: [nobody]", 'no "nobody"'), ("alert: [{ type: slack, url: \"https://x/\" }]", "is a secret")):
            path = watched.files / "wrong.yaml"
            path.write_text("name: w\nexport: { dataset: events }\nload: { destination: { type: folder, path: o } }\n"
                            "on_failure: { %s }\n" % wrong)
            done = subprocess.run([str(sluice.PROGRAM), "pipeline", "apply", str(path), "--data", str(watched.folder.data)],
                                  capture_output=True, text=True, env=sluice.environment())
            assert done.returncode != 0 and message in done.stderr, done.stderr
    finally:
        box.close()


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    made = postgres.Postgres(tmp_path_factory.mktemp("postgres") / "pg")
    yield made
    made.remove()


def warehouse(schema, more=""):
    return f"""
name: p
export: {{ dataset: events }}
load: {{ destination: {{ type: postgres, url: secret://env/WAREHOUSE, schema: {schema}, table: events }} }}
{more}
"""


def test_a_backfill_goes_on_after_a_restart_and_leaves_no_row_out_or_double(watched, database):
    watched.env = {"WAREHOUSE": database.url}
    watched.start()
    watched.collect(2000)
    watched.apply(warehouse("b"))
    assert watched.ended(watched.run())["rows"] == 2000
    before = watched.pipeline()["freshness"]
    lost = int(database.one("WITH gone AS (DELETE FROM b.events WHERE timestamp < '2026-01-06' RETURNING 1) SELECT count(*) FROM gone"))
    assert lost == 1000
    begin = {"from": "2026-01-01", "to": "2026-01-11", "window": "1d"}
    made = watched.folder.request("POST", "/v1/pipelines/p/backfills", begin)
    assert made.status == 202, made.body
    path = f"/v1/backfills/{made.json['id']}"
    assert made.json["windows"] == 10
    assert sluice.until(lambda: watched.get(path)["windows_done"] >= 2)
    assert watched.folder.request("POST", path + "/pause", {}).json["status"] in ("paused", "succeeded")
    watched.folder.kill()
    watched.start()
    # Live runs go on meanwhile, and what they load is not the backfill's.
    watched.collect(300, start=2000)
    live = watched.run()
    resumed = watched.folder.cli("pipeline", "backfill", "p", "--resume", "--json")
    assert json.loads(resumed.stdout)["status"] == "succeeded"
    assert watched.ended(live)["rows"] == 300
    done = watched.get(path)
    assert done["windows_done"] == 10 and done["seconds_left"] is None
    assert database.one("SELECT count(*) || ' ' || count(DISTINCT seq) || ' ' || count(DISTINCT event_id) FROM b.events") == "2300 2300 2300"
    windows = database.sql("SELECT seq_from, seq_to FROM b.sluice_loads WHERE pipeline = 'p' ORDER BY seq_to")
    assert len(windows) == 2 and windows[0][1] == windows[1][0]
    # Again, by hand: nothing changes, and nothing looks fresher by it.
    fresh = watched.pipeline()["freshness"]
    assert fresh["loaded_at"] > before["loaded_at"]
    again = watched.folder.cli("pipeline", "backfill", "p", "--from", "2026-01-01", "--to", "2026-01-11", "--window", "5d", "--json")
    assert json.loads(again.stdout)["rows"] == 2300
    assert watched.pipeline()["freshness"]["loaded_at"] == fresh["loaded_at"]
    assert database.one("SELECT count(*) FROM b.events") == "2300"
    run = watched.get("/v1/runs?pipeline=p&status=succeeded&limit=1")["data"][0]
    assert run["cause"] == "backfill" and run["range"]["from"] == "2026-01-06T00:00:00.000000Z"
    watched.apply("name: f\nexport: { dataset: events }\nload: { destination: { type: folder, path: o } }\n")
    refused = watched.folder.request("POST", "/v1/pipelines/f/backfills", begin)
    assert refused.status == 400 and b"twice" in refused.body


def test_what_comes_is_in_the_table_soon_and_pipelines_that_follow_come_after(watched, database):
    watched.env = {"WAREHOUSE": database.url}
    watched.start()
    watched.apply(warehouse("c", "schedule: { continuous: 5s }") + "---\n"
                  "name: copy\nafter: p\nexport: { dataset: events }\nload: { destination: { type: folder, path: out } }\n")
    assert sluice.until(lambda: watched.pipeline()["last_run"])
    chance, count, worst = random.Random(1), 0, 0.0
    for _ in range(4):
        more = chance.randrange(1, 400)
        watched.collect(more, start=count)
        count, begun = count + more, time.monotonic()
        # The table is made by the first load.
        assert sluice.until(lambda: database.one("SELECT to_regclass('c.events') IS NOT NULL") == "t"
                            and database.one("SELECT count(*) FROM c.events") == str(count))
        worst = max(worst, time.monotonic() - begun)
    print(f"a row was in the table after {worst:.1f} s at the latest")
    if os.environ.get("SLUICE_SOAK"):
        assert worst < 5
    assert database.one("SELECT count(DISTINCT seq) FROM c.events") == str(count)
    # Nothing comes: nothing runs.
    runs = lambda: watched.get("/v1/runs?pipeline=p&limit=1000")["data"]
    still = sluice.until(lambda: (now := runs()) and all(run["status"] == "succeeded" for run in now) and now)
    time.sleep(3)
    assert len(runs()) == len(still) and still[0]["cause"] == "continuous"
    copy = sluice.until(lambda: watched.get("/v1/runs?pipeline=copy&status=succeeded")["data"])[0]
    assert copy["cause"] == "after" and copy["upstream"]["p"]["status"] == "succeeded"
    shown = watched.get(f"/v1/runs/{copy['upstream']['p']['run']}")["lineage"]
    assert shown["downstream"][0]["pipeline"] == "copy" and shown["downstream"][0]["stale_since"] is None
    assert shown["destination"]["location"].endswith("events") or "events" in shown["destination"]["location"]
    for circle in ("name: copy\nafter: [other]", "name: p\nafter: [copy]"):
        text = circle + "\nexport: { dataset: events }\nload: { destination: { type: folder, path: out } }\n"
        path = watched.files / "circle.yaml"
        path.write_text(text)
        answer = watched.folder.request("POST", "/v1/pipelines", text.encode(), headers={"content-type": "application/yaml"})
        assert answer.status == 400 and b"after" in answer.body, answer.body
