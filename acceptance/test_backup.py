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
