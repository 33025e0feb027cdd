"""Rows joined with what others know of people, and with less of a person in them: from files, a bucket, PostgreSQL and HTTP."""

import hashlib
import hmac
import http.server
import json
import threading

import duckdb
import pytest

import object_store
import postgres
import sluice
from test_pipelines import Flow

KEY = "a pepper of more than sixteen bytes"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    made = postgres.Postgres(tmp_path_factory.mktemp("postgres") / "pg")
    yield made
    made.remove()


@pytest.fixture(scope="module")
def store():
    made = object_store.ObjectStore()
    yield made
    made.remove()


@pytest.fixture
def flow(folder, tmp_path, database, store):
    files = tmp_path / "files"
    files.mkdir()
    made = Flow(folder, files, WAREHOUSE=database.url, BUCKET_KEY=store.access_key, BUCKET_SECRET=store.secret_key,
                PEPPER=KEY)
    yield made.start()


class Pages:
    """A list in pages, by a cursor; one of its answers is an error that passes."""

    def __init__(self, rows, size=10):
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.asked.append(self.path)
                if self.headers["authorization"] != "Bearer " + KEY or len(outer.asked) == 2:
                    self.send_response(500 if len(outer.asked) == 2 else 401)
                    self.send_header("retry-after", "0")
                    self.send_header("content-length", "0")
                    self.end_headers()
                    return
                start = int(self.path.partition("after=")[2] or 0)
                page = {"data": rows[start:start + size], "next": start + size if start + size < len(rows) else None}
                body = json.dumps(page).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/customers"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def test_events_are_joined_with_four_sources_and_protected(flow, database, store):
    flow.collect(200)
    database.sql("""CREATE TABLE IF NOT EXISTS accounts (identity text, since timestamptz, seats int, ratio numeric, extra jsonb);
        TRUNCATE accounts;
        INSERT INTO accounts SELECT 'user-' || i, '2024-01-01T00:00:00Z', i, 0.5, '{"a": 1}' FROM generate_series(0, 49) i""")
    (flow.files / "regions.csv").write_text("identity,region\nuser-1,007\nuser-2,\"a, b\"\n")
    parquet = flow.files / "plans.parquet"
    duckdb.sql("SELECT 'user-' || i AS identity, 'plan ' || (i % 3) AS plan FROM range(97) t(i)").write_parquet(str(parquet))
    store.client.put_object(Bucket=store.bucket, Key="in/plans.parquet", Body=parquet.read_bytes())
    pages = Pages([{"identity": f"user-{i}", "score": i / 2} for i in range(35)])
    try:
        flow.apply(f"""
name: p
export: {{ dataset: events }}
enrich:
  - source: {{ type: postgres, url: secret://env/WAREHOUSE, query: "select identity, since, seats, ratio, extra from accounts" }}
    as: accounts
  - source: {{ type: file, path: {flow.files}/regions.csv }}
    as: regions
  - source: {{ type: s3, endpoint: "{store.url}", bucket: {store.bucket}, key: in/plans.parquet,
      access_key: secret://env/BUCKET_KEY, secret_key: secret://env/BUCKET_SECRET }}
    as: plans
  - source: {{ type: http, url: "{pages.url}", items: data, next: next, cursor: after,
      headers: {{ authorization: secret://env/BEARER }} }}
    as: scores
  - sql: |
      select e.*, a.seats, a.since, a.ratio, a.extra, r.region, p.plan, s.score
      from export e left join accounts a using (identity) left join regions r using (identity)
      left join plans p using (identity) left join scores s using (identity)
privacy: {{ identity: {{ hash: secret://env/PEPPER }}, event_id: drop, since: {{ generalise: month }} }}
load: {{ destination: {{ type: duckdb, path: {flow.files}/w.duckdb, table: events }} }}
""")
        flow.env["BEARER"] = "Bearer " + KEY
        flow.folder.stop()
        flow.start()
        run = flow.run()
        flow.collect(10, start=200)
        again = flow.run()
    finally:
        pages.close()
    step = next(step for step in run["steps"] if step["name"] == "transform")
    assert step["rows_in"] == step["rows_out"] == 200
    for said in ("accounts has 50 rows", "regions has 2 rows", "plans has 97 rows", "scores has 35 rows"):
        assert said in step["reason"]
    assert again["rows"] == 10
    assert KEY not in json.dumps(run)
    hashed = {hmac.new(KEY.encode(), f"user-{i}".encode(), hashlib.sha256).hexdigest(): i for i in range(97)}
    with duckdb.connect(str(flow.files / "w.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = ["identity", "seats", "plan", "score", "region"]
        rows = [dict(zip(names, row)) for row in connection.sql(f"SELECT {', '.join(names)} FROM events").fetchall()]
        since = connection.sql("SELECT DISTINCT CAST(since AS VARCHAR), extra FROM events WHERE since IS NOT NULL").fetchall()
        types = dict(connection.sql("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'events'").fetchall())
    assert "event_id" not in types and since == [("2024-01-01 00:00:00+00", '{"a":1}')]
    assert types["seats"] == "BIGINT" and types["since"].startswith("TIMESTAMP") and types["extra"] == "JSON"
    assert len(rows) == 210
    for row in rows:
        i = hashed[row["identity"]]
        assert row["seats"] == (i if i < 50 else None) and row["plan"] == f"plan {i % 3}"
        assert row["score"] == (i / 2 if i < 35 else None)
        assert row["region"] == {1: "007", 2: "a, b"}.get(i)
    # What was fetched is gone with the run.
    assert not [path for path in (flow.folder.data / "projects/default/pipelines").rglob("*") if path.is_file()]


def test_a_source_that_fails_says_which_and_a_step_says_what(flow, database):
    flow.collect(3)
    text = f"""
name: p
export: {{ dataset: events }}
enrich:
  - {{ source: {{ type: postgres, url: secret://env/WAREHOUSE, query: "select * from nowhere" }}, as: them }}
load: {{ destination: {{ type: folder, path: out }} }}
"""
    flow.apply(text)
    run = flow.run(code=1)
    assert run["reason"].startswith("transform: the source them: PostgreSQL refused") and "nowhere" in run["reason"]
    flow.apply(text.replace("select * from nowhere", "delete from pg_class returning oid"))
    assert flow.run(code=1)["status"] == "failed"
    for sql in ("select * from read_csv('/etc/passwd')", "select nothing from export", "copy export to '/tmp/x'"):
        flow.apply(f"""
name: p
export: {{ dataset: events }}
enrich: [{{ sql: "{sql}" }}]
load: {{ destination: {{ type: folder, path: out }} }}
""")
        assert 'step 1 of "enrich" failed' in flow.run(code=1)["reason"]
    assert not list((flow.folder.data / "files").rglob("*.csv"))


def test_a_step_that_takes_too_long_is_cut_off(flow):
    flow.collect(3)
    flow.apply("""
name: p
export: { dataset: events }
enrich: [{ sql: "select count(*) as n from range(1000000) a, range(1000000) b, export" }]
load: { destination: { type: folder, path: out }, mode: append }
timeout: 2s
on_failure: { retry: { attempts: 1 } }
""")
    run = flow.run(code=1)
    assert "longer than 2 s" in run["reason"]


def test_people_go_out_with_new_names_and_no_more_than_is_needed(flow):
    flow.folder.collect({"type": "set", "identity": "a", "properties": {"email": "ann@x.org", "ip": "10.1.2.3", "age": 37}},
                        {"type": "set", "identity": "b", "properties": {"email": "bob@y.org"}})
    flow.apply("""
name: p
export: { dataset: people, columns: ["person.email as email", "person.ip as ip", "person.age as age"] }
map: { Email: email, Hash: email, Address: ip, Age: age }
privacy: { Email: mask, Hash: { hash: secret://env/PEPPER }, Address: truncate_ip, Age: { generalise: 10 } }
load: { destination: { type: folder, path: out } }
""")
    assert flow.run()["rows"] == 2
    (path,) = (flow.folder.data / "files/out").glob("*.csv")
    rows = {row["Email"]: row for row in sluice.read_csv(path)}
    assert rows["a***@x.org"]["Address"] == "10.1.2.0" and rows["a***@x.org"]["Age"] == "30"
    assert rows["b***@y.org"]["Hash"] == hmac.new(KEY.encode(), b"bob@y.org", hashlib.sha256).hexdigest()
    sluice.cli("verify", str(path) + ".manifest.json")
