"""Bytes flipped in the journal, and a full disk: each as the design says."""

import json
import os
import struct
import subprocess

import pytest

from sluice import Sluice, until

FRAME_MAGIC = b"SLJF"
SEGMENT_MAGIC = b"SLUICEJ1"
SEGMENT_HEAD, FRAME_HEAD = 48, 40


def segment(server):
    """The journal's last segment and where its frames begin."""
    found = []
    for path in sorted((server.data / "projects/default/journal").rglob("*")):
        if path.is_file() and path.read_bytes()[:8] == SEGMENT_MAGIC:
            found.append(path)
    assert found, "the journal has no segment"
    data = found[-1].read_bytes()
    frames, at = [], SEGMENT_HEAD
    while at + FRAME_HEAD <= len(data) and data[at:at + 4] == FRAME_MAGIC:
        frames.append(at)
        at += FRAME_HEAD + struct.unpack_from("<I", data, at + 4)[0]
    return found[-1], frames


def end(path, frame):
    """Where a frame ends."""
    return frame + FRAME_HEAD + struct.unpack_from("<I", path.read_bytes(), frame + 4)[0]


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


def fill(server, frames=20):
    """One frame a request; returns the highest seq."""
    for n in range(frames):
        reply = server.collect(*({"id": f"f{n}-{i}", "identity": f"i{n}", "event": "E"} for i in range(5)))
    return reply["watermark"]


def status(server):
    answer = server.request("GET", "/v1/status")
    assert answer.status == 200
    return answer.json["projects"][0]


def identities(server):
    return sorted(row["identity"] for row in server.export("events", "--columns", "identity"))


def forget_store(server):
    """Removes what the journal was moved into, so that all of it is still to be applied."""
    for path in (server.data / "projects/default").glob("hot.duckdb*"):
        if path.is_file():
            path.unlink()


def test_a_byte_flipped_in_the_last_frame(folder):
    folder.start()
    last = fill(folder)
    folder.kill()
    path, frames = segment(folder)
    assert len(frames) == 20
    forget_store(folder)
    flip(path, frames[-1] + FRAME_HEAD + 3)
    last_bytes = end(path, frames[-1]) - frames[-1]
    folder.start()
    now = status(folder)
    # What is saved may end with some zeros of the room that was written ahead of the next frame.
    assert last_bytes <= now["journal"]["torn_tail"]["bytes"] <= last_bytes + 4096
    assert now["journal"]["damage"] == []
    assert os.path.exists(os.path.join(os.path.dirname(path), os.path.basename(now["journal"]["torn_tail"]["saved_as"])))
    assert identities(folder) == sorted(f"i{n}" for n in range(19) for _ in range(5))
    doctor = json.loads(folder.cli("doctor", "--json").stdout)
    assert any(c["name"] == "journal of default" and c["outcome"] == "warning" for c in doctor["checks"])
    # What was cut can be sent again, and is no duplicate.
    reply = folder.collect(*({"id": f"f19-{i}", "identity": "i19", "event": "E"} for i in range(5)))
    assert reply["accepted"] == 5
    assert len(identities(folder)) == 100
    folder.stop()


def test_a_torn_last_frame(folder):
    folder.start()
    fill(folder)
    folder.kill()
    path, frames = segment(folder)
    os.truncate(path, end(path, frames[-1]) - 7)
    folder.start()
    assert status(folder)["journal"]["torn_tail"] is not None
    seqs = [int(r["seq"]) for r in folder.export("events", "--columns", "seq", "--order", "seq")]
    reply = folder.collect({"identity": "new", "event": "E"})
    assert reply["accepted"] == 1
    # Whether or not the store had the last frame already, its numbers are not given again.
    assert reply["watermark"] > max(seqs)
    folder.stop()


def test_a_byte_flipped_in_an_earlier_frame_stops_the_applier_loudly(folder):
    folder.start()
    last = fill(folder)
    folder.kill()
    path, frames = segment(folder)
    forget_store(folder)
    flip(path, frames[7] + FRAME_HEAD + 3)
    folder.start()
    assert folder.request("GET", "/healthz", key=None).status == 200
    assert until(lambda: folder.request("GET", "/readyz", key=None).status == 503, patience=60), "it is ready all the same"
    now = status(folder)
    assert now["journal"]["damage"] and now["store"]["state"] == "stopped"
    assert str(frames[7]) in now["store"]["reason"] + "".join(now["journal"]["damage"])
    # Nothing is lost by it: collection goes on above everything that was seen.
    reply = folder.collect({"identity": "new", "event": "E"})
    assert reply["accepted"] == 1 and reply["watermark"] > last
    failed = folder.cli("export", "events", "--out", folder.data.parent / "x.csv", code=1)
    assert failed.stderr
    assert json.loads(folder.cli("doctor", "--json", code=1).stdout)["ok"] is False
    folder.stop(code=None)


def test_the_store_can_be_rebuilt_from_the_journal(folder):
    folder.start()
    fill(folder)
    wanted = folder.export("events", "--order", "seq")
    folder.kill()
    forget_store(folder)
    folder.start()
    assert folder.export("events", "--order", "seq") == wanted
    folder.stop()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 48 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(place)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.fail(f"cannot mount a small tmpfs ({mounted.stderr.strip()}): run the acceptance tests as root, or in "
                    "a container with CAP_SYS_ADMIN")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk(small_disk):
    server = Sluice(small_disk / "data").start()
    try:
        acknowledged, refused, n = [], None, 0
        text = "x" * 20000
        while refused is None and n < 20000:
            items = [{"id": f"d{n}-{i}", "identity": f"d{n}-{i}", "event": "E", "properties": {"text": text}}
                     for i in range(20)]
            answer = server.request("POST", "/v1/events", {"events": items}, key="write")
            if answer.status == 200:
                acknowledged += [item["identity"] for item in items]
            else:
                refused = answer
            n += 1
        assert refused is not None, "the disk never filled up"
        assert refused.status == 503, refused.body
        assert refused.headers["Retry-After"]
        problem = refused.json
        assert problem["status"] == 503 and problem["detail"]
        assert server.request("GET", "/healthz", key=None).status == 200
        # Room is made; the same batch goes in, and nothing was half-stored.
        subprocess.run(["mount", "-o", "remount,size=512m", str(small_disk)], check=True)
        answers = []

        def taken():
            answers.append(server.request("POST", "/v1/events", {"events": items}, key="write"))
            return answers[-1].status == 200

        until(taken, pause=0.2)
        answer = answers[-1]
        assert answer.status == 200, answer.body
        assert answer.json["accepted"] == len(items), "part of the refused batch was stored"
        acknowledged += [item["identity"] for item in items]
        assert identities(server) == sorted(acknowledged)
        server.kill()
        server.start()
        assert identities(server) == sorted(acknowledged)
    finally:
        server.stop(code=None)
