"""Pipelines against the real program and a real PostgreSQL: what was collected is at the destination, once, whatever happens."""

import csv
import json
import os
import random
import re
import subprocess
import time

import duckdb
import pytest

import postgres
import sluice
from taker import Taker

SEEDS = int(os.environ.get("SLUICE_PIPELINE_SEEDS", "4"))


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    made = postgres.Postgres(tmp_path_factory.mktemp("postgres") / "pg")
    yield made
    made.remove()


@pytest.fixture
def table(database, request):
    """A schema of its own for each test."""
    name = "t_" + str(abs(hash(request.node.nodeid)) % 10**9)
    yield name
    database.sql(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')


class Flow:
    """A server with pipelines, and the environment in which it runs."""

    def __init__(self, folder, files, **env):
        self.folder = folder
        self.files = files
        self.env = env

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

    def run(self, name="p", code=0):
        done = self.folder.cli("pipeline", "run", name, "--wait", "--json", code=code)
        return json.loads(done.stdout)

    def collect(self, count, start=0, at="2026-01-31T12:00:00Z"):
        batch = [
            {"identity": f"user-{i % 97}", "event": f"Event {i % 7}", "timestamp": at, "id": f"e-{start + i}",
             "properties": {"number": start + i, "text": 'a "quoted", and\nbroken ünit \\ "', "deep": {"list": [1, None]}}}
            for i in range(count)
        ]
        for first in range(0, count, 1000):
            self.folder.collect(*batch[first:first + 1000])


@pytest.fixture
def flow(folder, tmp_path, database):
    files = tmp_path / "files"
    files.mkdir()
    made = Flow(folder, files, WAREHOUSE=database.url, WRONG=database.url.replace("pass", "guess"))
    yield made.start()


def warehouse(schema, extra="", url="secret://env/WAREHOUSE", load=""):
    return f"""
name: p
export: {{ dataset: events }}
load: {{ destination: {{ type: postgres, url: "{url}", schema: {schema}, table: events }}{load} }}
on_failure: {{ retry: {{ attempts: 3, base: 1s, backoff: fixed }} }}
{extra}
"""


def truth(flow):
    """All events as the store has them."""
    path = flow.files / "truth.csv"
    flow.folder.cli("export", "events", "--columns", "seq,event_id,identity,event,timestamp,received_at,properties",
                    "--out", path)
    return sorted((int(row["seq"]), row["event_id"], row["identity"], row["event"], row["timestamp"],
                   row["received_at"], json.dumps(json.loads(row["properties"]), sort_keys=True))
                  for row in sluice.read_csv(path))


def loaded(database, schema):
    """All events as the table has them."""
    time_format = "YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\""
    rows = database.sql(
        f"SELECT seq, event_id, identity, event, to_char(timestamp AT TIME ZONE 'UTC', '{time_format}'), "
        f"to_char(received_at AT TIME ZONE 'UTC', '{time_format}'), properties FROM \"{schema}\".events ORDER BY seq")
    return [(int(row[0]), *row[1:6], json.dumps(json.loads(row[6]), sort_keys=True)) for row in rows]


def tiles(database, schema):
    """The windows that were loaded, each beginning where the one before ended."""
    windows = [(int(a), int(b)) for a, b in database.sql(
        f'SELECT seq_from, seq_to FROM "{schema}".sluice_loads ORDER BY seq_to, seq_from')]
    end = 0
    for start, stop in windows:
        assert start == end, windows
        end = stop
    return windows


def test_a_table_has_what_was_collected_and_a_second_run_adds_what_came_late(flow, database, table):
    flow.collect(2500)
    flow.apply(warehouse(table))
    first = flow.run()
    assert first["status"] == "succeeded" and first["rows"] == 2500
    assert first["window"]["seq_from"] == 0
    assert [step["name"] for step in first["steps"]] == ["window", "export", "validate", "load", "verify"]
    assert loaded(database, table) == truth(flow)
    columns = database.sql(
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = '{table}' AND table_name = 'events' ORDER BY ordinal_position")
    assert columns == [
        ["seq", "bigint"], ["event_id", "text"], ["identity", "text"], ["event", "text"],
        ["timestamp", "timestamp with time zone"], ["received_at", "timestamp with time zone"], ["properties", "jsonb"]]
    # Events that are older than all that was loaded, and some that are there already.
    flow.collect(300, start=2400, at="2020-01-01T00:00:00Z")
    second = flow.run()
    assert second["rows"] == 200
    assert second["window"]["seq_from"] == first["window"]["seq_to"]
    assert loaded(database, table) == truth(flow)
    third = flow.run()
    assert third["status"] == "succeeded" and third["rows"] == 0
    assert loaded(database, table) == truth(flow)
    tiles(database, table)
    runs = flow.folder.request("GET", "/v1/runs?pipeline=p&status=succeeded").json["data"]
    assert [run["id"] for run in runs] == [third["id"], second["id"], first["id"]]
    assert flow.folder.request("GET", f"/v1/runs/{first['id']}").json == first
    loads = database.sql(f'SELECT run_id, pipeline, rows, stale FROM "{table}".sluice_loads ORDER BY seq_to')
    assert [first["id"], "p", "2500", "f"] in loads
    shown = flow.folder.request("GET", "/v1/pipelines").json["data"]
    assert shown[0]["name"] == "p" and shown[0]["last_run"]["status"] == "succeeded"


class Places:
    """Pipelines into every kind of destination, and what each has."""

    def __init__(self, flow, database, schema, taker):
        self.flow, self.database, self.schema, self.taker = flow, database, schema, taker
        self.files = flow.files
        self.settings = {
            "append": f"{{ type: postgres, url: secret://env/WAREHOUSE, schema: {schema}, table: events }}",
            "upsert": f"{{ type: postgres, url: secret://env/WAREHOUSE, schema: {schema}, table: once }}, mode: upsert, key: event_id",
            "duck": f"{{ type: duckdb, path: {flow.files}/w.duckdb, table: events }}",
            "lines": f"{{ type: folder, path: {flow.files}/lines }}",
            "web": f"{{ type: http, url: {taker.url}, batch_rows: 700 }}",
        }

    def definition(self, name):
        form = ", format: ndjson" if name == "lines" else ""
        # What is sent without a seq in it is cut by it all the same.
        columns = ", columns: [event_id, properties.number as number]" if name == "web" else ""
        return f"""
name: {name}
export: {{ dataset: events{form}{columns} }}
load: {{ destination: {self.settings[name]} }}
on_failure: {{ retry: {{ attempts: 2, base: 1s, backoff: fixed }} }}
"""

    def ids(self, name):
        """The ids of all events that are there, each as often as it is."""
        if name in ("append", "upsert"):
            table = "events" if name == "append" else "once"
            return sorted(row[0] for row in self.database.sql(f'SELECT event_id FROM "{self.schema}".{table}'))
        if name == "duck":
            with duckdb.connect(str(self.files / "w.duckdb"), read_only=True) as connection:
                return sorted(row[0] for row in connection.sql("SELECT event_id FROM events").fetchall())
        if name == "lines":
            finished = [str(path).removesuffix(".manifest.json") for path in (self.files / "lines").glob("*.manifest.json")]
            return sorted(json.loads(line)["event_id"] for path in finished for line in open(path))
        return sorted(row["event_id"] for row in self.taker.rows)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_is_killed_every_destination_equals_the_store(flow, database, table, seed):
    """Random pipelines, while events keep arriving, many of them late: the server, the database, connections and requests are killed."""
    chance, taker = random.Random(seed), Taker()
    places = Places(flow, database, table, taker)
    names = chance.sample(sorted(places.settings), 3)
    flow.apply("---".join(places.definition(name) for name in names))
    taker.trouble = lambda: random.choice([None] * 6 + ["lost", 500, 503])
    count = 0
    for _ in range(3):
        for name in names:
            flow.folder.request("POST", f"/v1/pipelines/{name}/run", {})
        for _ in range(chance.randrange(2, 5)):
            more = chance.randrange(200, 1500)
            flow.collect(more, start=count, at=f"20{chance.randrange(10, 26)}-01-01T00:00:00Z")
            count += more
            time.sleep(chance.uniform(0, 0.25))
            if chance.random() < 0.4:
                flow.folder.request("POST", f"/v1/pipelines/{chance.choice(names)}/run", {})
            if chance.random() < 0.3:
                database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice'")
        kind = chance.random()
        if kind < 0.25:
            database.stop()
            database.start()
        if kind > 0.15:
            flow.folder.kill()
            flow.start()
    open_runs = lambda: [run for status in ("queued", "running") for run in
                         flow.folder.request("GET", f"/v1/runs?status={status}").json["data"]]
    sluice.until(lambda: not open_runs())
    assert not open_runs()
    taker.trouble = lambda: None
    wanted = None
    for name in names:
        assert flow.run(name)["status"] == "succeeded"
        wanted = wanted or sorted(row[1] for row in truth(flow))
        assert places.ids(name) == wanted, name
    if "append" in names:
        assert loaded(database, table) == truth(flow)
    taker.stop()


def test_values_that_a_table_has_no_place_for_do_not_hold_up_the_others(flow, database, table):
    # As deep as is taken.
    deep = "[" * 60 + "]" * 60
    odd = {"half": r'{"a":"\ud800"}', "large": '{"a":1e200000,"b":1.5}', "zero": r'{"a":"x\u0000y"}', "deep": '{"a":%s}' % deep}
    items = ",".join(f'{{"identity":"ann","event":"Odd","id":"{name}","properties":{json}}}' for name, json in odd.items())
    taken = flow.folder.request("POST", "/v1/events", f'{{"events":[{items}]}}'.encode(), key="write",
                                headers={"Content-Type": "application/json"})
    assert taken.json["accepted"] == 4, taken.json
    flow.collect(20)
    taker = Taker()
    text = warehouse(table, extra=f"""---
name: duck
export: {{ dataset: events }}
load: {{ destination: {{ type: duckdb, path: {flow.files}/w.duckdb, table: events }} }}
---
name: web
export: {{ dataset: events }}
load: {{ destination: {{ type: http, url: {taker.url} }} }}
""")
    flow.apply(text)
    run = flow.run()
    assert run["rows"] == 24, run
    (check,) = [c for step in run["steps"] for c in step["checks"] if c["rule"] == "representation"]
    assert check["status"] == "warned" and "U+FFFD" in check["message"]
    row = lambda name: database.one(f"SELECT properties FROM \"{table}\".events WHERE event_id = '{name}'")
    assert json.loads(row("half")) == {"a": "\ufffd"} and json.loads(row("zero")) == {"a": "x\ufffdy"}
    assert json.loads(row("large")) == {"a": "1e200000", "b": 1.5}
    assert json.loads(row("deep")) == json.loads(odd["deep"])
    assert flow.run("duck")["rows"] == 24
    with duckdb.connect(str(flow.files / "w.duckdb"), read_only=True) as connection:
        rows = dict(connection.sql("SELECT event_id, properties::VARCHAR FROM events").fetchall())
    assert rows["half"] == r'{"a":"\ufffd"}' and rows["large"] == odd["large"] and rows["deep"] == odd["deep"]
    # What takes text as it is gets it as it came.
    assert flow.run("web")["rows"] == 24
    assert any(rb'\ud800' in body for body in taker.taken.values())
    taker.stop()


def test_rows_without_a_key_are_put_aside_and_what_is_there_is_read_back_by_key(flow, database, table):
    flow.folder.collect(*[{"type": "set", "identity": name, "properties": {"email": f"{name}@x.org", "plan": "free"}}
                          for name in ("a", "b")], {"type": "set", "identity": "c", "properties": {"plan": "pro"}})
    # The name that the index had, for something else.
    database.sql(f'CREATE SCHEMA "{table}"; CREATE TABLE "{table}".other (x int); CREATE INDEX people_key ON "{table}".other (x)')
    flow.apply(f"""
name: p
export: {{ dataset: people, columns: ["person.email as email", "person.plan as plan"], incremental: true }}
load:
  destination: {{ type: postgres, url: secret://env/WAREHOUSE, schema: {table}, table: people }}
  mode: upsert
  key: email
""")
    run = flow.run()
    assert run["status"] == "succeeded" and run["rows"] == 2
    (check,) = [c for step in run["steps"] for c in step["checks"] if c["rule"] == "key"]
    assert check["status"] == "warned" and "1 of 3 rows" in check["message"]
    kept = flow.folder.data / "projects/default/pipelines/p/quarantine" / f"{run['id']}.ndjson"
    assert [json.loads(line)["row"]["plan"] for line in kept.read_text().splitlines()] == ["pro"]
    # A trigger keeps what is there as it is: the ledger alone would not tell.
    database.sql(f"""
        CREATE FUNCTION "{table}".keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$;
        CREATE TRIGGER keep BEFORE UPDATE ON "{table}".people FOR EACH ROW EXECUTE FUNCTION "{table}".keep()""")
    flow.folder.collect({"type": "set", "identity": "a", "properties": {"plan": "pro"}})
    run = flow.run(code=1)
    assert run["status"] == "failed" and "by their key" in run["reason"]
    assert database.sql(f'SELECT DISTINCT stale FROM "{table}".sluice_loads') == [["t"]] and run["stale"]
    database.sql(f'DROP TRIGGER keep ON "{table}".people')
    assert flow.run()["rows"] == 1
    assert database.sql(f'SELECT DISTINCT stale FROM "{table}".sluice_loads') == [["f"]]
    assert database.sql(f'SELECT email, plan FROM "{table}".people ORDER BY 1') == [["a@x.org", "pro"], ["b@x.org", "free"]]


def test_what_is_replaced_in_a_folder_is_one_file_and_stale_where_the_new_one_failed(flow):
    text = f"""
name: p
export: {{ dataset: events, incremental: false }}
load: {{ destination: {{ type: folder, path: {flow.files}/all }} }}
on_failure: {{ fallback: previous }}
"""
    for count in (30, 50):
        flow.collect(count)
        flow.apply(text)
        assert flow.run()["rows"] == count
    manifest = lambda: json.loads(next((flow.files / "all").glob("*.manifest.json")).read_text())
    assert len(list((flow.files / "all").iterdir())) == 2 and manifest()["rows"] == 50 and manifest()["stale"] is False
    flow.apply(text + "validate: { row_count: { min: 1000 } }\n")
    flow.collect(60)
    run = flow.run(code=1)
    assert run["status"] == "stale" and run["stale"] is True and manifest()["stale"] is True and manifest()["rows"] == 50
    flow.apply(text)
    assert flow.run()["rows"] == 60
    assert manifest()["stale"] is False and len(list((flow.files / "all").iterdir())) == 2


def test_the_file_of_a_run_is_kept_if_it_is_to_be_and_goes_with_who_is_in_it(flow, tmp_path):
    identity = tmp_path / "identity.txt"
    subprocess.run(["age-keygen", "-o", identity], check=True, capture_output=True)
    recipient = re.search("age1[a-z0-9]+", identity.read_text())[0]
    for name, retain in (("plain", "files: 7d"), ("sealed", f"files: 7d, encrypt: {recipient}"), ("gone", "files: until_verified")):
        flow.apply(f"""
name: {name}
export: {{ dataset: events, columns: [seq, identity, event], format: csv }}
load: {{ destination: {{ type: folder, path: {flow.files}/{name} }} }}
retain: {{ {retain} }}
""")
    flow.collect(20)
    first = {name: flow.run(name) for name in ("plain", "sealed", "gone")}
    shown = {name: flow.folder.request("GET", f"/v1/runs/{run['id']}").json["file"] for name, run in first.items()}
    assert shown["gone"] is None and not shown["plain"]["encrypted"] and shown["sealed"]["encrypted"]
    assert flow.folder.request("GET", f"/v1/runs/{first['gone']['id']}/file").status == 410
    plain, sealed = tmp_path / "plain.csv", tmp_path / "sealed.csv.age"
    flow.folder.cli("pipeline", "file", first["plain"]["id"], "--out", plain)
    flow.folder.cli("pipeline", "file", first["sealed"]["id"], "--out", sealed)
    (loaded,) = (flow.files / "plain").glob("*.csv")
    assert plain.read_bytes() == loaded.read_bytes() and plain.stat().st_size == shown["plain"]["bytes"]
    opened = subprocess.run(["age", "-d", "-i", identity, sealed], check=True, capture_output=True).stdout
    assert opened == plain.read_bytes() and b"identity" not in sealed.read_bytes()
    # Of two windows the one goes in which somebody was.
    flow.folder.collect({"event": "Later", "identity": "unlikely@forgotten.org"})
    second = flow.run("plain")
    flow.folder.cli("erase", "unlikely@forgotten.org", "--json")
    assert flow.folder.request("GET", f"/v1/runs/{second['id']}/file").status == 410
    assert flow.folder.request("GET", f"/v1/runs/{first['plain']['id']}/file").body == plain.read_bytes()


def test_what_may_be_a_key_is_not_shown(flow):
    taker = Taker()
    flow.collect(5)
    flow.apply(f"""
destinations:
  web: {{ type: http, url: "{taker.url}?x=1", headers: {{ X-Odd: odd-value-7 }} }}
---
name: p
export: {{ dataset: events }}
load: {{ destination: {{ type: http, url: "{taker.url}", headers: {{ X-Odd: odd-value-7 }} }} }}
""")
    run = flow.run()
    told = [json.dumps(run), flow.folder.log.read_text()] + [
        flow.folder.request("GET", path).body.decode() for path in ("/v1/pipelines", "/v1/destinations", "/v1/runs")]
    path = flow.files / "pipeline.yaml"
    path.write_text(path.read_text().replace("odd-value-7", "odd-value-8").replace("with-a-key", "with-another-key"))
    told.append(flow.folder.cli("pipeline", "plan", path).stdout)
    for text in told:
        assert "odd-value" not in text and "key-in-its-path" not in text
    assert "pipeline p: change" in told[-1]
    taker.stop()


def test_a_wrong_password_is_said_and_loads_nothing(flow, database, table):
    flow.collect(10)
    flow.apply(warehouse(table, url="secret://env/WRONG"))
    run = flow.run(code=1)
    assert run["status"] == "failed" and "password authentication failed" in run["reason"]
    assert "guess" not in json.dumps(run)
    flow.apply(warehouse(table))
    assert flow.run()["rows"] == 10


def test_a_database_that_is_down_is_waited_for_and_then_loaded(flow, database, table):
    flow.collect(10)
    flow.apply(warehouse(table).replace("attempts: 3", "attempts: 20"))
    database.stop()
    try:
        run = flow.folder.request("POST", "/v1/pipelines/p/run", {}).json
        failing = lambda: flow.folder.request("GET", f"/v1/runs/{run['id']}").json
        seen = sluice.until(lambda: (now := failing()) and now["next_attempt_at"] and now)
        assert "cannot be connected to" in seen["reason"] and seen["status"] == "running"
    finally:
        database.start()
    done = sluice.until(lambda: (now := failing()) and now["status"] not in ("queued", "running") and now)
    assert done["status"] == "succeeded", done
    assert loaded(database, table) == truth(flow)


def test_a_table_that_was_dropped_is_loaded_again(flow, database, table):
    flow.collect(20)
    flow.apply(warehouse(table))
    flow.run()
    # The ledger beside it stays, as it does when somebody drops just the table.
    database.sql(f'DROP TABLE "{table}".events')
    flow.collect(5, start=20)
    run = flow.run()
    assert run["rows"] == 25 and run["window"]["seq_from"] == 0
    assert loaded(database, table) == truth(flow)
    assert flow.run()["rows"] == 0


def test_a_load_of_which_rows_are_lost_leaves_nothing_and_is_made_again(flow, database, table):
    flow.collect(20)
    flow.apply(warehouse(table))
    flow.run()
    database.sql(f"""
        CREATE FUNCTION "{table}".lose() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.event = 'Event 3' THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER lose BEFORE INSERT ON "{table}".events FOR EACH ROW EXECUTE FUNCTION "{table}".lose()""")
    flow.collect(20, start=20)
    for _ in range(2):
        run = flow.run(code=1)
        assert run["status"] == "failed" and "should be 20" in run["reason"]
    assert len(loaded(database, table)) == 20
    database.sql(f'DROP TRIGGER lose ON "{table}".events')
    assert flow.run()["rows"] == 20
    assert loaded(database, table) == truth(flow)
    tiles(database, table)


def test_two_projects_load_under_one_name_and_each_has_all_its_rows(flow, database, table):
    flow.collect(30)
    flow.apply(warehouse(table))
    flow.run()
    keys = json.loads(flow.folder.cli("projects", "create", "other", "--json").stdout)
    other = {"events": [{"identity": f"o{i}", "event": "Other", "id": f"o-{i}"} for i in range(10)]}
    assert flow.folder.request("POST", "/v1/events", other, key=keys["secret_key"]).status == 200
    flow.folder.cli("pipeline", "apply", flow.files / "pipeline.yaml", "--project", "other")
    run = json.loads(flow.folder.cli("pipeline", "run", "p", "--wait", "--json", "--project", "other").stdout)
    assert run["rows"] == 10
    assert database.one(f'SELECT count(*) FROM "{table}".events') == "40"


def test_a_column_that_is_not_there_stops_the_run_and_the_next_good_one_has_all(flow, database, table):
    flow.collect(20)
    flow.apply(warehouse(table, extra="validate: { columns: { e_mail: { required: true } } }"))
    run = flow.run(code=1)
    assert run["status"] == "failed" and 'no column "e_mail"' in run["reason"] and "renamed" in run["reason"]
    check = [check for step in run["steps"] for check in step["checks"] if check["status"] == "failed"]
    assert check[0]["rule"] == "columns"
    flow.apply(warehouse(table))
    assert flow.run()["rows"] == 20
    # Somebody renames a column of the table: a frozen schema says so, an evolving one gets it back.
    database.sql(f'ALTER TABLE "{table}".events RENAME COLUMN identity TO who')
    flow.collect(5, start=100)
    flow.apply(warehouse(table, load=", schema: freeze"))
    assert 'no column "identity"' in flow.run(code=1)["reason"]
    flow.apply(warehouse(table))
    run = flow.run()
    assert run["rows"] == 5
    assert any('"identity" was added' in (step["reason"] or "") for step in run["steps"])


def test_a_column_is_added_when_the_export_has_one_more(flow, database, table):
    flow.collect(3)
    columns = 'export: { dataset: events, columns: [seq, event_id%s] }'
    text = warehouse(table).replace("export: { dataset: events }", columns)
    flow.apply(text % "")
    flow.run()
    flow.collect(3, start=3)
    flow.apply(text % ", properties.number as number")
    assert flow.run()["rows"] == 3
    assert database.sql(f'SELECT number FROM "{table}".events ORDER BY seq') == [[""]] * 3 + [["3"], ["4"], ["5"]]


def test_a_rule_that_does_not_hold_puts_rows_aside(flow, database, table):
    flow.collect(7)
    rule = 'validate: { columns: { event: { accepted: ["Event 0", "Event 1"] } } }'
    flow.apply(warehouse(table, extra=rule))
    run = flow.run(code=1)
    assert "5 of 7 rows" in run["reason"] and run["status"] == "failed"
    kept = flow.folder.data / "projects/default/pipelines/p/quarantine" / f"{run['id']}.ndjson"
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    assert len(rows) == 5 and rows[0]["rule"] == "accepted" and rows[0]["row"]["event"] == "Event 2"
    flow.apply(warehouse(table, extra=rule.replace("] }", "], severity: warn }")))
    run = flow.run()
    assert run["rows"] == 7
    assert any(check["status"] == "warned" for step in run["steps"] for check in step["checks"])


def test_people_are_upserted_by_key(flow, database, table):
    flow.folder.collect({"type": "set", "identity": "a", "properties": {"email": "a@x.org"}},
                        {"type": "set", "identity": "b", "properties": {"email": "b@x.org", "plan": "free"}})
    flow.apply(f"""
name: p
export: {{ dataset: people, columns: ["person.email as email", "person.plan as plan"], incremental: true }}
validate: {{ columns: {{ email: {{ required: true, matches: email }} }} }}
load:
  destination: {{ type: postgres, url: secret://env/WAREHOUSE, schema: {table}, table: people }}
  mode: upsert
  key: email
""")
    assert flow.run()["rows"] == 2
    flow.folder.collect({"type": "set", "identity": "a", "properties": {"plan": "pro"}})
    assert flow.run()["rows"] == 1
    assert database.sql(f'SELECT email, plan FROM "{table}".people ORDER BY 1') == [["a@x.org", "pro"], ["b@x.org", "free"]]


def test_files_of_windows_tile_and_are_read_by_other_tools(flow):
    flow.collect(120)
    flow.apply(f"""
name: p
export: {{ dataset: events, format: parquet }}
load: {{ destination: {{ type: folder, path: {flow.files}/lake/events }} }}
""")
    flow.run()
    flow.collect(30, start=120, at="2019-01-01T00:00:00Z")
    flow.run()
    flow.run()
    lake = flow.files / "lake/events"
    names = sorted(path.name for path in lake.iterdir())
    assert len(names) == 4 and all(name + ".manifest.json" in names for name in names if name.endswith(".parquet"))
    found = duckdb.sql(f"SELECT count(*), count(DISTINCT seq) FROM '{lake}/*.parquet'").fetchone()
    assert found == (150, 150)
    for manifest in lake.glob("*.manifest.json"):
        sluice.cli("verify", manifest)
    flow.apply(f"""
name: q
export: {{ dataset: events }}
load: {{ destination: {{ type: folder, path: csv }} }}
""")
    flow.run("q")
    (path,) = (flow.folder.data / "files/csv").glob("*.csv")
    with open(path, newline="") as file:
        assert [int(row["seq"]) for row in csv.DictReader(file)] == [row[0] for row in truth(flow)]


def test_a_folder_that_is_not_allowed_is_refused(flow, tmp_path):
    flow.collect(1)
    text = "name: p\nexport: { dataset: events }\nload: { destination: { type: folder, path: PATH } }\n"
    for path in (tmp_path / "elsewhere", "/etc/sluice"):
        assert "--allow-folder" in flow.apply(text.replace("PATH", str(path))).stdout
        assert flow.run(code=1)["status"] == "failed"
    assert ":3:44: " in flow.apply(text.replace("PATH", f"{flow.files}/../elsewhere"), code=64).stderr
    assert not (tmp_path / "elsewhere").exists()


def test_an_address_that_is_not_allowed_is_refused(folder, tmp_path, database):
    folder.start()
    path = tmp_path / "p.yaml"
    url = database.url.replace("a%20pass%2Fword@", "@").replace(":@", "@")
    path.write_text(warehouse("public", url=url))
    folder.cli("pipeline", "apply", path)
    run = json.loads(folder.cli("pipeline", "run", "p", "--wait", "--json", code=1).stdout)
    assert "--allow-private" in run["reason"]


def test_a_duckdb_file_has_each_window_once(flow):
    flow.collect(500)
    flow.apply(f"""
name: p
export: {{ dataset: events }}
load: {{ destination: {{ type: duckdb, path: {flow.files}/warehouse.duckdb, table: events }} }}
""")
    flow.run()
    flow.collect(50, start=500)
    flow.run()
    with duckdb.connect(str(flow.files / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT count(*), count(DISTINCT seq) FROM events").fetchone() == (550, 550)
        assert connection.sql("SELECT sum(rows) FROM sluice_loads").fetchone() == (550,)
        assert connection.sql("SELECT properties ->> 'number' FROM events ORDER BY seq LIMIT 1").fetchone() == ("0",)


def test_a_schedule_runs_by_itself_and_what_was_missed_is_on_record(flow, database, table):
    flow.collect(5)
    flow.apply(warehouse(table, extra='schedule: { cron: "* * * * *", catch_up: latest }'))
    run = sluice.until(lambda: flow.folder.request("GET", "/v1/runs?status=succeeded").json["data"])[0]
    assert run["cause"] in ("schedule", "catch_up") and run["scheduled_for"].endswith(":00.000000Z")
    assert loaded(database, table) == truth(flow)
    flow.folder.cli("pipeline", "pause", "p")
    assert flow.folder.request("GET", "/v1/pipelines/p").json["next_run_at"] is None


def test_check_says_where_it_is_wrong(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("name: p\nexport: { dataset: events }\nload: { destination: { type: folder, path: x }, mod: append }\n")
    done = sluice.cli("pipeline", "check", path, code=64)
    assert ":3:49:" in done.stderr and 'did you mean "mode"' in done.stderr
    path.write_text(path.read_text().replace("mod:", "mode:"))
    sluice.cli("pipeline", "check", path)


def test_plan_shows_what_changes_and_apply_is_needed_to_do_it(flow, table):
    flow.apply(warehouse(table))
    path = flow.files / "pipeline.yaml"
    path.write_text(warehouse(table, extra="freshness: { warn_after: 26h }"))
    shown = flow.folder.cli("pipeline", "plan", path).stdout
    assert "pipeline p: change" in shown and "+ freshness" in shown
    assert flow.folder.request("GET", "/v1/pipelines/p").json["version"] == 1
    flow.apply(path.read_text())
    assert flow.folder.request("GET", "/v1/pipelines/p").json["version"] == 2
    flow.folder.cli("pipeline", "remove", "p")
    assert flow.folder.request("GET", "/v1/pipelines/p").status == 404


def test_names_of_properties_are_names_however_they_are_written(flow, database, table):
    """Whoever may send events may not send statements: a quote that a combining mark follows is a quote to a database."""
    names = ['q"\u0301 int); DROP TABLE bystander; --', "it's\u0301", 'two""\u200d', "plain"]
    flow.folder.collect({"identity": "ana", "event": "Odd", "id": "o-1", "properties": {name: "v" for name in names}})
    places = {
        "pg": f"{{ type: postgres, url: secret://env/WAREHOUSE, schema: {table}, table: odd }}",
        "duck": f"{{ type: duckdb, path: {flow.files}/odd.duckdb, table: odd }}",
    }
    database.sql(f'CREATE SCHEMA IF NOT EXISTS "{table}"')
    database.sql(f'CREATE TABLE "{table}".bystander (a int)')
    flow.apply("---\n".join(
        f"name: {name}\nexport: {{ dataset: events, columns: [seq, properties.*] }}\nload: {{ destination: {place} }}\n"
        for name, place in places.items()))
    for name in places:
        assert flow.run(name)["status"] == "succeeded"
    known = database.one("SELECT string_agg(column_name, '|' ORDER BY ordinal_position) FROM information_schema.columns "
                         f"WHERE table_schema = '{table}' AND table_name = 'odd'").split("|")
    assert {f"properties.{name}" for name in names} <= set(known)
    assert database.one(f'SELECT count(*) FROM "{table}".bystander') == "0"
    with duckdb.connect(str(flow.files / "odd.duckdb"), read_only=True) as connection:
        found = {row[0] for row in connection.sql("SELECT column_name FROM (DESCRIBE odd)").fetchall()}
    assert {f"properties.{name}" for name in names} <= found
