"""The audit: who read what, in a chain that shows every change; and limits of keys."""

import json
import re
import sqlite3

from sluice import cli

PERSON = "quagga-44c1@unlikely.example"


def use(server):
    """Some reads and changes; the entries, oldest first."""
    server.collect({"identity": PERSON, "event": "Bought"}, {"identity": "bob", "event": "Bought"})
    server.request("GET", f"/v1/people?identity={PERSON}")
    server.request("POST", "/v1/people/search", {"segment": {"did": "Bought"}, "columns": ["person_id"]})
    server.request("POST", "/v1/people/batch", {"identities": ["bob", PERSON]})
    server.request("POST", "/v1/keys", {"name": "k", "scopes": ["people:read"]})
    server.request("GET", "/v1/people?identity=bob")
    return entries(server)


def entries(server):
    return server.request("GET", "/v1/audit?limit=1000").json["data"][::-1]


def control(folder):
    return folder.data / "control.sqlite"


def test_reads_and_changes_are_listed(server):
    found = use(server)
    assert [e["action"] for e in found] == [
        "people.list", "people.search", "people.batch", "keys.create", "people.list"]
    assert [e["rows"] for e in found] == [1, 2, 2, None, 1]
    assert found[0]["filter"] == {"query": {"identity": PERSON}} and "identities" in found[0]["columns"]
    listed = server.cli("audit", "list").stdout
    assert "people.search" in listed and "keys.create" in listed and "owner" not in listed
    assert "owner" in server.cli("audit", "list", "--by", "owner").stdout
    assert server.cli("audit", "list", "--action", "keys.create").stdout.count("\n") == 2
    assert "The log is intact: " in server.cli("audit", "verify").stdout
    reader = server.request("POST", "/v1/keys", {"name": "r", "scopes": ["people:read"]}).json["key"]
    cli("audit", "verify", "--server", server.url, "--key", reader, code=77)


def test_a_kill_loses_no_change_and_breaks_no_chain(server):
    server.request("POST", "/v1/keys", {"name": "k", "scopes": ["people:read"]})
    server.kill()
    server.start()
    server.request("POST", "/v1/keys", {"name": "k", "scopes": ["people:read"]})
    assert [e["action"] for e in entries(server) if e["action"] == "keys.create"] == ["keys.create"] * 2
    assert "The log is intact" in server.cli("audit", "verify").stdout


def test_flipped_bytes_are_found(server):
    found = use(server)
    server.stop()
    last = json.loads(server.cli("audit", "verify", "--json").stdout)["last_hash"]
    whole = control(server).read_bytes()
    for entry in found:
        # The request's id stands in the entry and nowhere else; one bit of it is changed, in the file itself.
        places = [m.start() for m in re.finditer(entry["request_id"].encode(), whole)]
        assert len(places) == 1
        changed = bytearray(whole)
        changed[places[0]] ^= 1
        control(server).write_bytes(changed)
        broken = server.cli("audit", "verify", code=1)
        assert f"broken at entry {entry['number']}:" in broken.stderr
        told = json.loads(server.cli("audit", "verify", "--json", code=1).stdout)
        assert told["broken_at"] == entry["number"] and told["entries"] == entry["number"] - 1
        control(server).write_bytes(whole)
    place = whole.index(PERSON.encode())
    control(server).write_bytes(whole[:place] + b"Q" + whole[place + 1:])
    assert "broken at entry" in server.cli("audit", "verify", code=1).stderr
    control(server).write_bytes(whole)
    assert "intact" in server.cli("audit", "verify").stdout

    with sqlite3.connect(control(server)) as database:
        database.execute("DELETE FROM audit WHERE number = 2")
    assert "broken at entry 2: the entry is missing" in server.cli("audit", "verify", code=1).stderr
    control(server).write_bytes(whole)
    # A chain does not know where it ended; whoever kept its hash does.
    with sqlite3.connect(control(server)) as database:
        database.execute("DELETE FROM audit WHERE number > 3")
    assert "intact: 3 entries" in server.cli("audit", "verify").stdout
    assert "cut off" in server.cli("audit", "verify", "--last", last, code=1).stderr


def test_an_erasure_takes_out_filters_and_leaves_the_chain(server):
    use(server)
    before = json.loads(server.cli("audit", "verify", "--json").stdout)
    server.cli("erase", PERSON)
    found = entries(server)
    redacted = [e for e in found if e["redacted_by"]]
    assert [e["action"] for e in redacted] == ["people.list", "people.batch"]
    assert all(e["filter"] is None and e["rows"] for e in redacted)
    assert [e["number"] for e in found if e["action"] == "audit.redact"] == [redacted[0]["redacted_by"]]
    assert [e["filter"] for e in found if e["action"] == "erasures.create"] == [None]
    verdict = json.loads(server.cli("audit", "verify", "--last", before["last_hash"], "--json").stdout)
    assert verdict["intact"] and verdict["redacted"] == 2
    receipt = server.request("GET", "/v1/privacy/erasures").json["data"][0]
    assert [(c["rows"], c["verified"]) for c in receipt["copies"] if c["kind"] == "audit"] == [(2, True)]
    server.stop()
    assert [str(f) for f in server.data.rglob("*") if f.is_file() and PERSON.encode() in f.read_bytes()] == []


def test_a_backup_has_the_chain(server, tmp_path):
    use(server)
    last = json.loads(server.cli("audit", "verify", "--json").stdout)["last_hash"]
    server.cli("backup", tmp_path / "backups")
    snapshot = next(p.parent for p in (tmp_path / "backups").rglob("control.sqlite"))
    cli("restore", snapshot, "--data", tmp_path / "again")
    told = json.loads(cli("audit", "verify", "--last", last, "--json", "--data", tmp_path / "again").stdout)
    assert told["intact"] and told["entries"] >= 5


def test_a_key_with_a_limit(server):
    made = json.loads(server.cli("keys", "create", "slow", "--scope", "people:read", "--rate-limit", "1", "--rate-burst", "2",
                                 "--json").stdout)
    assert (made["rate_limit"], made["rate_burst"]) == (1, 2)
    answers = [server.request("GET", "/v1/people", key=made["key"]) for _ in range(20)]
    refused = [a for a in answers if a.status == 429]
    assert refused and answers[0].status == 200 and int(refused[0].headers["Retry-After"]) >= 1
    assert refused[0].headers["RateLimit-Remaining"] == "0" and refused[0].json["code"] == "rate_limited"
    server.cli("keys", "create", "k", "--scope", "people:read", "--rate-limit", "0", code=64)
