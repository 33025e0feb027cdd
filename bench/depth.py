"""The store as it grows: the same questions at several sizes, and what goes on beside them."""

import datetime
import http.client
import json
import os
import pathlib
import random
import shutil
import statistics
import sys
import threading
import time

from common import DEPTHS, PROGRAM, ROOT, SHORT_SECONDS, Sluice, measured, memory_mb, status, wrk

# Of each person, twenty events over all the time that there is.
EVENTS_A_PERSON = 20
WINDOW = 10_000
# Look-ups beside collection: batches of a hundred, so many a second.
COLLECTED = 50_000


def run(folder, results):
    at_size = {}
    for count in DEPTHS:
        at_size[count] = one_size(folder, count, results)
    small, large = at_size[DEPTHS[0]], at_size[DEPTHS[-1]]
    times = f"{DEPTHS[-1] // 1000:,}k ÷ {DEPTHS[0] // 1000:,}k events"
    for key, name in [
            ("first_p50", "look-up of somebody for the first time, p50"), ("first_p99", "for the first time, p99"),
            ("again_p50", "look-up, p50"), ("again_p99", "look-up, p99"), ("window", "window")]:
        results.add(f"{name}, {times}", large[key] / small[key], most=1.3)
    results.add(f"CSV export, seconds a row, {times}", large["csv_row"] / small["csv_row"], most=1.3)


def label(count):
    return f"{count / 1e6:g}M events"


def one_size(folder, count, results):
    """Imports so many events, and asks. Returns the figures that sizes are compared by."""
    name = label(count)
    people = count // EVENTS_A_PERSON
    server = Sluice(folder / f"depth-{count}")
    rows = folder / "depth.csv"
    measured([sys.executable, ROOT / "bench/data.py", "events", rows, count, people])
    start = time.perf_counter()
    server.cli("import", rows, "--map", "identity=identity,timestamp=timestamp,event=event,id=id", timeout=7200)
    results.add(f"{name}: import", count / (time.perf_counter() - start), "rows/s")
    rows.unlink()
    start = time.perf_counter()
    server.cli("compact", "--wait", timeout=3600)
    results.add(f"{name}: full compaction", count / (time.perf_counter() - start), "rows/s")

    csv = folder / "depth-out.csv"
    export = measured([PROGRAM, "export", "events", "--out", csv, "--data", server.data, "--json"],
                      stdout=open(os.devnull, "w"))
    csv.unlink()
    results.add(f"{name}: CSV export", export["wall"], "s")
    results.add(f"{name}: CSV export, peak memory", export["peak_mb"], "MB", most=300)

    server.start()
    found = {"csv_row": export["wall"] / count}
    try:
        person, events, both = lookups(server, people, seconds=None)
        found["first_p50"], found["first_p99"] = quantile(both, 0.5), quantile(both, 0.99)
        results.add(f"{name}: person by identity, p50", quantile(person, 0.5) * 1000, "ms")
        results.add(f"{name}: person by identity, p99", quantile(person, 0.99) * 1000, "ms", most=5)
        results.add(f"{name}: the last 100 events, p50", quantile(events, 0.5) * 1000, "ms")
        results.add(f"{name}: the last 100 events, p99", quantile(events, 0.99) * 1000, "ms", most=5)
        # The same people again: of them nothing has to be read from files for the first time since the start.
        person, events, both = lookups(server, people, seconds=None)
        found["again_p50"], found["again_p99"] = quantile(both, 0.5), quantile(both, 0.99)
        results.add(f"{name}: person by identity, again, p99", quantile(person, 0.99) * 1000, "ms", most=5)
        results.add(f"{name}: the last 100 events, again, p50", quantile(events, 0.5) * 1000, "ms")
        results.add(f"{name}: the last 100 events, again, p99", quantile(events, 0.99) * 1000, "ms", most=5)
        found["window"] = window(server, results, name)
        if count == DEPTHS[len(DEPTHS) // 2]:
            beside_collection(server, people, results, name)
            erase(server, people, results, name)
    finally:
        server.stop(code=None)
    shutil.rmtree(server.data)
    return found


def quantile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def lookups(server, people, seconds, count=1000):
    """Persons by identity, then their last 100 events, on one connection: times of the one, of the other, and of both."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    headers = {"Authorization": f"Bearer {server.secret_key}"}

    def get(path):
        start = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        return time.perf_counter() - start, json.loads(body) if answer.status == 200 else None

    order = random.Random(1)
    one, two = [], []
    end = time.perf_counter() + (seconds or 600)
    while time.perf_counter() < end and (seconds is not None or len(one) < count + 50):
        took, person = get(f"/v1/people?identity=user-{order.randrange(people)}%40example.com")
        # A few numbers have no events, and so nobody has them.
        if person is None:
            continue
        more, page = get(f"/v1/people/{person['id']}/events?limit=100")
        assert len(page["data"]) == min(100, person["events_total"]), person
        one.append(took)
        two.append(more)
    one, two = one[50:], two[50:]
    return one, two, [a + b for a, b in zip(one, two)]


def window(server, results, name):
    """An incremental export of what came in after everything else: the median of nine runs, by the server's clock."""
    before = status(server)["durable_seq"]
    order = random.Random(2)
    for _ in range(WINDOW // 100):
        server.collect(*({"identity": f"user-{order.randrange(50_000)}@example.com", "event": "Purchased",
                          "properties": {"amount": order.randrange(1000)}} for _ in range(100)))
    seconds = []
    for _ in range(9):
        run = server.request("POST", f"/v1/exports?wait_seq={before + WINDOW}",
                             {"dataset": "events", "seq_from": before}).json
        while run["status"] in ("queued", "running"):
            time.sleep(0.01)
            run = server.request("GET", f"/v1/exports/{run['id']}").json
        assert run["status"] == "succeeded", run
        seconds.append((moment(run["finished_at"]) - moment(run["started_at"])).total_seconds())
    results.add(f"{name}: incremental export of {WINDOW:,} new events", statistics.median(seconds), "s")
    return statistics.median(seconds)


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def beside_collection(server, people, results, name):
    """Look-ups while events come in; what the disk is written for each of them, and what is left to compact at the end."""
    seconds = SHORT_SECONDS * 2
    before, written = status(server), disk_bytes(server.process.pid)
    load = {}

    def collect():
        load.update(wrk(f"{server.url}/v1/events", "batch.lua", seconds, KEY=server.write_key, TEMPLATES=16,
                        DELAY_MS=int(32 / (COLLECTED / 100) * 1000)))

    thread = threading.Thread(target=collect)
    thread.start()
    person, events, _ = lookups(server, people, seconds=seconds - 1)
    thread.join()
    after = status(server)
    results.add(f"{name}: collected beside look-ups", load["rate"] * 100, "events/s", least=COLLECTED * 0.8)
    results.add(f"{name}: person by identity beside it, p99", quantile(person, 0.99) * 1000, "ms", most=15)
    results.add(f"{name}: the last 100 events beside it, p99", quantile(events, 0.99) * 1000, "ms", most=15)
    results.add(f"{name}: lag at the end", after["lag_seconds"], "s", most=2)
    results.add(f"{name}: cold files at the end", after["store"]["cold_files"], "files")
    results.add(f"{name}: rows not cold yet at the end", after["store"]["hot_rows"], "rows")
    items = after["durable_seq"] - before["durable_seq"]
    results.add(f"{name}: written to the disk", (disk_bytes(server.process.pid) - written) / items, "bytes/event")
    start = time.perf_counter()
    server.cli("compact", "--wait", timeout=3600)
    results.add(f"{name}: full compaction of it", time.perf_counter() - start, "s")


def disk_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise SystemExit("no write_bytes")


def erase(server, people, results, name):
    """One person, from everything, with nothing else going on."""
    identity = "user-7@example.com"
    assert server.request("GET", "/v1/people?identity=user-7%40example.com").status == 200
    start = time.perf_counter()
    server.cli("erase", identity, timeout=600)
    results.add(f"{name}: one person erased", time.perf_counter() - start, "s", most=30)
    assert server.request("GET", "/v1/people?identity=user-7%40example.com").status == 404
    results.add(f"{name}: peak memory of the server", memory_mb(server.process.pid, "VmHWM"), "MB")
