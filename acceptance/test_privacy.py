"""What a person can ask for: all that is stored of them, and that nothing more is taken once they were erased."""

import json
import stat
import threading
import urllib.parse

from sluice import until
from test_erasure import files_with

WHO = "eva.kwzq@unlikely.example"
OTHER = "anon-9d2kwzq"
VALUE = "Kwzq-Value-Unlikely"
REASON = "this identity was erased and is refused"


def erase(server, *identities, suppress=True):
    body = {"identities": list(identities), "suppress": suppress}
    run = server.request("POST", "/v1/privacy/erasures", body).json["id"]
    until(lambda: server.request("GET", f"/v1/privacy/erasures/{run}").json["status"] == "succeeded")


def count(server):
    return server.request("GET", "/v1/privacy/suppressions").json["count"]


def pages(server, path, limit=100):
    rows, cursor = [], ""
    while cursor is not None:
        page = server.request("GET", f"{path}{'&' if '?' in path else '?'}limit={limit}{cursor and '&cursor=' + cursor}").json
        rows += page["data"]
        cursor = page["next_cursor"]
    return rows


def seen(server, identity):
    return server.request("GET", "/v1/people?identity=" + urllib.parse.quote(identity)).status == 200


def call(server, path, **parameters):
    query = urllib.parse.urlencode({"_k": server.write_key, **parameters})
    return server.request("GET", f"{path}?{query}", key=None)


def segment(server, kind, **message):
    return server.request("POST", f"/v1/{kind}", {"writeKey": server.write_key, **message}, key=None)


def access(server, *identities, **keywords):
    return server.request("POST", "/v1/privacy/access", {"identities": list(identities)}, **keywords)


def test_suppress_every_way_in(folder):
    folder.start()
    folder.collect({"identity": WHO, "event": "Seen", "properties": {"v": VALUE}},
                   {"type": "alias", "identity": WHO, "other": OTHER}, {"identity": "bob", "event": "Seen"})
    assert count(folder) == 0
    erase(folder, WHO)
    assert count(folder) == 2, "all that was tied to it is refused"

    def attempt():
        reply = folder.collect(
            {"identity": WHO, "event": "Again", "properties": {"v": VALUE}}, {"identity": "bob", "event": "Again"},
            {"type": "alias", "identity": "bob", "other": OTHER}, {"identity": WHO, "event": "", "properties": {"v": VALUE}})
        assert [(r["index"], r["reason"]) for r in reply["rejected"]][:2] == [(0, REASON), (2, REASON)]
        assert (reply["accepted"], len(reply["rejected"])) == (1, 3)
        assert call(folder, "/e", _p=WHO, _n="Called", _t=1700000000, _d=1, v=VALUE).headers["Content-Type"] == "image/gif"
        assert call(folder, "/s", _p=OTHER, v=VALUE).status == 200
        assert call(folder, "/e", _p=WHO, _n="", v=VALUE).status == 200
        answer = segment(folder, "identify", userId=WHO, anonymousId="carl-anon", traits={"v": VALUE})
        assert answer.status == 200 and answer.json == {"success": True}
        assert segment(folder, "identify", userId="carl", anonymousId=OTHER, traits={"plan": "pro"}).status == 200
        path = folder.data.parent / "rows.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in [
            {"identity": "bob", "event": "Imported", "timestamp": 1700000000},
            {"identity": WHO, "event": "Imported", "timestamp": 1700000000, "properties": {"v": VALUE}},
            {"identity": WHO, "event": "", "timestamp": 1700000000}]))
        imported = json.loads(folder.cli("import", path, "--format", "ndjson", "--json", code=3).stdout)
        assert (imported["rows"], imported["rejected"]) == (3, 2)

    attempt()
    rejects = pages(folder, "/v1/rejects")
    refused = [row for row in rejects if REASON in row["reason"]]
    # Two native, two calls, one message and the alias of another, one row.
    assert len(refused) == 7 and {row["protocol"] for row in refused} == {"native", "kissmetrics", "segment", "import"}
    assert [row["raw"] for row in rejects] == [""] * len(rejects)
    assert not seen(folder, WHO) and not seen(folder, OTHER) and not seen(folder, "carl-anon")
    assert folder.request("GET", "/v1/people?identity=carl").json["identities"] == ["carl"]
    before = len(rejects)
    attempt()  # The file adds no rejects when it is sent again.
    assert len(pages(folder, "/v1/rejects")) == before + 8
    folder.stop()
    (folder.data.parent / "rows.ndjson").unlink()
    texts = [WHO, urllib.parse.quote(WHO, safe=""), urllib.parse.quote(WHO), OTHER, VALUE]
    assert files_with(*texts, folder=folder.data) == []
    assert not any(text.encode() in folder.log.read_bytes() for text in texts)
    # After a start, too.
    folder.start()
    assert count(folder) == 2
    assert folder.collect({"identity": WHO, "event": "Again"})["rejected"] == [{"index": 0, "reason": REASON}]
    answer = folder.request("POST", "/v1/privacy/suppressions/lift", {"identities": [WHO, "bob"]})
    assert answer.json == {"lifted": 1} and count(folder) == 1
    assert folder.collect({"identity": WHO, "event": "Back"})["accepted"] == 1
    assert seen(folder, WHO)
    assert folder.collect({"identity": OTHER, "event": "Back"})["accepted"] == 0


def test_suppress_in_effect_beside_traffic(server):
    """Whatever was acknowledged before is erased, whatever comes after is refused: nothing is left."""
    end = threading.Event()
    failures = []

    def send(number):
        n = 0
        while not end.is_set():
            n += 1
            reply = server.collect({"identity": WHO, "event": "Seen", "id": f"{number}-{n}"},
                                   {"identity": f"bob-{number}", "event": "Seen", "id": f"bob-{number}-{n}"})
            if reply["accepted"] not in (1, 2):
                failures.append(reply)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for sender in senders:
        sender.start()
    try:
        until(lambda: seen(server, WHO))
        erase(server, WHO)
    finally:
        end.set()
        for sender in senders:
            sender.join()
    assert not failures
    assert not seen(server, WHO) and all(seen(server, f"bob-{n}") for n in range(4))


def test_suppress_needs_the_scope_and_a_list(server):
    for path in ["/v1/privacy/suppressions/lift", "/v1/privacy/access"]:
        for body in [[], {}, {"identities": []}, {"identities": "x"}, {"identities": [1]}, {"identities": [""]},
                     {"identities": ["x" * 256]}, {"identities": ["x"], "who": "y"}, {"identities": ["x"] * 1001}, b"{"]:
            answer = server.request("POST", path, body)
            assert answer.status == 400 and answer.json["detail"], (path, body, answer.body)
        assert server.request("POST", path, {"identities": ["x"]}, key="write").status == 403
        assert server.request("POST", path, {"identities": ["x"]}, key=None).status == 401
    assert server.request("GET", "/v1/privacy/suppressions", key="write").status == 403


def test_access_has_everything(folder):
    folder.start("--hot-rows", "300")
    others = [{"identity": f"user-{n % 20}", "event": "Seen", "id": f"o-{n}"} for n in range(900)]
    for start in range(0, len(others), 100):
        folder.collect(*others[start:start + 100])
    mine = [{"identity": WHO if n % 2 else OTHER, "event": f"E{n % 3}", "id": f"m-{n}",
             "timestamp": f"2024-0{1 + n % 7}-1{n % 9}T10:00:00Z", "properties": {"n": n, "v": VALUE, "big": 12345678901234567890}}
            for n in range(1200)]
    for start in range(0, len(mine), 100):
        folder.collect(*mine[start:start + 100])
    folder.collect({"type": "alias", "identity": WHO, "other": OTHER, "id": "a-1"},
                   {"type": "alias", "identity": WHO, "other": "mistake", "id": "a-2"},
                   *[{"type": "set", "identity": WHO, "properties": {f"p{n}": n, "plan": n}} for n in range(3)],
                   {"type": "set", "identity": OTHER, "properties": {"p1": None}},
                   {"identity": WHO, "event": "", "properties": {"v": VALUE}},
                   {"identity": "user-1", "event": "", "properties": {"friend": WHO + ".uk"}})
    call(folder, "/e", _p=WHO, _n="")
    wrong = next(row for row in pages(folder, "/v1/aliases") if row["other"] == "mistake")
    folder.request("POST", f"/v1/aliases/{wrong['seq']}/undo")
    folder.cli("compact", "--wait")
    answer = access(folder, OTHER, "nobody-knows")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    bundle = answer.json
    person = folder.request("GET", f"/v1/people?identity={WHO}&include=computed").json
    (only,) = bundle["persons"]
    assert only["person_id"] == person["id"] and [i["identity"] for i in only["identities"]] == person["identities"]
    assert set(person["identities"]) == {WHO, OTHER} and all(i["first_seq"] > 900 for i in only["identities"])
    assert {k: only[k] for k in ("properties", "first_seen", "last_seen", "events_total", "computed")} == {
        k: person[k] for k in ("properties", "first_seen", "last_seen", "events_total", "computed")}
    assert only["properties"] == {"p0": 0, "p2": 2, "plan": 2}
    history = pages(folder, f"/v1/people/{person['id']}/events", limit=1000)
    assert bundle["events"] == history[::-1] and len(history) == 1200
    assert b"12345678901234567890" in answer.body, "numbers keep their digits"
    changes = pages(folder, f"/v1/people/{person['id']}/properties", limit=1000)
    key = lambda row: (row["timestamp"], row["seq"], row["name"])
    for row in changes:
        row["name"] = row.pop("property")
    assert bundle["property_changes"] == sorted(changes, key=key) and len(changes) == 7
    assert [row["other"] for row in bundle["aliases"]] == [OTHER, "mistake"]
    assert [row["undone_seq"] is None for row in bundle["aliases"]] == [True, False]
    assert len(bundle["rejects"]) == 2 and all(WHO in urllib.parse.unquote(row["raw"]) for row in bundle["rejects"])
    assert bundle["exports"] == []
    # Two persons in one document, each once.
    both = access(folder, WHO, OTHER, "user-3", "mistake").json
    assert [len(p["identities"]) for p in both["persons"]] in ([1, 2], [1, 2, 1])
    assert len(both["events"]) == 1200 + 45
    assert [e["timestamp"] for e in both["events"]] == sorted(e["timestamp"] for e in both["events"])
    assert access(folder, "nobody-knows").status == 404
    # Accesses are noted, and name nobody.
    records = pages(folder, "/v1/privacy/records", limit=1)
    assert [(r["kind"], r["status"]) for r in records] == [("access", "succeeded")] * 2
    detail = records[1]["detail"]
    assert (detail["persons"], detail["events"], detail["property_changes"], detail["aliases"], detail["rejects"]) == (
        1, 1200, 7, 2, 2)
    assert WHO not in json.dumps(records) and OTHER not in json.dumps(records)
    assert folder.request("GET", f"/v1/privacy/records/{records[0]['id']}").json == records[0]
    assert folder.request("GET", "/v1/privacy/records/prv_x").status == 404


def test_access_by_the_command_line(folder):
    folder.start()
    folder.collect({"identity": WHO, "event": "Seen", "properties": {"v": VALUE}})
    out = folder.data.parent / "me.json"
    folder.cli("access", WHO, "--out", out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with_server = json.loads(out.read_text())
    folder.stop()
    # Without a server, and on standard output.
    alone = json.loads(folder.cli("access", WHO).stdout)
    assert {**alone, "as_of": 0} == {**with_server, "as_of": 0} and len(alone["events"]) == 1
    missing = folder.data.parent / "none.json"
    assert "nobody has" in folder.cli("access", "someone-else", "--out", missing, code=1).stderr
    assert not missing.exists()


def test_access_names_the_exports_that_can_hold_them(folder):
    """Every run is in the ledger, of the command line without a server too, and after it was removed."""
    folder.start()
    folder.collect(*[{"identity": "bob", "event": "Seen", "timestamp": "2024-01-01"} for _ in range(5)])
    folder.stop()
    early = folder.data.parent / "early.csv"
    folder.cli("export", "events", "--out", early)
    folder.start()
    folder.collect({"identity": WHO, "event": "Seen", "timestamp": "2024-03-05"})
    folder.stop()
    folder.cli("export", "events", "--out", folder.data.parent / "all.csv")
    folder.start()

    def run(**spec):
        made = folder.request("POST", "/v1/exports", spec).json["id"]
        until(lambda: folder.request("GET", f"/v1/exports/{made}").json["status"] == "succeeded")
        return made

    hits = [run(dataset="events", **{"from": "2024-03-01", "to": "2024-04-01"}), run(dataset="people"),
            run(dataset="identities"), run(dataset="events", seq_from=5), run(dataset="aliases")]
    misses = [run(dataset="events", **{"from": "2024-04-01"}), run(dataset="events", seq_to=5),
              run(dataset="people", as_of_seq=5), run(dataset="property_changes")]
    # Removed: its files are gone, but it may have been fetched.
    assert folder.request("DELETE", f"/v1/exports/{hits[0]}").status == 204
    assert folder.request("GET", f"/v1/exports/{hits[0]}").status == 404
    assert hits[0] not in [r["id"] for r in pages(folder, "/v1/exports")]
    ledger = pages(folder, "/v1/exports?removed=true", limit=2)
    assert [r["id"] for r in ledger][:9] == (hits + misses)[::-1] and len(ledger) == 11
    assert [r["id"] for r in ledger if r["removed_at"]] == [hits[0]]
    by_id = {r["id"]: r for r in ledger}
    assert by_id[hits[0]]["window"] == {
        "seq_from": 0, "seq_to": 6, "as_of_seq": 6, "from": "2024-03-01T00:00:00.000000Z", "to": "2024-04-01T00:00:00.000000Z"}
    assert by_id[misses[1]]["window"] == {"seq_from": 0, "seq_to": 5, "as_of_seq": 6, "from": None, "to": None}
    assert by_id[hits[3]]["spec"] == {"dataset": "events", "seq_from": 5}
    exports = access(folder, WHO).json["exports"]
    assert exports == [ledger[9]["id"], *hits] and ledger[10]["id"] not in exports
    # A removed run whose specification named them names nobody after their erasure.
    named = run(dataset="events", where={"property": "email", "is": WHO})
    folder.request("DELETE", f"/v1/exports/{named}")
    erase(folder, WHO, suppress=False)
    assert WHO not in json.dumps(pages(folder, "/v1/exports?removed=true"))
    folder.stop()
    for path in folder.data.parent.glob("*.csv*"):
        path.unlink()
    assert files_with(WHO, folder=folder.data) == []
