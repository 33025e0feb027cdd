"""Keys: made for one purpose, shown once, rotated while both texts open, revoked."""

import hashlib
import json
import sqlite3

from sluice import cli, read_csv


def people(server, key):
    return server.request("GET", "/v1/people", key=key).status


def holders(folder, text):
    """The files of the folder in which a text can be read."""
    return [str(f) for f in folder.data.rglob("*") if f.is_file() and text.encode() in f.read_bytes()]


def test_life_of_a_key(server):
    made = json.loads(server.cli("keys", "create", "CRM sidebar", "--scope", "people:read", "--scope", "exports:write",
                                 "--expires", "2099-06-30", "--json").stdout)
    assert made["scopes"] == ["people:read", "exports:write"] and made["expires_at"] == "2099-06-30T00:00:00.000000Z"
    assert people(server, made["key"]) == 200
    assert server.request("GET", "/v1/exports", key=made["key"]).status == 200, "what writes exports reads them"
    for method, path in [("GET", "/v1/rejects"), ("GET", "/v1/keys"), ("POST", "/v1/imports?format=csv")]:
        assert server.request(method, path, key=made["key"]).status == 403

    rotated = json.loads(server.cli("keys", "rotate", made["id"], "--overlap", "1h", "--json").stdout)
    assert rotated["id"] == made["id"] and rotated["key"] != made["key"]
    assert people(server, made["key"]) == people(server, rotated["key"]) == 200
    server.kill()
    server.start()
    assert people(server, made["key"]) == people(server, rotated["key"]) == 200, "both are on disk"
    last = json.loads(server.cli("keys", "rotate", made["id"], "--overlap", "0s", "--json").stdout)
    assert [people(server, k["key"]) for k in (made, rotated, last)] == [200, 401, 200]

    listed = server.cli("keys", "list").stdout
    assert "CRM sidebar" in listed and "people:read exports:write" in listed and "2099-06-30" in listed
    texts = [made["key"], rotated["key"], last["key"]]
    assert not any(text in listed for text in texts)
    assert server.cli("keys", "revoke", made["id"]).stdout == f"The key {made['id']} is revoked.\n"
    assert [people(server, text) for text in texts] == [401, 401, 401]
    assert made["id"] not in server.cli("keys", "list").stdout
    assert made["id"] in server.cli("keys", "list", "--revoked").stdout
    assert "there is no key" in server.cli("keys", "rotate", made["id"], code=1).stderr

    assert [holders(server, text) for text in texts] == [[], [], []]
    log = server.log.read_text()
    assert not any(text in log for text in texts)


def test_only_the_hash_is_kept(folder):
    made = json.loads(folder.cli("keys", "create", "k", "--scope", "collect", "--json").stdout)
    with sqlite3.connect(folder.data / "control.sqlite") as control:
        row = control.execute("SELECT secret_hash, write_key FROM keys WHERE id = ?", [made["id"]]).fetchone()
    assert row == (hashlib.sha256(made["key"].encode()).digest(), None)


def test_a_repeated_request_has_no_secret(server):
    answers = [server.request("POST", "/v1/keys", {"name": "k", "scopes": ["collect"]}, headers={"Idempotency-Key": "x"})
               for _ in range(2)]
    assert answers[0].json["key"].startswith("sk_") and answers[1].json["key"] is None
    assert holders(server, answers[0].json["key"]) == []


def test_a_key_hands_out_no_more_than_it_has(server):
    guest = server.request("POST", "/v1/keys", {"name": "g", "scopes": ["admin"], "expires_at": "2099-01-01"}).json["key"]
    refused = cli("keys", "create", "k", "--scope", "people:read", "--server", server.url, "--key", guest, code=77)
    assert "ends at 2099-01-01" in refused.stderr
    cli("keys", "create", "k", "--scope", "people:read", "--expires", "2098-01-01", "--server", server.url, "--key", guest)
    reader = server.request("POST", "/v1/keys", {"name": "r", "scopes": ["people:read"]}).json["key"]
    cli("keys", "list", "--server", server.url, "--key", reader, code=77)


def test_mistakes_are_named(server):
    assert "no scope" in server.cli("keys", "create", "k", "--scope", "people", code=64).stderr
    assert "has passed" in server.cli("keys", "create", "k", "--scope", "collect", "--expires", "2020-01-01", code=64).stderr
    server.cli("keys", "create", "k", code=64)


def test_a_key_for_some_columns_reads_nothing_else(server):
    server.collect({"identity": "ann", "event": "A", "properties": {"salary": 1}},
                   {"type": "set", "identity": "ann", "properties": {"plan": "pro", "email": "ann@example.com"}})
    key = json.loads(server.cli("keys", "create", "few", "--scope", "people:read", "--scope", "events:read", "--scope",
                                "exports:write", "--column", "person_id", "--column", "person.plan", "--json").stdout)["key"]
    for path in ["/v1/people", "/v1/people?identity=ann", "/v1/people/p_b", "/v1/people/p_b/events", "/v1/rejects"]:
        assert server.request("GET", path, key=key).status == 403, path
    out = server.data.parent / "people.csv"
    few = ["--server", server.url, "--key", key, "--out", out]
    cli("export", "people", "--columns", "person_id,person.plan", *few)
    assert read_csv(out) == [{"person_id": "p_b", "person.plan": "pro"}]
    for flags in [["--columns", "person.email"], ["--columns", "person_id", "--where", '{"property": "salary", "gt": 0}'],
                  ["--columns", "person_id", "--identified"]]:
        assert "does not read the column" in cli("export", "people", *flags, *few, code=77).stderr
