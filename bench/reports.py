"""Reports: each against the statement that one would write by hand, on the same rows in the engine's own file."""

import json
import os
import statistics
import subprocess
import sys
import threading

from common import EVENTS, PEOPLE, ROOT, SHORT_SECONDS, Sluice, measured, wrk
from depth import lookups, quantile

# ClickHouse without a server, for the bench alone, in an environment of its own.
CHDB = "chdb==4.4.0"

STEPS = ["Signed Up", "Viewed Page", "Added to Cart", "Purchased"]
RUNS = 5
FUNNEL = {"type": "funnel", "steps": [{"event": name} for name in STEPS], "window": "7d"}
RETENTION = {"type": "cohort", "start": {"event": "Signed Up"}, "return": {}, "interval": "week", "periods": 12,
             "mode": "every"}
METRIC = {"type": "metric", "measure": {"event": "Purchased", "of": "events"}, "interval": "day",
          "breakdown": {"event_property": "page", "top": 10}}


def run(folder, results):
    known(folder, results)
    server = Sluice(folder / "reports")
    rows = folder / "reports.csv"
    measured([sys.executable, ROOT / "bench/data.py", "events", rows, EVENTS, PEOPLE])
    server.cli("import", rows, "--map", "identity=identity,timestamp=timestamp,event=event,id=id", timeout=7200)
    rows.unlink()
    # One person in ten is two identities.
    ties = [{"type": "alias", "identity": f"user-{i}@example.com", "other": f"user-{i + 1}@example.com"}
            for i in range(0, PEOPLE, 10)]
    server.start()
    try:
        for at in range(0, len(ties), 1000):
            server.collect(*ties[at:at + 1000])
    finally:
        server.stop()
    server.cli("compact", "--wait", timeout=3600)
    measure(server, folder, results)


def measure(server, folder, results):
    server.start()
    ours, answers = {}, {}
    try:
        for name, report in [("funnel", FUNNEL), ("retention", RETENTION), ("metric", METRIC)]:
            asked = [ask(server, report) for _ in range(RUNS + 1)]
            ours[name] = statistics.median(answer["query_ms"] / 1000 for answer in asked)
            answers[name] = asked[0]
        beside(server, results)
    finally:
        server.stop(code=None)
    side = json.loads(measured_output([sys.executable, ROOT / "bench/reports_side.py",
                                       server.data / "projects/default", RUNS, folder]))
    assert [step["people"] for step in answers["funnel"]["steps"]] == side["people"], (answers["funnel"]["steps"], side)
    for name, most in [("funnel", 1.15), ("retention", 1.3), ("metric", 1.15)]:
        results.add(f"{name}, ours", ours[name], "s")
        results.add(f"{name}, by hand", side[name], "s")
        results.add(f"{name}, ours ÷ by hand", ours[name] / side[name], most=most)
    results.add("funnel, ours ÷ by hand about identities that nobody tied", ours["funnel"] / side["funnel raw"])
    results.add("retention, ours ÷ a bit mask without a start", ours["retention"] / side["mask"])
    results.add("retention, ours ÷ the same about identities that nobody tied", ours["retention"] / side["mask raw"])
    theirs = json.loads(measured_output([clickhouse(), ROOT / "bench/clickhouse_side.py", folder, RUNS]))
    assert theirs["people"] == side["people"], (theirs, side)
    for name, what in [("files", "files of events and identities"), ("tables", "its own tables of both"),
                       ("persons", "a table of persons' events")]:
        results.add(f"ClickHouse's windowFunnel, {what}", theirs[name], "s")
    results.add("funnel, ours ÷ ClickHouse's from files", ours["funnel"] / theirs["files"], most=1)
    results.add("funnel, ours ÷ ClickHouse's from its own tables", ours["funnel"] / theirs["tables"])


def clickhouse():
    """The Python that has chDB; made at the first run."""
    place = ROOT / ".deps/bench"
    if not (place / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
    subprocess.run([place / "bin/pip", "install", "-q", "--disable-pip-version-check", CHDB], check=True)
    return place / "bin/python"


def known(folder, results):
    """What is known of the log of loans, if SLUICE_DATA names it."""
    path = os.environ.get("SLUICE_DATA")
    if path is None:
        return
    server = Sluice(folder / "known")
    server.cli("import", path, "--map", "identity=case,event=event,timestamp=timestamp", timeout=7200)
    server.start()
    try:
        steps = [{"event": f"A_{name}"} for name in ["SUBMITTED", "PREACCEPTED", "ACCEPTED", "APPROVED"]]
        for window, expected in [("7d", [13087, 7366, 5023, 126]), (None, [13087, 7367, 5113, 2246])]:
            answer = server.request("POST", "/v1/reports/query", {"type": "funnel", "steps": steps, "window": window})
            people = [step["people"] for step in answer.json["steps"]]
            if people[0] > 0:
                results.add(f"funnel of the loans within {window or 'any time'} as known", people == expected, least=1)
    finally:
        server.stop(code=None)


def ask(server, report):
    answer = server.request("POST", "/v1/reports/query", report, timeout=600)
    assert answer.status == 200, answer.body
    return answer.json


def beside(server, results):
    """Look-ups while one report after another runs."""
    going = True

    def reports():
        while going:
            ask(server, FUNNEL)

    thread = threading.Thread(target=reports)
    thread.start()
    try:
        person, events, _ = lookups(server, PEOPLE, seconds=10)
        many = wrk(f"{server.url}/v1/people", "lookups.lua", SHORT_SECONDS, connections=16, KEY=server.secret_key, PEOPLE=PEOPLE)
    finally:
        going = False
        thread.join()
    results.add("person by identity beside reports, p99", quantile(person, 0.99) * 1000, "ms", most=15)
    results.add("people looked up beside reports, 16 at once", many["rate"], "requests/s", least=2_000)
    results.add("people looked up beside reports, 16 at once, p99", many["p99_ms"], "ms", most=15)
    results.add("the last 100 events beside reports, p99", quantile(events, 0.99) * 1000, "ms", most=15)


def measured_output(command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout
