"""Exports against DuckDB's own COPY of the same rows; start time and idle memory with all of them stored."""

import json
import os
import sys
import time

from common import EVENTS, PEOPLE, PROGRAM, ROOT, Sluice, cli, measured, memory_mb


def python(script, *arguments):
    return [sys.executable, ROOT / "bench" / script, *arguments]


def run(folder, results):
    server = Sluice(folder / "export")
    rows = folder / "events.csv"
    measured(python("data.py", "events", rows, EVENTS, PEOPLE))
    start = time.perf_counter()
    server.cli("import", rows, "--map", "identity=identity,timestamp=timestamp,event=event,id=id", timeout=7200)
    results.add("import of a CSV file", EVENTS / (time.perf_counter() - start), "rows/s")
    measured(python("data.py", "people", rows, PEOPLE))
    server.cli("import", rows, "--map", "identity=identity,timestamp=timestamp,type:set,id=id", timeout=7200)
    rows.unlink()
    extra_log(server, results)

    ready = []
    for _ in range(5):
        start = time.perf_counter()
        server.start()
        ready.append(time.perf_counter() - start)
        if len(ready) == 5:
            time.sleep(5)
            results.add("idle memory", memory_mb(server.process.pid, "VmRSS"), "MB", most=150)
        server.stop()
    results.add("ready, everything stored", sorted(ready)[2] * 1000, "ms", most=500)

    # All properties of the events, as the default columns have them.
    server.cli("compact", "--wait", timeout=3600)
    plain = folder / "rows.duckdb"
    measured(python("duckdb_side.py", "prepare", server.data / "projects/default", plain), stdout=open(os.devnull, "w"))
    for kind, most_cpu in [("csv", 0.7), ("parquet", 1.15)]:
        ours, theirs = [], []
        for _ in range(3):
            # Nobody pays for the removal of an earlier file.
            for old in (folder / f"theirs.{kind}", folder / f"ours.{kind}"):
                old.unlink(missing_ok=True)
            theirs.append(measured(python("duckdb_side.py", "copy", plain, folder / f"theirs.{kind}", kind)))
            ours.append(measured([PROGRAM, "export", "events", "--order", "seq", "--out", folder / f"ours.{kind}", "--data",
                                  server.data, "--json"], stdout=open(os.devnull, "w")))
        check(folder / f"ours.{kind}")
        # The bound of memory is the CSV export's; what the others take is shown.
        compare(results, f"{kind} export", ours, theirs, most_cpu, 1.0 if kind == "csv" else 1.15,
                most_mb=600 if kind == "csv" else None)
    ours, theirs = [], []
    columns = ("person_id,identities,first_seen,last_seen,events_total,person.email as email,person.name as name,"
               "person.plan as plan,person.country as country,person.score as score")
    for _ in range(3):
        theirs.append(measured(python("duckdb_side.py", "people", plain, folder / "theirs.csv")))
        ours.append(measured([PROGRAM, "export", "people", "--columns", columns, "--out", folder / "ours.csv", "--data",
                              server.data, "--json"], stdout=open(os.devnull, "w")))
    compare(results, "people export", ours, theirs, 1.3, 1.3)
    os.unlink(plain)


def compare(results, name, ours, theirs, most_cpu, most_wall, most_mb=None):
    """Medians of three runs each, taken in turns."""
    def median(runs, field):
        return sorted(run[field] for run in runs)[len(runs) // 2]
    for field in ["cpu", "wall"]:
        results.add(f"{name}, {field}, ours", median(ours, field), "s")
        results.add(f"{name}, {field}, DuckDB", median(theirs, field), "s")
        results.add(f"{name}, {field}, ours ÷ DuckDB", median(ours, field) / median(theirs, field),
                    most=most_cpu if field == "cpu" else most_wall)
    results.add(f"{name}, peak memory, DuckDB", median(theirs, "peak_mb"), "MB")
    results.add(f"{name}, peak memory, ours", max(run["peak_mb"] for run in ours), "MB", most=most_mb)


def check(path):
    """A fast export that is wrong is none."""
    cli("verify", f"{path}.manifest.json", timeout=600)
    manifest = json.loads(open(f"{path}.manifest.json").read())
    assert manifest["rows"] == EVENTS, manifest["rows"]


def extra_log(server, results):
    """A real event log of the caller's, if SLUICE_DATA names one: how fast it comes in (to a project of its own)."""
    path = os.environ.get("SLUICE_DATA")
    if not path:
        return
    server.cli("projects", "create", "log", "--json")
    start = time.perf_counter()
    done = json.loads(server.cli("import", path, "--map", "identity=case,timestamp=timestamp,event=event", "--project",
                                 "log", "--json", timeout=3600).stdout)
    results.add("import of the log that SLUICE_DATA names", done["rows"] / (time.perf_counter() - start), "rows/s")
