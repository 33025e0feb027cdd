"""Moving in from KISSmetrics and out to whoever reads its layout: real files, a real SDK, and readers that assume what the
known importers assume."""

import collections
import gzip
import json
import random
import subprocess
import time

import pytest

import km_importers
from sluice import PATIENCE, PROGRAM, Sluice, cli, environment

# Lines as KISSmetrics writes them, octal escapes and all.
FIRST = [
    r'{"viewed url":"http://localhost:1080/","referrer":"Direct","_n":"page view","_p":"wuyyn2wr/zk=","_t":1351187412}',
    r'{"referrer":"Direct","url":"http://localhost:1080/","_n":"visited site","_p":"wuyyn2wr/zk=","_t":1351187412}',
    r'{"_p2":"zo\303\253@example.com","_p":"wuyyn2wr/zk=","_t":1351187435}',
    r'{"name":"Zo\303\253 \302\243 \"x\"\n","_n":"test form submitted","_p":"zo\303\253@example.com","_t":1351187435}',
    # Out of order, and a repeat.
    r'{"_n":"page view","_p":"early=","_t":1351187000}',
    r'{"viewed url":"http://localhost:1080/","referrer":"Direct","_n":"page view","_p":"wuyyn2wr/zk=","_t":1351187412}',
]
SECOND = [
    r'{"_p":"fyniu56i8o9adglkgnfgt2w+gyo=","sku":"123","_t":1354670854}',
    r'{"_p":"fyniu56i8o9adglkgnfgt2w+gyo=","sku":"234","_t":1354670854}',
    r'{"_n":"opened","_p":"zo\303\253@example.com","_t":1397577453,"_c":"mobile_app","_server_timestamp":1397577456}',
    r'{"_n":"broken","_p":"a","_t":1397577453',
    r'{"_n":"half a character","_p":"b","x":"\302","_t":1397577453}',
]
HEADER = km_importers.HEADER + "\n"


def layout(folder, revisions, index=True, pack=False):
    """Writes a layout as KISSmetrics has it, with revisions of these numbers."""
    (folder / "revisions").mkdir(parents=True)
    lines = HEADER
    for number, rows in revisions.items():
        data = ("\n".join(rows) + "\n").encode()
        path = folder / f"revisions/{number}.json"
        if pack:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(data))
        else:
            path.write_bytes(data)
        lines += f"revisions/{number}.json,1351187402,1351188301,2012-10-25 17:50 GMT,2012-10-25 18:05 GMT\n"
    if index:
        (folder / "index.csv").write_text(lines)
    return folder


def load(server, *arguments, code=0, **keywords):
    done = server.cli("import", *arguments, "--json", code=code, **keywords)
    return json.loads(done.stdout), done.stderr


def counts(done):
    return [done[key] for key in ["rows", "accepted", "duplicates", "rejected"]]


def events_of(server, name="events.ndjson"):
    path = server.data.parent / name
    server.cli("export", "events", "--order", "seq", "--out", path)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def changes_of(server):
    return server.export("property-changes", "--columns", "identity,timestamp,name,value", name="changes.csv")


# Moving in


@pytest.mark.parametrize("shape", ["index", "no index", "packed", "the revisions alone", "single files"])
def test_a_layout_is_read_as_it_is(server, tmp_path, shape):
    folder = layout(tmp_path / "km", {140: FIRST, 141: SECOND}, index=shape == "index", pack=shape == "packed")
    if shape == "single files":
        (folder / "index.csv").unlink(missing_ok=True)
        inputs = [folder / "revisions/140.json", folder / "revisions/141.json"]
    else:
        inputs = [folder / "revisions"] if shape == "the revisions alone" else [folder]
    done, notes = load(server, *inputs, "--format", "kissmetrics", code=3)
    assert counts(done) == [11, 9, 1, 1]
    assert done["missing"] == []
    assert len(done["files"]) == 2 and done["files"][1]["rejects"][0]["line"] == 4
    assert ("no index.csv" in notes) == (shape in ["no index", "packed", "the revisions alone"])

    events = events_of(server)
    assert [(e["identity"], e["event"]) for e in events] == [
        ("wuyyn2wr/zk=", "page view"), ("wuyyn2wr/zk=", "visited site"), ("zoë@example.com", "test form submitted"),
        ("early=", "page view"), ("zoë@example.com", "opened"), ("b", "half a character")]
    assert events[2]["properties"] == {"name": 'Zoë £ "x"\n'}
    assert events[4]["properties"] == {}
    assert events[4]["timestamp"] == "2014-04-15T15:57:33.000000Z"
    assert events[4]["received_at"] == "2014-04-15T15:57:36.000000Z"
    assert events[5]["properties"] == {"x": "\ufffd"}
    assert events[0]["person_id"] == events[2]["person_id"] == events[4]["person_id"] != events[3]["person_id"]
    skus = [row["value"] for row in changes_of(server) if row["name"] == "sku"]
    assert skus == ["123", "234"]
    zoe = json.loads(server.cli("people", "find", "zoë@example.com", "--json").stdout)
    assert sorted(zoe["identities"]) == ["wuyyn2wr/zk=", "zoë@example.com"]

    again, _ = load(server, *inputs, "--format", "kissmetrics", code=3)
    assert counts(again) == [11, 0, 10, 1]
    assert events_of(server) == events


def test_what_is_missing_is_told(server, tmp_path):
    folder = layout(tmp_path / "km", {1: FIRST[:1], 2: FIRST[1:2], 5: FIRST[4:5], 7: SECOND[:1]})
    (folder / "revisions/2.json").unlink()
    (folder / "revisions/9.json").write_text(SECOND[1] + "\n")
    done, notes = load(server, folder)
    assert counts(done) == [4, 4, 0, 0]
    assert done["missing"] == ["revisions/2.json"]
    assert "revisions/2.json is missing" in notes and "9.json" in notes
    # Without an index, gaps are what is missing.
    (folder / "index.csv").unlink()
    done, notes = load(server, folder)
    assert counts(done) == [4, 0, 4, 0]
    assert done["missing"] == [f"revisions/{n}.json" for n in [2, 3, 4, 6, 8]]
    shown = server.cli("import", folder)
    assert "5 revisions are missing" in shown.stderr and "4 revisions: 4 rows: 0 added, 4 there already" in shown.stdout


def test_wrong_folders_and_flags(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "index.csv" in folder.cli("import", tmp_path / "empty", code=1).stderr
    assert "folder" in folder.cli("import", tmp_path / "empty", "--format", "csv", code=64).stderr
    (tmp_path / "x.json").write_text(FIRST[0] + "\n")
    assert "--format" in folder.cli("import", tmp_path / "x.json", code=64).stderr
    for flags in [["--map", "identity=u"], ["--timezone", "UTC"]]:
        folder.cli("import", tmp_path / "x.json", "--format", "kissmetrics", *flags, code=64)
        folder.cli("import", tmp_path / "x.json", "--format", "segment", *flags, code=64)
    folder.cli("import", tmp_path / "none.json", "--format", "kissmetrics", code=1)


def test_names_map_onto_those_that_are_there(server, tmp_path):
    from KISSmetrics.client import Client

    client = Client(server.write_key, trk_host=server.host, trk_scheme="http")
    client.record("ann", "Signed Up", {"Plan Name": "Pro"}, timestamp=1700000060)
    client.set("ann", {"Seats": "12"}, timestamp=1700000070)
    client.alias("ann", "anon-1")
    path = tmp_path / "1.json"
    path.write_text(
        '{"plan name":"Pro","_n":"signed up","_p":"ann","_t":1700000060}\n'
        '{"seats":"12","_p":"ann","_t":1700000070}\n'
        '{"plan name":"Max","_n":"SIGNED,UP","_p":"ann","_t":1700000080}\n')
    done, _ = load(server, path, "--format", "kissmetrics")
    # What the SDK sent with its time is what the export has.
    assert counts(done) == [3, 1, 2, 0]
    assert [(e["event"], e["properties"]) for e in events_of(server)] == [
        ("Signed Up", {"Plan Name": "Pro"}), ("Signed Up", {"Plan Name": "Max"})]


def test_an_import_that_was_cut_off_is_run_again(folder, tmp_path):
    """SIGKILL while a layout comes in; the same command then adds what is missing, and nothing twice."""
    random.seed(5)
    revisions = {n: [json.dumps({"_p": f"p{random.randrange(500)}", "_n": f"e{i % 7}", "_t": 1300000000 + n * 10000 + i,
                                 "v": str(i)}) for i in range(3000)] for n in range(1, 41)}
    layout(tmp_path / "km", revisions)
    folder.start()
    running = subprocess.Popen(
        [str(PROGRAM), "import", str(tmp_path / "km"), "--data", str(folder.data)], env=environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        runs = folder.request("GET", "/v1/imports").json["data"]
        if sum(run["status"] == "succeeded" for run in runs) >= 2:
            break
    folder.kill()
    assert running.wait(PATIENCE) != 0
    folder.start()
    done, _ = load(folder, tmp_path / "km")
    assert done["rows"] == 120000 and done["duplicates"] >= 6000 and done["rejected"] == 0
    assert done["accepted"] + done["duplicates"] == 120000
    people = folder.export("people", "--columns", "events_total", name="people.csv")
    assert sum(int(row["events_total"]) for row in people) == 120000


def test_segment_archives(server, tmp_path):
    path = tmp_path / "archive.gz"
    messages = [
        {"type": "track", "userId": "u1", "anonymousId": "x", "event": "Bought", "messageId": "m1",
         "properties": {"items": [1, {"a": None}], "revenue": 9.95}, "timestamp": "2020-01-02T03:04:05.678Z",
         "originalTimestamp": "2019-01-01T00:00:00Z", "receivedAt": "2020-01-02T03:04:07Z",
         "context": {"library": {"name": "x"}}, "integrations": {}, "version": 2, "projectId": "p"},
        {"type": "identify", "userId": "u1", "anonymousId": "x", "traits": {"plan": "pro"}, "messageId": "m2",
         "receivedAt": "2020-01-02T03:04:08Z"},
        {"type": "page", "userId": "u1", "name": "Home", "messageId": "m3", "originalTimestamp": "2020-01-02T03:05:00Z"},
        {"type": "group", "userId": "u1", "groupId": "g", "traits": {"name": "Initech"}, "messageId": "m4",
         "timestamp": "2020-01-02T03:05:01Z"},
        {"type": "alias", "userId": "u1", "previousId": "old", "messageId": "m5", "timestamp": "2020-01-02T03:05:02Z"},
        {"type": "track", "userId": "u1", "event": "Bought", "messageId": "m1", "timestamp": "2020-01-02T03:04:05.678Z"},
        {"type": "track", "event": "Nobody", "messageId": "m6"},
    ]
    path.write_bytes(gzip.compress("\n".join(json.dumps(m, ensure_ascii=False) for m in messages).encode()))
    done, _ = load(server, path, "--format", "segment", code=3)
    assert counts(done) == [7, 5, 1, 1]
    assert done["files"][0]["rejects"] == [
        {"line": 7, "reason": "userId and anonymousId are missing: give one of them"}]
    events = events_of(server)
    assert [(e["event_id"], e["event"], e["timestamp"], e["received_at"][:19]) for e in events[:1]] == [
        ("m1", "Bought", "2020-01-02T03:04:05.678000Z", "2020-01-02T03:04:07")]
    assert events[0]["properties"] == {"items": [1, {"a": None}], "revenue": 9.95}
    assert (events[1]["event"], events[1]["timestamp"]) == ("Viewed Home Page", "2020-01-02T03:05:00.000000Z")
    person = json.loads(server.cli("people", "find", "old", "--json").stdout)
    assert sorted(person["identities"]) == ["old", "u1", "x"]
    assert person["properties"] == {"plan": "pro", "Group - id": "g", "Group - name": "Initech"}
    assert counts(load(server, path, "--format", "segment", code=3)[0]) == [7, 0, 6, 1]


# Moving out


def export(server, out, *flags):
    done = server.cli("export", "events", "--format", "kissmetrics", "--out", out, "--json", *flags)
    manifest = json.loads(done.stdout)
    assert json.loads((out.parent / (out.name + ".manifest.json")).read_text()) == manifest
    cli("verify", f"{out}.manifest.json")
    return manifest


def traffic(server):
    """What people do, through the SDK and natively: repeats, sets, aliases, and what the layout has no place for."""
    from KISSmetrics.client import Client

    client = Client(server.write_key, trk_host=server.host, trk_scheme="http")
    client.record("anon-1", "Visited Site", {"Referrer": "https://example.com/?a=1&b=2"}, timestamp=1700000000)
    client.record("anon-1", "Visited Site", {"Referrer": "https://example.com/?a=1&b=2"}, timestamp=1700000000)
    client.record("anon-1", "Visited Site", {"Referrer": "Mail"}, timestamp=1700000000)
    client.alias("anon-1", "ann@example.com")
    client.record("ann@example.com", "Signed Up", {"Plan": "Pro", "Seats": "12"}, timestamp=1700000060)
    client.set("ann@example.com", {"Name": 'Ann Lee, "the first" ☃\n', "Plan": "Max"}, timestamp=1700000100)
    # Without a time, nothing is a repeat: three events within a second or two.
    for _ in range(3):
        client.record("bob", "Visited Site")
    for number in range(20):
        client.record(f"p{number % 3}", "Page View", {"Page": f"/{number}"})
    server.collect(
        {"id": "n1", "identity": "carl", "event": "Opened", "timestamp": "2026-01-01T00:00:00.25Z"},
        {"id": "n2", "identity": "carl", "event": "opened", "timestamp": "2026-01-01T00:00:00.75Z"},
        {"type": "set", "identity": "carl", "properties": {"Score": 1.50, "vip": True}, "timestamp": 1700000000},
        {"type": "set", "identity": "carl", "properties": {"Score": 2}, "timestamp": 1700000000.5},
        {"type": "set", "identity": "carl", "properties": {"Score": 1.50}, "timestamp": 1700000000.9},
        {"type": "alias", "identity": "carl", "other": "carl@example.com"},
        {"type": "alias", "identity": "carl", "other": "bob"})
    undone = server.request("GET", "/v1/aliases").json["data"]
    seq = next(a["seq"] for a in undone if {a["identity"], a["other"]} == {"carl", "bob"})
    assert server.request("POST", f"/v1/aliases/{seq}/undo").status == 200


def lowered(properties):
    """Properties as a layout has them, read back."""
    return {key.lower(): (str(value).lower() if isinstance(value, bool) else value) for key, value in properties.items()}


def picture(server):
    """People and events, without what the layout does not carry: case of names, fractions of seconds, ids, times of receipt."""
    events = collections.Counter(
        (e["identity"], e["event"].lower(), e["timestamp"][:19], json.dumps(lowered(e["properties"]), sort_keys=True))
        for e in events_of(server))
    people = {}
    for row in server.export("people", "--columns", "identities,properties,events_total,first_seen,last_seen",
                             name="people.csv"):
        people[frozenset(json.loads(row["identities"]))] = (
            lowered(json.loads(row["properties"])), row["events_total"], row["first_seen"][:19], row["last_seen"][:19])
    return events, people


def test_round_trip(server, tmp_path):
    traffic(server)
    out = tmp_path / "km"
    manifest = export(server, out)
    assert [part["file"] for part in manifest["parts"]] == ["km/revisions/1.json"]
    assert manifest["layout"]["left_out"]["undone_aliases"] == 1
    fresh = Sluice(tmp_path / "fresh")
    try:
        fresh.start()
        done, notes = load(fresh, out, "--format", "kissmetrics")
        assert counts(done) == [manifest["rows"], manifest["rows"], 0, 0]
        assert notes == ""
        assert picture(fresh) == picture(server)
        assert counts(load(fresh, out)[0]) == [manifest["rows"], 0, manifest["rows"], 0]
        # Out again, it is the same but for the order of lines of one second, which it has not.
        export(fresh, tmp_path / "again")
        one = (out / "revisions/1.json").read_text().splitlines()
        two = (tmp_path / "again/revisions/1.json").read_text().splitlines()
        assert one == two
    finally:
        fresh.stop()


def test_lines_are_those_of_kissmetrics(server, tmp_path):
    from KISSmetrics.client import Client

    client = Client(server.write_key, trk_host=server.host, trk_scheme="http")
    client.record("ann", "Signed Up", {"Plan Name": "Pro", "Seats": "12"}, timestamp=1700000060)
    client.set("ann", {"Referrer": "Direct"}, timestamp=1700000070)
    server.request("GET", f"/a?_k={server.write_key}&_p=ann&_n=anon-1&_t=1700000080&_d=1", key=None)
    export(server, tmp_path / "km")
    assert (tmp_path / "km/revisions/1.json").read_text() == (
        '{"_p":"ann","_t":1700000060,"_n":"signed up","plan name":"Pro","seats":"12"}\n'
        '{"_p":"ann","_t":1700000070,"referrer":"Direct"}\n'
        + '{"_p":"ann","_t":1700000080,"_p2":"anon-1"}\n')
    assert (tmp_path / "km/index.csv").read_text() == (
        HEADER + "revisions/1.json,1700000060,1700000080,2023-11-14 22:14 GMT,2023-11-14 22:14 GMT\n")
    assert (tmp_path / "km/status.csv").read_text() == (
        km_importers.STATUS + "\n1,1,1700000080,2023-11-14 22:14 GMT\n")


@pytest.mark.parametrize("away", [False, True], ids=["own machine", "another machine"])
def test_importers_follow_run_after_run(server, tmp_path, away):
    """Each run adds revisions; readers that remember only where they were read everything once."""
    out = tmp_path / "km"
    probing, by_index = km_importers.ByProbing(), km_importers.ByIndex()
    random.seed(7)
    total = 0
    for run in range(6):
        items = []
        for number in range(random.choice([0, 1, 7, 30])):
            identity = f"p{random.randrange(9)}"
            items.append(random.choice([
                {"identity": identity, "event": f"Event {number % 4}", "timestamp": 1600000000 + random.randrange(10**6),
                 "properties": {"Näme": "☃", "n": number, "list": [1, {"a": "b"}], "none": None, "_p": "x"}},
                {"type": "set", "identity": identity, "properties": {"Plan": number, "é": "\u0001\"\\"},
                 "timestamp": 1600000000 + random.randrange(10**6)},
                {"type": "alias", "identity": identity, "other": f"a{random.randrange(4)}", "timestamp": 1600000000 + run},
            ]))
        if items:
            assert server.collect(*items)["rejected"] == []
        flags = ["--part-rows", "4"]
        if away:
            done = cli("export", "events", "--format", "kissmetrics", "--out", out, "--json", *flags,
                       "--server", server.url, "--key", server.secret_key)
            manifest = json.loads(done.stdout)
            cli("verify", f"{out}.manifest.json")
        else:
            manifest = export(server, out, *flags)
        assert manifest["seq_from"] == total and manifest["rows"] == len(items)
        total += len(items)
        assert len(manifest["parts"]) == -(-len(items) // 4)
        probing.run(out)
        by_index.run(out)
        assert probing.rows == by_index.rows and len(probing.rows) == total
        assert sorted(p.name for p in out.iterdir()) == ["index.csv", "revisions", "sluice-state.json", "status.csv"]
    # What they made of it is what the server has.
    wanted = {}
    for row in server.export("people", "--columns", "identities,properties", name="people.csv"):
        wanted[frozenset(json.loads(row["identities"]))] = set(json.loads(row["properties"]))
    found = km_importers.people(probing.rows)
    assert set(found) == set(wanted)
    assert all({"plan", "é"} & set(found[names]) >= {n.lower() for n in wanted[names]} for names in wanted)


def test_crashes_leave_a_whole_layout(folder, tmp_path):
    """SIGKILL while runs are added; the readers see whole revisions at any moment, and in the end each line once."""
    random.seed(11)
    out = tmp_path / "km"
    probing, by_index = km_importers.ByProbing(), km_importers.ByIndex()
    folder.start()
    for round in range(6):
        items = [{"id": f"{round}-{n}", "identity": f"p{n % 50}", "event": "E", "timestamp": 1600000000 + n,
                  "properties": {"n": n}} for n in range(3000)]
        for start in range(0, len(items), 1000):
            folder.collect(*items[start:start + 1000])
        running = subprocess.Popen(
            [str(PROGRAM), "export", "events", "--format", "kissmetrics", "--part-rows", "50", "--out", str(out),
             "--data", str(folder.data)], env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.random() * 0.3)
        folder.kill()
        running.wait(PATIENCE)
        # Whatever has its name by now is whole.
        if (out / "revisions").exists():
            probing.run(out)
        folder.start()
        # The server takes up again what it had begun.
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            runs = folder.request("GET", "/v1/exports").json["data"]
            if all(run["status"] not in ["queued", "running"] for run in runs):
                break
        assert all(run["status"] == "succeeded" for run in runs), runs
        if (out / "index.csv").exists():
            by_index.run(out)
    export(folder, out, "--part-rows", "50")
    probing.run(out)
    by_index.run(out)
    assert probing.rows == by_index.rows
    assert sorted(int(r["n"]) for r in probing.rows) == sorted(n for _ in range(6) for n in range(3000))
    assert sorted(p.name for p in out.iterdir()) == ["index.csv", "revisions", "sluice-state.json", "status.csv"]


def test_a_layout_of_somebody_else_is_left_alone(server, tmp_path):
    server.collect({"identity": "a", "event": "E"})
    folder = layout(tmp_path / "km", {1: FIRST})
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    refused = server.cli("export", "events", "--format", "kissmetrics", "--out", folder, code=1)
    assert "sluice-state.json" in refused.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "km.manifest.json").exists()


def test_wrong_exports(server, tmp_path):
    def refused(*flags, code=64):
        return server.cli("export", *flags, "--format", "kissmetrics", code=code).stderr

    assert "folder" in refused("events", "--out", "-")
    (tmp_path / "file").write_text("x")
    assert "folder" in refused("events", "--out", tmp_path / "file")
    assert "events" in refused("people", "--out", tmp_path / "km")
    for flags in [["--columns", "seq"], ["--where", '{"event":"E"}'], ["--from", "-7d"], ["--compress", "gzip"],
                  ["--order", "timestamp"], ["--identified"]]:
        assert "kissmetrics" in refused("events", "--out", tmp_path / "km", *flags)
    assert "cannot" in refused("events", "--out", tmp_path / "none/km", code=1)
    assert not (tmp_path / "km").exists()


def test_over_http(server, tmp_path):
    """The API without a folder of its own: revisions as parts, and what the index says of them in the manifest."""
    server.collect(*({"identity": "a", "event": "E", "timestamp": 1600000000 + n} for n in range(5)))
    made = server.request("POST", "/v1/exports", {"dataset": "events", "format": "kissmetrics", "part_rows": 3}).json
    end = time.monotonic() + PATIENCE
    while (run := server.request("GET", f"/v1/exports/{made['id']}").json)["status"] in ["queued", "running"]:
        assert time.monotonic() < end
    manifest = run["manifest"]
    assert [r["min_timestamp"] for r in manifest["layout"]["revisions"]] == [1600000000, 1600000003]
    lines = b"".join(server.request("GET", f"/v1/exports/{made['id']}/file?part={n}").body for n in [1, 2])
    assert [json.loads(line)["_t"] for line in lines.splitlines()] == [1600000000 + n for n in range(5)]
    assert server.request("DELETE", f"/v1/exports/{made['id']}").status == 204
    assert not list((server.data / "projects/default/exports").glob("*"))
