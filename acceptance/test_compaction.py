"""Cold files: what leaves the store is the same wherever its rows lie, and no crash of the compactor loses or doubles a row."""

import hashlib
import http.client
import json
import os
import random
import threading

import duckdb

from sluice import PATIENCE
from test_crash import FIRST, SEEDS, WRITERS, Sender, run_until_killed, stored


def cold_folder(server):
    return server.data / "projects/default/cold"


def check_folder(server):
    """Of a server that is not running: every file is in the catalogue, every file in the catalogue is there and in order."""
    with duckdb.connect(str(server.data / "projects/default/hot.duckdb"), read_only=True) as hot:
        named = hot.execute("SELECT file, events, changes, min_seq, max_seq FROM cold_files").fetchall()
    assert sorted(row[0] for row in named) == sorted(os.listdir(cold_folder(server)))
    for file, events, changes, low, high in named:
        with duckdb.connect(str(cold_folder(server) / file), read_only=True) as cold:
            seqs = []
            for table, count in [("events", events), ("property_changes", changes)]:
                rows = cold.execute(f"SELECT (timestamp, identity_id, seq) FROM {table}").fetchall()
                keys = [((t.year, t.month), identity, t, seq) for ((t, identity, seq),) in rows]
                assert len(keys) == count and keys == sorted(keys), f"{file}: {table}"
                seqs += [key[3] for key in keys]
            assert (min(seqs), max(seqs)) == (low, high)
    return [row[0] for row in named]


def digests(server):
    """What every kind of export has in it."""
    found = {}
    for dataset, flags in [("events", "--order storage"), ("events", "--order seq"), ("events", "--order timestamp"),
                           ("events", "--seq-from 700 --seq-to 2100"), ("events", "--from 2024-02-01 --to 2024-04-15"),
                           ("events", "--format parquet"), ("property-changes", ""), ("people", ""),
                           ("people", "--columns person_id,events_total,last_seen,person.plan")]:
        path = server.data.parent / "out"
        server.cli("export", dataset, *flags.split(), "--as-of-seq", AS_OF, "--out", path)
        found[dataset, flags] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


AS_OF = "3000"


def test_exports_are_the_same_wherever_rows_lie(folder, tmp_path):
    rng = random.Random(7)
    rows = tmp_path / "rows.csv"
    with open(rows, "w") as out:
        out.write("identity,timestamp,event,n,text\n")
        for n in range(4000):
            out.write(f"i{rng.randrange(60)},2024-0{rng.randrange(1, 6)}-{rng.randrange(1, 29):02}T{n % 24:02}:00:00Z,"
                      f"E{n % 4},{n},\"a, \"\"{n}\"\"\"\n")
    sets = tmp_path / "sets.csv"
    with open(sets, "w") as out:
        out.write("identity,plan\n" + "".join(f"i{n % 60},p{n}\n" for n in range(300)))
    folder.start("--hot-rows", "100000")
    folder.cli("import", sets, "--map", "identity=identity,type:set")
    folder.cli("import", rows, "--map", "identity=identity,timestamp=timestamp,event=event,properties=n+text")
    hot = digests(folder)
    folder.stop()
    assert check_folder(folder) == []
    # New rows after the ones that count, and a generation for each few hundred.
    folder.start("--hot-rows", "300")
    for n in range(20):
        folder.collect(*[{"identity": f"i{n}", "event": "Late", "timestamp": "2024-03-03"} for _ in range(60)])
    done = json.loads(folder.cli("compact", "--wait", "--json").stdout)
    assert done["status"] == "succeeded"
    status = folder.request("GET", "/v1/status").json["projects"][0]["store"]
    assert status["hot_rows"] == 0 and status["cold_files"] >= 1 and status["compaction_error"] is None
    assert digests(folder) == hot
    folder.stop()
    files = check_folder(folder)
    assert len(files) == status["cold_files"]
    # Without a server the command compacts by itself; there is nothing left to do.
    folder.cli("compact")
    assert check_folder(folder) == files
    assert digests(folder) == hot


def test_conditions_on_people_keep_the_order(folder, tmp_path):
    """Few rows of most people and all of some: the engine must not let the dense stretches overtake the others."""
    rng = random.Random(1)
    rows = tmp_path / "rows.csv"
    with open(rows, "w") as out:
        out.write("who,what,when,vip\n")
        for _ in range(40_000):
            who = rng.randrange(300)
            rare = 150 <= who < 158 or rng.random() < 0.01
            out.write(f"u{who:03d},{'Rare' if rare else 'View'},{1760000000 + rng.randrange(60 * 86400)},{who % 7}\n")
    folder.cli("import", rows, "--map", "identity=who,event=what,timestamp=when")
    vips = tmp_path / "vips.ndjson"
    vips.write_text("".join(json.dumps({"type": "set", "identity": f"u{n:03d}", "timestamp": 1760000000,
                                        "properties": {"vip": n % 9 == 0}}) + "\n" for n in range(300)))
    folder.cli("import", vips, "--format", "ndjson")

    def digests():
        found = {}
        for where in [{"did": "Rare", "at_least": 5, "within": "60d"}, {"did": "Rare", "at_least": 3},
                      {"not": {"did": "View", "at_least": 130}}, {"person": "vip", "is": True},
                      {"all": [{"event": "View"}, {"did": "Rare", "at_least": 5}]}]:
            for flags in ["--order storage", "--order seq", "--order timestamp", "--format ndjson", "--format parquet"]:
                path = tmp_path / "out"
                done = json.loads(folder.cli("export", "events", "--where", json.dumps(where), *flags.split(), "--as-of",
                                             "2025-12-20", "--as-of-seq", 40_300, "--out", path, "--json").stdout)
                assert 0 < done["rows"] < 40_000, (where, done["rows"])
                found[json.dumps(where), flags] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    hot = digests()
    folder.cli("compact", "--wait")
    assert digests() == hot


def test_row_groups_are_the_same_wherever_rows_lie(folder, tmp_path):
    """More rows than a row group has, some of which the engine leaves out where they lie."""
    rng = random.Random(2)
    rows = tmp_path / "rows.csv"
    with open(rows, "w") as out:
        out.write("who,what,when\n")
        for _ in range(90_000):
            out.write(f"u{rng.randrange(5000)},{rng.choice('ABC')},{1760000000 + rng.randrange(9 * 86400)}\n")
    folder.cli("import", rows, "--map", "identity=who,event=what,timestamp=when")

    def digests():
        found = {}
        for order in ["storage", "seq"]:
            for flags in [[], ["--where", '{"event":["A","B"]}'], ["--compress", "zstd"]]:
                path = tmp_path / "out.parquet"
                folder.cli("export", "events", "--format", "parquet", "--order", order, "--as-of-seq", 85_000, *flags,
                           "--out", path)
                found[order, *flags] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    hot = digests()
    folder.cli("compact", "--wait")
    assert digests() == hot


def test_an_unknown_compaction_is_not_found(folder):
    folder.start()
    answer = folder.request("GET", "/v1/compactions/12")
    assert answer.status == 404 and "12" in answer.json["detail"]
    assert folder.request("POST", "/v1/compactions", key="write").status == 403


def compact_until_gone(server):
    """Asks for one compaction after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        while True:
            connection.request("POST", "/v1/compactions", headers={"Authorization": f"Bearer {server.secret_key}"})
            connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


def test_no_crash_of_the_compactor_loses_or_doubles_anything(folder):
    sent, acknowledged, before = set(), set(), {}
    files = 0
    for seed in range(FIRST, FIRST + SEEDS):
        folder.start("--hot-rows", "200")
        asking = threading.Thread(target=compact_until_gone, args=(folder,), daemon=True)
        asking.start()
        senders = [Sender(folder, f"compact-{seed}", f"c{seed}-w{n}") for n in range(WRITERS)]
        run_until_killed(folder, seed, "compaction", senders, 400)
        asking.join(PATIENCE)
        for sender in senders:
            sent |= {i for batch in sender.sent for i in batch[0]}
            acknowledged |= {i for batch in sender.acknowledged for i in batch[0]}
        folder.start("--hot-rows", "200")
        now = stored(folder, "now.csv")
        folder.stop()
        files += len(check_folder(folder))
        assert acknowledged <= now.keys(), f"seed {seed}: lost {sorted(acknowledged - now.keys())[:5]}"
        assert now.keys() <= sent, f"seed {seed}: nobody sent {sorted(now.keys() - sent)[:5]}"
        moved = {i for i, seq in before.items() if now.get(i) != seq}
        assert not moved, f"seed {seed}: stored before, now elsewhere: {sorted(moved)[:5]}"
        before = now
    assert files > 0, "nothing was ever compacted"
