"""The models of a warehouse, built by dbt in PostgreSQL and in a DuckDB file from what pipelines loaded there, against the server's
own answers: from a real project of `sluice dbt init`, by the pipelines' own step, before and after merges, late events and deletions."""

import json
import os
import pathlib
import random
import shutil

import duckdb
import pytest

import postgres
import sluice

DBT = pathlib.Path(os.environ.get("SLUICE_DBT_PROGRAM", sluice.ROOT / ".deps/dbt/bin/dbt"))
ROUNDS = int(os.environ.get("SLUICE_DBT_ROUNDS", "0"))
STEPS = ["catalog", "product_view", "cart", "purchase"]
TARGETS = ["duckdb", "postgres"]
COLUMNS = {"identities": "", "people": ", columns: [person_id, properties]", "events": ""}


class Warehouse:
    """A server with the shop's log, its pipelines into both databases, and the project that is built in each."""

    def __init__(self, place):
        assert DBT.exists(), f"dbt is needed at {DBT}: scripts/bootstrap installs it"
        self.place = place
        self.files, self.projects = place / "files", place / "projects"
        self.files.mkdir()
        self.projects.mkdir()
        self.file = self.files / "warehouse.duckdb"
        self.database = postgres.Postgres(place / "postgres")
        self.folder = sluice.Sluice(place / "data")
        self.folder.cli("import", sluice.ROOT / "Examples/shop.csv.gz", "--map",
                        "identity=user_id,event=event,timestamp=timestamp,properties=platform+acquisition_channel")
        self.project = self.projects / "warehouse"
        sluice.cli("dbt", "init", self.project)
        settings = self.project / "dbt_project.yml"
        settings.write_text(settings.read_text().replace(
            "sluice_funnels: {}", f"sluice_funnels:\n    visit: {{ steps: {json.dumps(STEPS)}, window: 7 days }}"))
        env = {"WAREHOUSE": self.database.url, "WAREHOUSE_PASSWORD": self.database.password}
        os.environ.update(env)
        try:
            self.folder.start("--allow-private", "127.0.0.0/8", "--allow-folder", str(self.files), "--dbt", str(DBT),
                              "--dbt-folder", str(self.projects))
        finally:
            for name in env:
                os.environ.pop(name)
        self.apply()

    def apply(self, **more):
        """The pipelines; `more` goes into the step that builds."""
        steps = {
            "duckdb": {"project": str(self.project), "target": "duckdb", "env": {"WAREHOUSE_FILE": str(self.file)}},
            "postgres": {
                "project": str(self.project), "target": "postgres", "env": {
                    "WAREHOUSE_PORT": str(self.database.port), "WAREHOUSE_USER": self.database.user,
                    "WAREHOUSE_DATABASE": self.database.database,
                    "DBT_ENV_SECRET_WAREHOUSE_PASSWORD": "secret://env/WAREHOUSE_PASSWORD"}},
        }
        places = {"duckdb": f"type: duckdb, path: {self.file}", "postgres": 'type: postgres, url: "secret://env/WAREHOUSE"'}
        documents = []
        for target in TARGETS:
            for table, columns in COLUMNS.items():
                step = f"dbt: {json.dumps({**steps[target], **more})}\n" if table == "events" else ""
                documents.append(
                    f"name: {target}-{table}\nexport: {{ dataset: {table}{columns} }}\n"
                    f"load: {{ destination: {{ {places[target]}, schema: sluice, table: {table} }} }}\n"
                    f"on_failure: {{ retry: {{ attempts: 1 }} }}\n{step}")
        path = self.place / "pipelines.yaml"
        path.write_text("---\n".join(documents))
        self.folder.cli("pipeline", "apply", path)

    def run(self, table, targets=TARGETS):
        """Runs the pipelines of one table, those of both databases at once."""
        begun = [self.folder.request("POST", f"/v1/pipelines/{target}-{table}/run", {}).json["id"] for target in targets]

        def over():
            runs = [self.folder.request("GET", f"/v1/runs/{run}").json for run in begun]
            return runs if all(run["status"] not in ("queued", "running") for run in runs) else None

        return sluice.until(over, pause=0.1)

    def fill(self):
        """Loads everything, and builds; each run has to succeed."""
        for table in COLUMNS:
            for run in self.run(table):
                assert run["status"] == "succeeded", json.dumps(run["steps"][-1], indent=1)[:6000]
                if table == "events":
                    step = run["steps"][-1]
                    assert step["name"] == "dbt" and step["status"] == "succeeded"
                    rules = [check["rule"] for check in step["checks"]]
                    assert rules.count("dbt_model") == 15 and rules.count("dbt_test") >= 35
                    assert {check["status"] for check in step["checks"]} == {"passed"}

    def sql(self, target, statement):
        """The rows of an answer as lists of texts."""
        if target == "postgres":
            return self.database.sql(statement)
        with duckdb.connect(str(self.file)) as connection:
            rows = connection.execute(statement).fetchall()
        return [["" if value is None else str(value) for value in row] for row in rows]

    def do(self, target, *statements):
        for statement in statements:
            self.sql(target, statement)

    def remove(self):
        self.folder.stop(code=None)
        self.database.remove()

    def agrees(self, target):
        """The models say what the server says."""
        export = self.folder.export("events", "--columns", "seq,person_id,event", "--order", "seq")
        facts = self.sql(target, "SELECT seq, person_id, event FROM analytics.fct_events ORDER BY seq")
        assert facts == [[row["seq"], row["person_id"], row["event"]] for row in export]
        counts = {}
        for row in export:
            counts[row["event"]] = counts.get(row["event"], 0) + 1
        types = self.sql(target, "SELECT event, events FROM analytics.dim_event_types")
        assert {event: int(count) for event, count in types} == counts
        for event in ("cart", "purchase"):
            report = {"type": "metric", "measure": {"event": event}, "interval": "month"}
            total = self.folder.request("POST", "/v1/reports/query", report).json["series"][0]["total"]
            assert total == counts[event]
        people = self.folder.export("people", "--columns", "person_id,events_total,first_seen,last_seen")
        moment = "to_char({}, 'YYYY-MM-DD HH24:MI:SS')" if target == "postgres" else "strftime({}, '%Y-%m-%d %H:%M:%S')"
        found = self.sql(
            target, f"SELECT person_id, events_total, {moment.format('first_seen')}, {moment.format('last_seen')} "
            "FROM analytics.dim_people ORDER BY 1")
        assert found == sorted(
            [row["person_id"], row["events_total"], *(row[name][:19].replace("T", " ") for name in ("first_seen", "last_seen"))]
            for row in people)
        report = {"type": "funnel", "steps": [{"event": name} for name in STEPS], "window": "7d"}
        steps = self.folder.request("POST", "/v1/reports/query", report).json["steps"]
        funnel = self.sql(target, "SELECT people FROM analytics.funnels WHERE funnel = 'visit' ORDER BY step")
        assert [int(row[0]) for row in funnel] == [step["people"] for step in steps]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    made = Warehouse(tmp_path_factory.mktemp("warehouse"))
    try:
        made.fill()
        yield made
    finally:
        made.remove()


def person(warehouse, identity):
    return warehouse.folder.request("GET", f"/v1/people?identity={identity}").json["id"]


def test_the_models_say_what_the_server_says_and_follow_a_merge_late_events_and_deletions(warehouse):
    for target in TARGETS:
        warehouse.agrees(target)
        assert warehouse.sql(target, "SELECT count(*) FROM analytics.dim_people") == [["600"]]
        # Nothing of the other services is there: their columns are, and empty.
        assert warehouse.sql(target, "SELECT count(stripe_revenue), count(deals), count(tickets), count(*) "
                                     "FROM analytics.person_features") == [["0", "0", "0", "600"]]
    older, younger = person(warehouse, "user_0000"), person(warehouse, "user_0001")
    untouched = {target: warehouse.sql(
        target, f"SELECT session_id FROM analytics.sessions WHERE person_id = '{person(warehouse, 'user_0005')}' ORDER BY 1")
        for target in TARGETS}
    warehouse.folder.collect(
        {"type": "alias", "identity": "user_0001", "other": "user_0000"},
        {"type": "set", "identity": "user_0001", "properties": {"email": "Ann@Example.com", "plan": "pro"}},
        # Older than all that was loaded, of somebody new who is known by an address.
        {"id": "late-1", "identity": "bob@example.com", "event": "purchase", "timestamp": "2019-05-06T07:08:09Z",
         "properties": {"revenue": 19.5, "text": 'a "quoted" ünit'}},
        {"id": "late-2", "identity": "bob@example.com", "event": "cart", "timestamp": "2019-05-06T07:30:09Z"},
        {"id": "late-3", "identity": "bob@example.com", "event": "cart", "timestamp": "2019-05-06T09:00:00Z",
         "properties": {"revenue": "not a number"}},
        {"id": "late-4", "identity": "bob@example.com", "event": "view", "timestamp": "2019-05-06T09:00:01Z",
         "properties": {"revenue": "1e39"}})
    gone = "user_0003"
    for target in TARGETS:
        text = "TEXT" if target == "postgres" else "VARCHAR"
        warehouse.do(
            target, "CREATE SCHEMA stripe", "CREATE SCHEMA salesforce", "CREATE SCHEMA zendesk",
            f"CREATE TABLE stripe.customers (id {text}, email {text})",
            "INSERT INTO stripe.customers VALUES ('c1', 'ann@example.com'), ('c2', 'nobody@example.com')",
            f"CREATE TABLE stripe.charges (id {text}, customer {text}, amount bigint, amount_refunded bigint, currency {text}, "
            f"status {text}, created bigint)",
            "INSERT INTO stripe.charges VALUES ('x1', 'c1', 1999, 0, 'usd', 'succeeded', 1700000000), "
            "('x2', 'c1', 1000, 250, 'usd', 'succeeded', 1710000000), ('x3', 'c1', 500, 0, 'usd', 'failed', 1710000000), "
            "('x4', 'c1', 700, 0, 'jpy', 'succeeded', 1710000000), ('x5', 'c2', 700, 0, 'usd', 'succeeded', 1710000000)",
            f"CREATE TABLE salesforce.contact (id {text}, email {text}, account_id {text})",
            "INSERT INTO salesforce.contact VALUES ('k1', 'BOB@example.com', 'a1'), ('k2', 'ann@example.com', 'a2')",
            f"CREATE TABLE salesforce.opportunity (id {text}, account_id {text}, amount double precision, is_won boolean, "
            "is_closed boolean, close_date date)",
            "INSERT INTO salesforce.opportunity VALUES ('o1', 'a1', 1000, true, true, '2026-01-01'), "
            "('o2', 'a1', 500, false, false, '2026-06-01'), ('o3', 'a2', 70, false, true, '2026-01-01')",
            f"CREATE TABLE zendesk.users (id bigint, email {text})",
            "INSERT INTO zendesk.users VALUES (1, 'ann@example.com')",
            f"CREATE TABLE zendesk.tickets (id bigint, requester_id bigint, status {text}, created_at timestamptz, "
            "updated_at timestamptz)",
            "INSERT INTO zendesk.tickets VALUES (1, 1, 'open', '2026-01-01 00:00:00+00', '2026-01-02 00:00:00+00'), "
            "(1, 1, 'solved', '2026-01-01 00:00:00+00', '2026-01-03 00:00:00+00'), "
            "(2, 1, 'open', '2026-02-01 00:00:00+00', '2026-02-01 00:00:00+00')",
            # What the destination does with an erasure.
            f"DELETE FROM sluice.events WHERE identity = '{gone}'")
    # The same person leaves the store, and with it the identities that are loaded next.
    warehouse.folder.cli("erase", gone)
    warehouse.fill()
    bob = person(warehouse, "bob@example.com")
    for target in TARGETS:
        warehouse.agrees(target)
        facts = warehouse.sql(
            target, "SELECT identity, min(person_id), max(person_id) FROM analytics.fct_events "
            "WHERE identity IN ('user_0000', 'user_0001') GROUP BY 1 ORDER BY 1")
        assert facts == [["user_0000", older, older], ["user_0001", older, older]]
        assert warehouse.sql(target, f"SELECT count(*) FROM analytics.dim_people WHERE person_id = '{younger}'") == [["0"]]
        assert warehouse.sql(
            target, f"SELECT identities, email FROM analytics.dim_people WHERE person_id = '{older}'"
        ) == [["2", "ann@example.com"]]
        # The person that was deleted is nowhere.
        for model in ("stg_events", "fct_events"):
            assert warehouse.sql(target, f"SELECT count(*) FROM analytics.{model} WHERE identity = '{gone}'") == [["0"]]
        # Sessions: the late ones are there, others of before are the same, and each event is in one.
        assert warehouse.sql(
            target, f"SELECT events, seconds, first_event, last_event FROM analytics.sessions WHERE person_id = '{bob}' "
            "ORDER BY session_number") in ([["2", "1320.0", "purchase", "cart"], ["2", "1.0", "cart", "view"]],
                                           [["2", "1320", "purchase", "cart"], ["2", "1", "cart", "view"]])
        assert warehouse.sql(
            target, f"SELECT session_id FROM analytics.sessions WHERE person_id = '{person(warehouse, 'user_0005')}' ORDER BY 1"
        ) == untouched[target]
        numbers = "SELECT cast({} AS double precision), {} FROM analytics.person_features WHERE person_id = '{}'"
        assert [float(value) for value in warehouse.sql(target, numbers.format(
            "stripe_revenue", "stripe_payments, stripe_payments_other_currency, tickets, tickets_open, deals, deals_won", older))[0]
        ] == [27.49, 3, 1, 2, 1, 1, 0]
        assert [float(value) for value in warehouse.sql(target, numbers.format(
            "deals_won_amount", "deals, deals_open, cast(revenue AS double precision)", bob))[0]] == [1000, 2, 1, 19.5]
        assert warehouse.sql(
            target, f"SELECT activity, activity_occurrence FROM analytics.activity_stream WHERE customer = '{bob}' ORDER BY ts"
        ) == [["purchase", "1"], ["cart", "1"], ["cart", "2"], ["view", "1"]]
        cohort = warehouse.sql(
            target, "SELECT people, returned FROM analytics.cohorts WHERE cohort = DATE '2019-05-06' ORDER BY period_number")
        assert cohort == [["1", "1"]]
    # By `make soak`: more of the same, by chance.
    chance = random.Random(7)
    for number in range(ROUNDS):
        change(warehouse, chance, number)
        warehouse.fill()
        for target in TARGETS:
            warehouse.agrees(target)


def change(warehouse, chance, number):
    """Merges, one of them undone, events of any time, and somebody who is deleted."""
    who = lambda: f"user_{chance.randrange(600):04}"
    items = [{"type": "alias", "identity": who(), "other": who()} for _ in range(3)]
    items += [{"id": f"r{number}-{i}", "identity": who(), "event": chance.choice(STEPS),
               "timestamp": f"20{chance.randrange(10, 27)}-03-0{chance.randrange(1, 9)}T00:00:00Z"} for i in range(50)]
    warehouse.folder.collect(*items)
    aliases = warehouse.folder.request("GET", "/v1/aliases").json["data"]
    warehouse.folder.request("POST", f"/v1/aliases/{chance.choice(aliases)['seq']}/undo", {})
    gone = who()
    ids = warehouse.folder.request("GET", f"/v1/people?identity={gone}")
    if ids.status == 200:
        for target in TARGETS:
            for identity in ids.json["identities"]:
                warehouse.do(target, f"DELETE FROM sluice.events WHERE identity = '{identity}'")
        warehouse.folder.cli("erase", gone)


def test_a_test_that_fails_stops_the_run_or_is_noted_and_what_was_loaded_stays(warehouse):
    (warehouse.project / "tests").mkdir(exist_ok=True)
    broken = warehouse.project / "tests/nothing_is_well.sql"
    broken.write_text("select 1 as one union all select 2")
    try:
        warehouse.folder.collect({"id": "more-1", "identity": "cy", "event": "cart"})
        warehouse.apply(select="nothing_is_well")
        (run,) = warehouse.run("events", ["duckdb"])
        assert run["status"] == "failed" and run["rows"] == 1
        assert "nothing_is_well" in run["reason"] and "2 results" in run["reason"]
        assert [(step["name"], step["status"]) for step in run["steps"]][-2:] == [("verify", "succeeded"), ("dbt", "failed")]
        (check,) = run["steps"][-1]["checks"]
        assert check["rule"] == "dbt_test" and check["status"] == "failed" and check["rows"] == 2
        warehouse.apply(select="nothing_is_well", on_failure="warn")
        (run,) = warehouse.run("events", ["duckdb"])
        assert run["status"] == "succeeded" and run["window"]["seq_from"] == run["window"]["seq_to"]
        assert run["steps"][-1]["checks"][0]["status"] == "warned"
    finally:
        broken.unlink()
        warehouse.apply()
    # Nothing of a build is left beside the project.
    assert not (warehouse.project / "target").exists() and not (warehouse.project / "logs").exists()
    left = warehouse.folder.data / "projects/default/pipelines/duckdb-events"
    assert not left.exists() or not list(left.iterdir())


def test_a_project_is_run_only_where_the_operator_opened_a_folder(warehouse, tmp_path):
    shutil.copytree(warehouse.project, tmp_path / "other", symlinks=True)
    for project, reason in [(tmp_path / "other", "--dbt-folder"), (warehouse.files, "--dbt-folder")]:
        warehouse.apply(project=str(project))
        (run,) = warehouse.run("events", ["postgres"])
        assert run["status"] == "failed" and reason in run["reason"]
    warehouse.apply()


def test_init_writes_the_package_of_this_repository_and_nothing_twice(tmp_path):
    project = tmp_path / "my-Warehouse"
    sluice.cli("dbt", "init", project, "--target", "postgres", "--schema", "raw")
    package, source = project / "packages/sluice", sluice.ROOT / "dbt"
    files = lambda folder: {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert files(package) == files(source)
    assert (project / "dbt_packages/sluice").resolve() == package.resolve()
    assert "name: my_warehouse\n" in (project / "dbt_project.yml").read_text()
    assert "sluice_schema: raw" in (project / "dbt_project.yml").read_text()
    # No secret is in it; and the pipelines that load what it needs are good.
    assert "env_var('DBT_ENV_SECRET_WAREHOUSE_PASSWORD'" in (project / "profiles.yml").read_text()
    sluice.cli("pipeline", "check", project / "pipelines.yaml")
    assert "there already" in sluice.cli("dbt", "init", project, code=1).stderr
    (package / "dbt_project.yml").write_text("broken")
    (project / "dbt_project.yml").write_text("mine")
    sluice.cli("dbt", "init", project, "--upgrade")
    assert files(package) == files(source) and (project / "dbt_project.yml").read_text() == "mine"
    sluice.cli("dbt", "init", tmp_path / "x", "--target", "oracle", code=64)
