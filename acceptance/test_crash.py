"""SIGKILL at random moments under load: every acknowledged event is there once, none twice, no seq repeats.

SLUICE_CRASH_SEEDS says how many seeds are run (20 in CI, 200 in `make soak`); SLUICE_CRASH_FIRST where they begin.
"""

import http.client
import json
import os
import random
import subprocess
import threading
import time
import urllib.parse

import pytest

from sluice import COMMAND_PATIENCE, PATIENCE, PROGRAM, environment, until

SEEDS = int(os.environ.get("SLUICE_CRASH_SEEDS", "5"))
FIRST = int(os.environ.get("SLUICE_CRASH_FIRST", "1"))
WRITERS = 8


class Sender(threading.Thread):
    """Sends batches on one connection until the server is gone; notes what was acknowledged. Given batches are sent until
    they are taken; of its own ones, those that the server cannot take now are given up."""

    def __init__(self, server, seed, name, batches=None):
        super().__init__(daemon=True)
        self.server, self.name, self.random = server, name, random.Random(f"{seed}-{name}")
        self.sent, self.acknowledged, self.watermarks = [], [], []
        self.batches = batches
        self.wrong = None

    def run(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        try:
            for batch in self.batches if self.batches is not None else self.generate():
                self.sent.append(batch)
                path, body, headers = batch[1]
                status, content = self.send(path, body, headers)
                if status == 503:
                    continue
                if status != 200:
                    self.wrong = f"{status} {content[:300]!r}"
                    return
                self.acknowledged.append(batch)
                if body:
                    reply = json.loads(content)
                    if reply["accepted"] + reply["duplicates"] != len(batch[0]) or reply["rejected"]:
                        self.wrong = f"{len(batch[0])} items, {content[:300]!r}"
                        return
                    self.watermarks.append(reply["watermark"])
        except (OSError, http.client.HTTPException):
            pass
        finally:
            self.connection.close()

    def send(self, path, body, headers):
        """The status and the body of the answer."""
        end = time.monotonic() + PATIENCE
        while True:
            self.connection.request("POST" if body else "GET", path, body, headers)
            answer = self.connection.getresponse()
            content = answer.read()
            if answer.status != 503 or self.batches is None or time.monotonic() >= end:
                return answer.status, content
            time.sleep(0.1)

    def generate(self):
        """Batches of native items with ids of their own, some sent twice, and KISSmetrics calls."""
        number, old = 0, []
        while True:
            if self.random.random() < 0.2:
                person = f"{self.name}-km-{number}"
                number += 1
                query = urllib.parse.urlencode({"_k": self.server.write_key, "_p": person, "_n": "Called", "_d": 1,
                                                "_t": 1700000000 + number, "plan": "pro"})
                yield [person], (f"/e?{query}", None, {})
                continue
            ids = []
            for _ in range(self.random.choice([1, 2, 10, 50])):
                ids.append(f"{self.name}-{number}")
                number += 1
            if old and self.random.random() < 0.3:
                ids.append(self.random.choice(old))
            old += ids[:1]
            body = json.dumps({"events": [
                {"id": i, "identity": i, "event": "Sent", "properties": {"text": "x" * self.random.randrange(200)}}
                for i in ids]})
            yield ids, ("/v1/events", body, {"Authorization": f"Bearer {self.server.write_key}"})


def run_until_killed(server, seed, round_, senders, most):
    """Kills the server a moment after it has acknowledged some number of requests below `most`, however long that takes."""
    rng = random.Random(f"{seed}-{round_}")
    wanted = rng.randrange(most)
    for sender in senders:
        sender.start()
    until(lambda: sum(len(sender.acknowledged) for sender in senders) >= wanted
          or not any(sender.is_alive() for sender in senders), pause=0.001)
    # Where in the work on later requests it is hit: chance, too.
    time.sleep(rng.uniform(0, 0.05))
    server.kill()
    for sender in senders:
        sender.join(COMMAND_PATIENCE)
        assert not sender.is_alive()
        assert sender.wrong is None, sender.wrong


def stored(server, name):
    """identity → seq of every event that is stored; checks that no seq and no event is there twice."""
    rows = server.export("events", "--columns", "seq,identity", "--order", "seq", name=name)
    seqs = [int(row["seq"]) for row in rows]
    assert seqs == sorted(set(seqs)), "a seq repeats"
    identities = [row["identity"] for row in rows]
    assert len(identities) == len(set(identities)), "an event is there twice"
    return dict(zip(identities, seqs))


def test_nothing_acknowledged_is_lost_or_doubled(folder):
    sent, acknowledged, before = set(), set(), {}
    for seed in range(FIRST, FIRST + SEEDS):
        folder.start()
        senders = [Sender(folder, seed, f"s{seed}-w{n}") for n in range(WRITERS)]
        run_until_killed(folder, seed, "load", senders, 600)

        # After the kill everything is sent again, as an SDK would; half of the time that is cut off as well.
        folder.start()
        again = [Sender(folder, seed, f"s{seed}-r{n}", list(sender.sent)) for n, sender in enumerate(senders)]
        if seed % 2:
            run_until_killed(folder, seed, "resend", again, 300)
            folder.start()
        else:
            for sender in again:
                sender.start()
            for sender in again:
                sender.join(COMMAND_PATIENCE)
                assert not sender.is_alive()
                assert sender.wrong is None, sender.wrong
                assert len(sender.acknowledged) == len(sender.sent)
        for sender in senders + again:
            sent |= {i for batch in sender.sent for i in batch[0]}
            acknowledged |= {i for batch in sender.acknowledged for i in batch[0]}
        now = stored(folder, "now.csv")
        assert acknowledged <= now.keys(), f"seed {seed}: lost {sorted(acknowledged - now.keys())[:5]}"
        assert now.keys() <= sent, f"seed {seed}: nobody sent {sorted(now.keys() - sent)[:5]}"
        moved = {i for i, seq in before.items() if now.get(i) != seq}
        assert not moved, f"seed {seed}: stored before, now elsewhere: {sorted(moved)[:5]}"
        marks = [mark for sender in senders + again for mark in sender.watermarks]
        assert not marks or max(marks) <= max(now.values())
        before = now
        if seed % 3:
            folder.stop()
        else:
            folder.kill()
            folder.process = None
    assert len(acknowledged) > 100 * SEEDS, "the load was no load"


def durable_seq(server):
    return server.request("GET", "/v1/status").json["projects"][0]["durable_seq"]


@pytest.mark.parametrize("seed", range(min(SEEDS, 5)))
def test_an_import_that_was_killed_is_run_again(folder, tmp_path, seed):
    """An import is restartable: the second run adds what the first one could not."""
    file = tmp_path / "rows.csv"
    with open(file, "w") as out:
        out.write("identity,timestamp,event,n\n")
        for n in range(60000):
            out.write(f"i{n % 500},2026-01-01T00:00:{n % 60:02}Z,Counted,{n // 2}\n")
    folder.start()
    run = subprocess.Popen([str(PROGRAM), "import", str(file), "--map", "identity=identity", "--data", str(folder.data), "--json"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    # Somewhere in the middle of it.
    wanted = random.Random(seed).randrange(1, 40000)
    until(lambda: durable_seq(folder) >= wanted or run.poll() is not None, pause=0.005)
    folder.kill()
    assert run.wait(COMMAND_PATIENCE) in (0, 1, 69)
    done = json.loads(folder.cli("import", file, "--map", "identity=identity", "--json").stdout)
    assert done["accepted"] + done["duplicates"] == done["rows"] == 60000
    rows = folder.export("events", "--columns", "seq,identity,timestamp,properties.n")
    assert len({row["seq"] for row in rows}) == len(rows) == 60000
