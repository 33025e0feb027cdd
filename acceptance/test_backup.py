"""Backups: made beside live traffic, complete, incremental, checked by their hashes; a restored folder is the same store."""

import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import duckdb
import pytest

import sluice
from sluice import COMMAND_PATIENCE, PROGRAM, cli, environment, until
from test_crash import FIRST, SEEDS, WRITERS, Sender, stored


def backup(server, to, *flags):
    return json.loads(server.cli("backup", to, "--json", *flags).stdout)


def restore(source, folder, *flags, keys=None):
    """A data folder made of a backup, without its server."""
    told = json.loads(cli("restore", source, "--data", folder, "--json", *flags).stdout)
    made = sluice.Sluice.__new__(sluice.Sluice)
    made.data, made.keys, made.process, made.port = folder, keys, None, None
    made.log = folder.parent / (folder.name + ".log")
    return made, told


def snapshots(to):
    return sorted(os.listdir(to / "snapshots"))


def manifest(to, name):
    return json.loads((to / "snapshots" / name / "manifest.json").read_text())


def inside(folder):
    """Path → SHA-256 of every file below a folder."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*") if path.is_file() and not path.is_socket()}


EXPORTS = [("events", f"--order {order} --format {form}") for order in ("storage", "seq", "timestamp")
           for form in ("csv", "ndjson", "parquet")]
EXPORTS += [("people", f"--format {form}") for form in ("csv", "ndjson", "parquet")]
EXPORTS += [("property-changes", ""), ("aliases", ""), ("identities", ""), ("events", "--seq-from 500 --seq-to 900"),
            ("people", "--columns person_id,identities,events_total,person.plan")]


def digests(server, seq):
    """The SHA-256 of every kind of export as of one seq."""
    found = {}
    for dataset, flags in EXPORTS:
        path = server.data.parent / "out"
        server.cli("export", dataset, *flags.split(), "--as-of-seq", seq, "--out", path)
        found[dataset, flags] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def fill(server, seed, events=1500):
    """Events of two years, property changes, aliases, and a reject."""
    rng = random.Random(seed)
    items = []
    for n in range(events):
        who = f"i{rng.randrange(80)}"
        items.append({"id": f"{seed}-{n}", "identity": who, "event": f"E{n % 5}",
                      "timestamp": f"202{rng.randrange(4, 6)}-0{rng.randrange(1, 10)}-{rng.randrange(1, 29):02}T00:00:{n % 60:02}Z",
                      "properties": {"n": n, "text": "x" * rng.randrange(40)}})
        if n % 7 == 0:
            items.append({"id": f"{seed}-s{n}", "type": "set", "identity": who, "properties": {"plan": f"p{n}", "n": n}})
        if n % 50 == 0:
            items.append({"id": f"{seed}-a{n}", "type": "alias", "identity": who, "other": f"mail{rng.randrange(60)}"})
    for start in range(0, len(items), 300):
        reply = server.collect(*items[start:start + 300])
    server.collect({"identity": "", "event": "Refused"})
    return items, reply["watermark"]


@pytest.mark.parametrize("compacted", ["before", "after", "never", "by itself"])
def test_a_restored_folder_gives_the_same_bytes_and_goes_on(folder, tmp_path, compacted):
    flags = ["--hot-rows", "300"] if compacted == "by itself" else []
    folder.start(*flags)
    items, seq = fill(folder, 1)
    if compacted == "before":
        folder.cli("compact", "--wait")
    kept = folder.request("POST", "/v1/exports", {"dataset": "events", "columns": ["seq", "identity"]}).json["id"]
    until(lambda: folder.request("GET", f"/v1/exports/{kept}").json["status"] == "succeeded")
    file = folder.request("GET", f"/v1/exports/{kept}/file").body
    expected = digests(folder, seq)

    made = backup(folder, tmp_path / "backups")
    assert made["seq"] >= seq and made["erasure_epoch"] == 0 and made["removed"] == [] and made["damaged"] == []
    assert made["bytes"] == made["linked_bytes"] + made["copied_bytes"]
    assert snapshots(tmp_path / "backups") == [made["snapshot"]]
    # What came after the backup is not in it.
    folder.collect({"identity": "late", "event": "Late"})
    if compacted == "after":
        folder.cli("compact", "--wait")
    folder.stop()
    folder.start()
    assert digests(folder, seq) == expected

    again, told = restore(tmp_path / "backups", tmp_path / "again", keys=folder.keys)
    assert told["snapshot"] == made["snapshot"] and told["files"] == made["files"]
    modes = {oct(path.stat().st_mode & 0o777) for path in again.data.rglob("*")}
    assert modes == {"0o600", "0o700"} and again.data.stat().st_mode & 0o777 == 0o700
    assert json.loads(again.cli("doctor", "--json").stdout)["ok"]
    again.start()
    try:
        assert digests(again, seq) == expected
        # Keys, and exports with their files.
        assert again.request("GET", f"/v1/exports/{kept}/file").body == file
        assert not [row for row in again.export("events") if row["identity"] == "late"]
        # What was sent before is known, and what is new gets a number above everything.
        told = again.collect(*items[:200])
        assert told["duplicates"] == 200 and told["accepted"] == 0
        told = again.collect({"identity": "new", "event": "New"})
        assert told["accepted"] == 1 and told["watermark"] > made["seq"]
        assert digests(again, seq) == expected
        again.cli("compact", "--wait")
        assert digests(again, seq) == expected
        rejects = again.request("GET", "/v1/rejects").json["data"]
        assert len(rejects) == 1
    finally:
        again.stop()
    # And without a server the command opens the folder itself.
    second = backup(again, tmp_path / "others")
    assert second["seq"] > made["seq"]


def test_a_second_backup_links_what_has_not_changed(folder, tmp_path):
    folder.start("--hot-rows", "300")
    fill(folder, 2)
    folder.cli("compact", "--wait")
    to = tmp_path / "backups"
    first = backup(folder, to)
    fill(folder, 3, 30)
    second = backup(folder, to)
    files = {entry["path"]: entry for entry in manifest(to, second["snapshot"])["files"]}
    cold = [path for path in files if "/cold/" in path]
    assert cold and {path for path in cold} == {f["path"] for f in manifest(to, first["snapshot"])["files"] if "/cold/" in f["path"]}
    for path in cold:
        # The data folder's, and one in each snapshot.
        assert (folder.data / path).stat().st_nlink == 3
        assert (folder.data / path).stat().st_ino == (to / "snapshots" / second["snapshot"] / path).stat().st_ino
    assert second["linked_bytes"] >= sum(files[path]["bytes"] for path in cold)
    assert second["copied_bytes"] == sum(
        entry["bytes"] for path, entry in files.items()
        if (to / "snapshots" / second["snapshot"] / path).stat().st_nlink == 1)
    # Nothing that changes is shared with the data folder.
    assert not [path for path in files if "/cold/" not in path and "/dedup/" not in path
                and (to / "snapshots" / second["snapshot"] / path).stat().st_nlink > 1]
    assert backup(folder, to, "--verify")["bytes"] > 0
    # Merged files take the place of others; the snapshots keep what they have.
    fill(folder, 4, 400)
    folder.cli("compact", "--wait")
    for name in snapshots(to):
        assert json.loads(cli("restore", to, "--check", "--snapshot", name, "--json").stdout)["ok"]
    kept = backup(folder, to, "--keep", "2")
    assert [gone["reason"] for gone in kept["removed"]] == ["keep", "keep"] and len(snapshots(to)) == 2
    for name in snapshots(to):
        cli("restore", to / "snapshots" / name, "--check")


def test_on_another_disk_files_are_copied_once(folder, tmp_path):
    other = "/dev/shm"
    if not os.path.isdir(other) or os.stat(other).st_dev == os.stat(tmp_path).st_dev:
        other = "/var/tmp"
    to = __import__("pathlib").Path(other) / f"sluice-backup-{os.getpid()}-{random.getrandbits(32):x}"
    try:
        folder.start("--hot-rows", "300")
        _, seq = fill(folder, 5)
        folder.cli("compact", "--wait")
        expected = digests(folder, seq)
        first, second = backup(folder, to), backup(folder, to)
        cold = [f for f in manifest(to, second["snapshot"])["files"] if "/cold/" in f["path"]]
        for entry in cold:
            names = [to / "snapshots" / made["snapshot"] / entry["path"] for made in (first, second)]
            assert names[0].stat().st_ino == names[1].stat().st_ino
        assert second["linked_bytes"] >= sum(entry["bytes"] for entry in cold) > 0
        again, _ = restore(to, tmp_path / "again", keys=folder.keys)
        again.start()
        assert digests(again, seq) == expected
        again.stop()
    finally:
        shutil.rmtree(to, ignore_errors=True)


def test_a_damaged_snapshot_is_found_and_named(folder, tmp_path):
    folder.start("--hot-rows", "300")
    fill(folder, 6)
    folder.cli("compact", "--wait")
    folder.stop()
    to = tmp_path / "backups"
    made = backup(folder, to)
    whole = to / "snapshots" / made["snapshot"]
    rng = random.Random(6)
    for entry in manifest(to, made["snapshot"])["files"]:
        copy = tmp_path / "copy"
        shutil.copytree(whole, copy)
        path = copy / entry["path"]
        if rng.random() < 0.3:
            path.unlink()
        elif entry["bytes"]:
            content = bytearray(path.read_bytes())
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            path.write_bytes(content)
        for flags in (["--check"], ["--data", tmp_path / "new"]):
            done = cli("restore", copy, *flags, code=1 if entry["bytes"] or not path.exists() else 0)
            assert entry["path"] in done.stderr or not entry["bytes"]
        assert not (tmp_path / "new").exists()
        shutil.rmtree(copy)
    # The manifest itself; and one that leads out of the folder.
    copy = tmp_path / "copy"
    shutil.copytree(whole, copy)
    text = (copy / "manifest.json").read_bytes()
    for place in rng.sample(range(len(text)), 40):
        broken = bytearray(text)
        broken[place] ^= 1
        (copy / "manifest.json").write_bytes(broken)
        assert "manifest.json" in cli("restore", copy, "--data", tmp_path / "new", code=1).stderr
    document = json.loads(text)
    document["files"][0]["path"] = "../out"
    del document["sha256"]
    plain = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    document["sha256"] = hashlib.sha256(plain.encode()).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(document, separators=(",", ":"), ensure_ascii=False))
    assert "cannot be read" in cli("restore", copy, "--data", tmp_path / "new", code=1).stderr
    assert not (tmp_path / "new").exists() and not (tmp_path / "out").exists()
    # What is whole can be restored all the same.
    restore(to, tmp_path / "new")


def test_nothing_is_overwritten_and_places_are_checked(folder, tmp_path):
    folder.start()
    folder.collect({"identity": "ann", "event": "A"})
    to = tmp_path / "backups"
    made = backup(folder, to)
    # Into a folder that has something in it, into a file, into the snapshot.
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    assert "not empty" in cli("restore", to, "--data", tmp_path / "full", code=1).stderr
    assert inside(tmp_path / "full") == {"mine": hashlib.sha256(b"mine").hexdigest()}
    assert "not empty" in cli("restore", to, "--data", folder.data, code=1).stderr
    (tmp_path / "file").write_text("")
    assert "no folder" in cli("restore", to, "--data", tmp_path / "file", code=1).stderr
    cli("restore", to, "--data", to / "snapshots" / made["snapshot"] / "new", code=1)
    assert "holds no backups" in cli("restore", tmp_path / "full", "--check", code=1).stderr
    assert made["snapshot"] in cli("restore", to, "--check", "--snapshot", "other", code=1).stderr
    cli("restore", to, code=64)
    cli("restore", to, "--check", "--data", tmp_path / "new", code=64)
    # An empty folder is taken, and what an interrupted restore left.
    (tmp_path / "empty").mkdir()
    restore(to, tmp_path / "empty")
    left = tmp_path / "left"
    (left / ".restoring" / "projects").mkdir(parents=True)
    (left / "projects").mkdir()
    cli("serve", "--data", left, code=1)
    again, _ = restore(to, left, keys=folder.keys)
    assert ".restoring" not in os.listdir(left)
    # By way of a link, and into one to an empty folder.
    (tmp_path / "real").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "real")
    restore(to, tmp_path / "way" / "new", keys=folder.keys)
    (tmp_path / "free").mkdir()
    (tmp_path / "tofree").symlink_to(tmp_path / "free")
    restore(to, tmp_path / "tofree", keys=folder.keys)
    assert "no name" in folder.cli("backup", "", code=64).stderr
    # A snapshot is no data folder.
    assert "sluice restore" in cli("serve", "--data", to / "snapshots" / made["snapshot"], code=1).stderr
    # Backups go neither into the data folder nor where nothing is.
    assert "in the data folder" in folder.cli("backup", folder.data / "backups", code=1).stderr
    (tmp_path / "link").symlink_to(folder.data)
    assert "in the data folder" in folder.cli("backup", tmp_path / "link" / "b", code=1).stderr
    assert "mounted" in folder.cli("backup", tmp_path / "no" / "where", code=1).stderr
    folder.cli("backup", tmp_path / "b", "--keep", "0", code=64)
    cli("backup", tmp_path / "b", "--server", folder.url, "--key", folder.secret_key, code=64)
    # Only over the socket.
    for method, path, body in [("POST", "/v1/backups", {"path": str(to)}), ("GET", "/v1/backups/1", None),
                               ("DELETE", "/v1/backups/1", None)]:
        answer = folder.request(method, path, body)
        assert answer.status == 403 and "sluice backup" in answer.json["detail"]
    # Two data folders do not share one folder of backups.
    other = sluice.Sluice(tmp_path / "other")
    assert "another data folder" in other.cli("backup", to, code=1).stderr
    assert snapshots(to) == [made["snapshot"]]
    # A relative path is the caller's.
    subprocess.run([str(PROGRAM), "backup", "here", "--data", str(folder.data)], cwd=tmp_path, check=True,
                   env=environment(), stdout=subprocess.DEVNULL)
    assert len(snapshots(tmp_path / "here")) == 1


def test_snapshots_from_before_an_erasure_go(folder, tmp_path):
    folder.start()
    folder.collect({"identity": "ann", "event": "A"})
    to = tmp_path / "backups"
    before = [backup(folder, to)["snapshot"] for _ in range(2)]
    folder.stop()
    with duckdb.connect(str(folder.data / "projects/default/hot.duckdb")) as hot:
        hot.execute("INSERT INTO state VALUES ('erasure_epoch', 3)")
    # One that is not done yet is waited for.
    requests = folder.data / "projects/default/privacy"
    requests.mkdir()
    (requests / "e1.json").write_text("{}")
    assert "being erased" in folder.cli("backup", to, code=1).stderr
    assert snapshots(to) == before
    (requests / "e1.json").unlink()
    after = backup(folder, to)
    assert after["erasure_epoch"] == 3
    assert after["removed"] == [{"snapshot": name, "reason": "erasure"} for name in before]
    assert snapshots(to) == [after["snapshot"]]
    again = backup(folder, to)
    assert again["removed"] == [] and len(snapshots(to)) == 2
    made, _ = restore(to, tmp_path / "again", keys=folder.keys)
    with duckdb.connect(str(made.data / "projects/default/hot.duckdb"), read_only=True) as hot:
        assert hot.execute("SELECT value FROM state WHERE key = 'erasure_epoch'").fetchall() == [(3,)]


def test_retention_that_is_due_is_no_obstacle(folder, tmp_path):
    folder.start()
    folder.collect({"identity": "ann", "event": "A"})
    answer = folder.request("PUT", "/v1/privacy/retention", {"rules": [{"older_than": "400d"}]})
    assert answer.status == 200, answer.body
    folder.stop()
    for _ in range(2):
        backup(folder, tmp_path / "backups")


def names_and_seqs(server, name):
    try:
        return stored(server.start(), name)
    finally:
        server.stop()


def test_under_load_a_backup_has_all_that_was_acknowledged(folder, tmp_path):
    folder.start("--hot-rows", "500")
    folder.request("POST", "/v1/projects", {"name": "second"})
    to = tmp_path / "backups"
    senders = [Sender(folder, "backup", f"b-w{n}") for n in range(WRITERS)]
    for sender in senders:
        sender.start()
    taken = []
    for n in range(4):
        until(lambda: sum(len(sender.acknowledged) for sender in senders) > 300 * (n + 1), pause=0.01)
        known = {i for sender in senders for batch in list(sender.acknowledged) for i in batch[0]}
        if n == 2:
            folder.request("POST", "/v1/compactions")
        taken.append((known, backup(folder, to)))
    folder.kill()
    for sender in senders:
        sender.join(COMMAND_PATIENCE)
        assert sender.wrong is None, sender.wrong
    sent = {i for sender in senders for batch in sender.sent for i in batch[0]}
    everything = names_and_seqs(folder, "all.csv")
    for n, (known, made) in enumerate(taken):
        again, _ = restore(to, tmp_path / f"again-{n}", "--snapshot", made["snapshot"], keys=folder.keys)
        found = names_and_seqs(again, "again.csv")
        assert known <= found.keys() <= sent
        # The same items under the same numbers, none missing in between.
        top = max(found.values())
        assert top <= made["seq"]
        assert found == {who: seq for who, seq in everything.items() if seq <= top}


def backup_until_gone(server, to):
    """Backups one after the other, by commands; some are killed themselves."""
    rng = random.Random(str(to))
    while server.process.poll() is None:
        run = subprocess.Popen([str(PROGRAM), "backup", str(to), "--data", str(server.data)], env=environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            run.wait(PATIENCE_OF_A_KILLER if rng.random() < 0.3 else COMMAND_PATIENCE)
        except subprocess.TimeoutExpired:
            run.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM]))
            run.wait(COMMAND_PATIENCE)
        if run.returncode:
            time.sleep(0.01)


PATIENCE_OF_A_KILLER = 0.05


def test_no_crash_during_a_backup_harms_anything(folder, tmp_path):
    to = tmp_path / "backups"
    sent, acknowledged = set(), set()
    whole = 0
    for seed in range(FIRST, FIRST + SEEDS):
        folder.start("--hot-rows", "300")
        backing = threading.Thread(target=backup_until_gone, args=(folder, to), daemon=True)
        senders = [Sender(folder, f"backup-{seed}", f"k{seed}-w{n}") for n in range(WRITERS)]
        for sender in senders:
            sender.start()
        backing.start()
        rng = random.Random(f"{seed}-backup")
        wanted = rng.randrange(300)
        until(lambda: sum(len(sender.acknowledged) for sender in senders) >= wanted
              or not any(sender.is_alive() for sender in senders), pause=0.001)
        time.sleep(rng.uniform(0, 0.4))
        folder.kill()
        backing.join(COMMAND_PATIENCE)
        for sender in senders:
            sender.join(COMMAND_PATIENCE)
            assert not sender.is_alive() and sender.wrong is None, sender.wrong
            sent |= {i for batch in sender.sent for i in batch[0]}
            acknowledged |= {i for batch in sender.acknowledged for i in batch[0]}
        folder.process = None
        # Everything that has a name is whole.
        names = [name for name in snapshots(to) if not name.startswith(".")] if to.exists() else []
        for name in names[-3:]:
            cli("restore", to, "--check", "--snapshot", name)
        whole += len(names)
        # The next one tidies up.
        made = backup(folder, to, "--keep", "3")
        assert not [name for name in os.listdir(to / "snapshots") if name.startswith(".")]
        target = tmp_path / f"again-{seed}"
        again, _ = restore(to, target, keys=folder.keys)
        found = names_and_seqs(again, "again.csv")
        assert acknowledged <= found.keys() <= sent
        assert found == names_and_seqs(folder, "all.csv")
        shutil.rmtree(target)
    assert whole > 0, "no backup was ever complete before the crash"
