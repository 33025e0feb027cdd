"""Pipelines against the real program and a real PostgreSQL: what was collected is at the destination, once, whatever happens."""

import csv
import json
import os
import random
import time

import duckdb
import pytest

import postgres
import sluice

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


@pytest.mark.parametrize("seed", range(SEEDS))
def test_killed_anywhere_the_table_equals_the_store(flow, database, table, seed):
    chance = random.Random(seed)
    flow.apply(warehouse(table))
    count = 0
    for _ in range(3):
        more = chance.randrange(2000, 12000)
        flow.collect(more, start=count, at=f"20{chance.randrange(10, 26)}-01-01T00:00:00Z")
        count += more
        flow.folder.request("POST", "/v1/pipelines/p/run", {})
        time.sleep(chance.uniform(0, 0.5))
        if chance.random() < 0.3:
            database.stop()
            database.start()
        flow.folder.kill()
        flow.start()
    open_runs = lambda: [run for status in ("queued", "running") for run in
                         flow.folder.request("GET", f"/v1/runs?status={status}").json["data"]]
    sluice.until(lambda: not open_runs())
    assert not open_runs()
    flow.run()
    assert loaded(database, table) == truth(flow)
    tiles(database, table)


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
    for path in (tmp_path / "elsewhere", "/etc/sluice", f"{flow.files}/../elsewhere"):
        flow.apply(f"name: p\nexport: {{ dataset: events }}\nload: {{ destination: {{ type: folder, path: {path} }} }}\n")
        assert flow.run(code=1)["status"] == "failed"
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
