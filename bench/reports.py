"""Reports: each against the statement that one would write by hand, on the same rows in the engine's own file."""

import json
import os
import statistics
import subprocess
import sys
import threading

from common import EVENTS, PEOPLE, ROOT, Sluice, measured
from depth import lookups, quantile

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
    server.start()
    ours = {}
    try:
        for name, report in [("funnel", FUNNEL), ("retention", RETENTION), ("metric", METRIC)]:
            ours[name] = statistics.median(ask(server, report) for _ in range(RUNS + 1))
        beside(server, results)
    finally:
        server.stop(code=None)
    theirs = json.loads(measured_output([sys.executable, ROOT / "bench/reports_side.py",
                                         server.data / "projects/default", RUNS]))
    for name, most in [("funnel", 1.15), ("retention", 1.3), ("metric", 1.15)]:
        results.add(f"{name}, ours", ours[name], "s")
        results.add(f"{name}, by hand", theirs[name], "s")
        results.add(f"{name}, ours ÷ by hand", ours[name] / theirs[name], most=most)


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
    return answer.json["query_ms"] / 1000


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
    finally:
        going = False
        thread.join()
    results.add("person by identity beside reports, p99", quantile(person, 0.99) * 1000, "ms", most=15)
    results.add("the last 100 events beside reports, p99", quantile(events, 0.99) * 1000, "ms", most=15)


def measured_output(command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout
