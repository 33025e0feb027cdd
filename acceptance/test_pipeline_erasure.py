"""Whoever is erased leaves what pipelines loaded, wherever that is, and what they keep here."""

import json
import sqlite3

import duckdb
import pytest

import sluice
from taker import Taker
from test_erasure import files_with
from test_pipelines import database, flow, loaded, table, truth, warehouse  # noqa: F401  fixtures

WHO, ALIAS = "ana.kwzq@unlikely.example", "anon-7f3kwzq-unlikely"


def erasure(folder, asked):
    return folder.request("GET", f"/v1/privacy/erasures/{asked['id']}").json


def copies(found):
    return {copy["name"].split(":")[0]: copy for copy in found["copies"] if copy["kind"] == "destination"}


def test_an_erasure_reaches_what_pipelines_loaded_and_waits_for_what_is_down(flow, database, table):
    folder, taker = flow.folder, Taker()
    folder.collect({"identity": WHO, "event": "Bought", "id": "a-1", "properties": {"plan": "Kwzq"}},
                   {"type": "alias", "identity": WHO, "other": ALIAS},
                   {"type": "set", "identity": WHO, "properties": {"email": WHO}},
                   {"type": "set", "identity": "bob", "properties": {"email": "bob@x.org"}})
    flow.collect(200)
    folder.collect({"identity": ALIAS, "event": "Seen", "id": "a-2"})
    places = {
        "pg": f"{{ type: postgres, url: secret://env/WAREHOUSE, schema: {table}, table: events }}",
        "duck": f"{{ type: duckdb, path: {flow.files}/w.duckdb, table: events }}",
        "csv": f"{{ type: folder, path: {flow.files}/csv }}", "web": f"{{ type: http, url: {taker.url} }}",
    }
    exports = {"duck": "{ dataset: events, columns: [event, identity as who, properties.plan as plan] }",
               "csv": "{ dataset: events, compression: gzip }"}
    text = "---\n".join(
        f"name: {name}\nexport: {exports.get(name, '{ dataset: events }')}\nload: {{ destination: {place} }}\n"
        for name, place in places.items())
    text += f"""---
name: people
export: {{ dataset: people, columns: ["person.email as email"], incremental: true, format: csv, where: {{ any: [{{ person: email, is: "{WHO}" }}, {{ person: email, is: bob@x.org }}] }} }}
load: {{ destination: {{ type: duckdb, path: {flow.files}/w.duckdb, table: people }}, mode: upsert, key: email }}
---
name: strict
export: {{ dataset: events }}
validate: {{ columns: {{ event: {{ accepted: [Nothing] }}, identity: {{ matches: email }} }} }}
load: {{ destination: {{ type: folder, path: {flow.files}/strict }} }}
"""
    flow.apply(text)
    for name in [*places, "people"]:
        assert flow.run(name)["status"] == "succeeded"
    strict = flow.run("strict", code=1)
    kept = folder.data / "projects/default/pipelines/strict/quarantine" / f"{strict['id']}.ndjson"
    assert WHO in kept.read_text() or ALIAS in kept.read_text()
    database.stop()
    asked = folder.request("POST", "/v1/privacy/erasures", {"identities": [WHO]}).json
    found = sluice.until(lambda: (now := erasure(folder, asked)) and len(copies(now)) == 5
                         and all(c["verified"] for n, c in copies(now).items() if n not in ("pg", "web"))
                         and copies(now)["web"]["how"] != "not done yet" and now)
    assert found and found["status"] == "running", found
    done = copies(found)
    assert not done["pg"]["verified"]
    assert done["duck"]["rows"] == 2 and done["csv"]["rows"] == 2 and done["people"]["rows"] == 1, done
    assert "out of Sluice's reach" in done["web"]["how"] and not done["web"]["verified"]
    assert WHO not in json.dumps(found) and ALIAS not in json.dumps(found)
    # Everybody else is there as before, files as their manifests say.
    with duckdb.connect(str(flow.files / "w.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT count(*), count(DISTINCT who) FROM events").fetchone() == (200, 97)
        assert connection.sql("SELECT email FROM people WHERE email IS NOT NULL").fetchall() == [("bob@x.org",)]
    (manifest,) = (flow.files / "csv").glob("*.manifest.json")
    assert json.loads(manifest.read_text())["rows"] == 200
    sluice.cli("verify", manifest)
    shown = folder.request("GET", f"/v1/runs/{strict['id']}").json
    assert all(check["samples"] == [] for step in shown["steps"] for check in step["checks"])
    assert "@unlikely" not in (kept.read_text() if kept.exists() else "")
    assert files_with(WHO, ALIAS, folder=folder.data / "projects/default/pipelines") == []
    assert WHO not in json.dumps(folder.request("GET", "/v1/pipelines/people").json)
    # A start later, and with the database there again, the rest is done.
    folder.kill()
    database.start()
    flow.start()
    found = sluice.until(lambda: (now := erasure(folder, asked)) and now["status"] == "succeeded" and now)
    assert found, erasure(folder, asked)
    assert copies(found)["pg"]["verified"] and copies(found)["pg"]["rows"] == 2
    assert database.one(f"SELECT count(*) FROM \"{table}\".events WHERE identity IN ('{WHO}', '{ALIAS}')") == "0"
    assert not list((folder.data / "projects/default/privacy").rglob("*.json"))
    # Later runs, of all that there is, too, bring nobody back.
    flow.run("pg")
    database.sql(f'DROP TABLE "{table}".events')
    assert flow.run("pg")["rows"] == 200
    assert loaded(database, table) == truth(flow)
    taker.stop()


def test_what_was_transformed_is_not_written_anew_in_plain(flow):
    flow.collect(20)
    for name, columns in [("told", "seq, identity, event"), ("hidden", "identity, event")]:
        flow.apply(f"""
name: {name}
export: {{ dataset: events, columns: [{columns}], format: csv }}
privacy: {{ identity: drop }}
load: {{ destination: {{ type: folder, path: {flow.files}/{name} }} }}
""")
        flow.run(name)
    files = {name: next((flow.files / name).glob("*.csv")) for name in ["told", "hidden"]}
    before = {name: file.read_bytes() for name, file in files.items()}
    assert all(b"user-" not in text and text.count(b"\n") == 21 for text in before.values())
    asked = flow.folder.request("POST", "/v1/privacy/erasures", {"identities": ["user-3"]}).json
    found = sluice.until(lambda: (now := erasure(flow.folder, asked))["status"] == "succeeded" and now)
    assert found and not copies(found)["hidden"]["verified"] and "transformed" in copies(found)["hidden"]["how"]
    assert files["hidden"].read_bytes() == before["hidden"]
    # By seq it can be told which rows went, and the file itself has the others.
    assert copies(found)["told"]["verified"] and copies(found)["told"]["rows"] == 1
    left = files["told"].read_bytes()
    assert set(left.splitlines()) < set(before["told"].splitlines()) and left.count(b"\n") == 20
    sluice.cli("verify", str(files["told"]) + ".manifest.json")


OLD = "2019-03-04T05:06:07Z"


def rows_of(file):
    read = {".csv": "read_csv('{}', all_varchar = true)", ".gz": "read_csv('{}', all_varchar = true)",
            ".ndjson": "read_json('{}', format = 'newline_delimited')", ".parquet": "read_parquet('{}')"}[file.suffix]
    return duckdb.sql(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {read.format(file)} ORDER BY ALL").fetchall()


def test_rows_older_than_the_store_keeps_are_taken_out_of_files_and_others_stay(flow):
    folder = flow.folder
    folder.collect(*({"identity": who, "event": "Bought", "id": f"{who}-{n}", "timestamp": time,
                      "properties": {"note": 'a "quoted",\nline', "n": n}}
                     for who in [WHO, "bob"] for n, time in enumerate([OLD, OLD, "2026-01-02T03:04:05Z"])))
    places = {"csv": "format: csv, compression: gzip", "lines": "format: ndjson", "columns": "format: parquet"}
    text = "---\n".join(
        f"name: {name}\nexport: {{ dataset: events, {form} }}\n"
        f"load: {{ destination: {{ type: folder, path: {flow.files}/{name} }} }}\n" for name, form in places.items())
    flow.apply(text + f"""---
name: joined
export: {{ dataset: events, columns: [seq, identity, event], format: ndjson }}
enrich: [{{ sql: "SELECT *, upper(event) AS loud FROM export" }}]
load: {{ destination: {{ type: folder, path: {flow.files}/joined }} }}
""")
    files = {}
    for name in [*places, "joined"]:
        assert flow.run(name)["rows"] == 6
        (files[name],) = (file for file in (flow.files / name).iterdir() if not file.name.endswith(".json"))
    before = {name: rows_of(file) for name, file in files.items()}
    folder.request("PUT", "/v1/privacy/retention", {"rules": [{"older_than": "400d"}]})
    aged = folder.request("POST", "/v1/privacy/retention/runs").json
    assert sluice.until(lambda: folder.request("GET", f"/v1/privacy/retention/runs/{aged['id']}").json["status"]
                        == "succeeded")
    assert len(folder.request("GET", "/v1/events?limit=10").json["data"]) == 2
    # What is only old may be kept longer elsewhere.
    assert {name: rows_of(file) for name, file in files.items()} == before
    asked = folder.request("POST", "/v1/privacy/erasures", {"identities": [WHO]}).json
    found = sluice.until(lambda: (now := erasure(folder, asked))["status"] == "succeeded" and now)
    for name, file in files.items():
        assert copies(found)[name]["verified"] and copies(found)[name]["rows"] == 3, (name, found)
        assert rows_of(file) == [row for row in before[name] if WHO not in row], name
        sluice.cli("verify", str(file) + ".manifest.json")
    assert files_with(WHO, folder=flow.files) == []


@pytest.mark.parametrize("first", ["ana", "bob"])
def test_two_erasures_at_once_both_take_their_rows_out_of_a_file_itself(flow, database, table, first):
    """The file of a transformation is filtered for each by itself, whichever comes first, while another place waits."""
    folder, second = flow.folder, {"ana": "bob", "bob": "ana"}[first]
    folder.collect(*({"identity": who, "event": "Bought", "id": f"{who}-{n}"} for who in ["ana", "bob", "cy"] for n in range(3)))
    flow.apply(f"""
name: joined
export: {{ dataset: events, columns: [identity, event], format: csv }}
enrich: [{{ sql: "SELECT *, upper(event) AS loud FROM export" }}]
load: {{ destination: {{ type: folder, path: {flow.files}/joined }} }}
---
name: pg
export: {{ dataset: events }}
load: {{ destination: {{ type: postgres, url: secret://env/WAREHOUSE, schema: {table}, table: events }} }}
""")
    for name in ("joined", "pg"):
        flow.run(name)
    (file,) = (flow.files / "joined").glob("*.csv")
    database.stop()
    try:
        asked = [folder.request("POST", "/v1/privacy/erasures", {"identities": [who]}).json for who in (first, second)]
        for one in asked:
            found = sluice.until(lambda: "joined" in copies(erasure(folder, one))
                                 and copies(erasure(folder, one))["joined"]["verified"] and erasure(folder, one))
            assert found and copies(found)["joined"]["rows"] == 3, found
    finally:
        database.start()
    assert [row[0] for row in rows_of(file)] == ["cy"] * 3
    sluice.cli("verify", str(file) + ".manifest.json")
    assert len(json.loads((flow.files / "joined" / (file.name + ".manifest.json")).read_text())["erasures"]) == 2
    for one in asked:
        assert sluice.until(lambda: erasure(folder, one)["status"] == "succeeded")


def test_a_query_that_makes_another_identity_proves_nothing(flow):
    flow.collect(10)
    flow.apply(f"""
name: p
export: {{ dataset: events, columns: [seq, identity, event], format: csv }}
enrich: [{{ sql: "SELECT sha256(identity) AS identity, event, row_number() OVER () AS seq FROM export" }}]
load: {{ destination: {{ type: folder, path: {flow.files}/hashed }} }}
""")
    flow.run()
    (file,) = (flow.files / "hashed").glob("*.csv")
    before = file.read_bytes()
    asked = flow.folder.request("POST", "/v1/privacy/erasures", {"identities": ["user-3"]}).json
    found = sluice.until(lambda: (now := erasure(flow.folder, asked))["status"] == "succeeded" and now)
    assert not copies(found)["p"]["verified"] and "transformed" in copies(found)["p"]["how"], found
    assert file.read_bytes() == before


def test_a_run_of_retention_that_did_not_end_has_no_file_left_as_it_is(flow):
    flow.collect(20)
    flow.apply(f"""
name: p
export: {{ dataset: events, columns: [event, timestamp], format: csv }}
load: {{ destination: {{ type: folder, path: {flow.files}/plain }} }}
""")
    assert flow.run()["rows"] == 20
    flow.folder.stop()
    with sqlite3.connect(flow.folder.data / "control.sqlite") as control:
        control.execute("INSERT INTO privacy_records (id, project, kind, status, detail, created_at, started_at) "
                        "VALUES ('cut-off', 'default', 'retention', 'failed', '{\"copies\":[]}', 1, 1)")
    control.close()
    flow.start()
    asked = flow.folder.request("POST", "/v1/privacy/erasures", {"identities": ["user-3"]}).json
    found = sluice.until(lambda: (now := erasure(flow.folder, asked))["status"] == "succeeded" and now)
    assert found and copies(found)["p"]["verified"] and copies(found)["p"]["rows"] == 1, found
    (file,) = (flow.files / "plain").glob("*.csv")
    assert len(rows_of(file)) == 19
    sluice.cli("verify", str(file) + ".manifest.json")
