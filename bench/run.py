"""`make bench`: measures speed on this machine and prints it as ratios to what the machine itself can do.

SLUICE_BENCH_QUICK=1 tries everything out in a minute or two; SLUICE_BENCH_ONLY=collect, export, depth, segments, reports, webhooks, triggers or
pipelines runs one part;
SLUICE_BENCH_SECONDS, SLUICE_BENCH_EVENTS, SLUICE_BENCH_PEOPLE, SLUICE_BENCH_UNAPPLIED and SLUICE_BENCH_DEPTHS set the sizes;
SLUICE_BENCH_FOLDER the disk to measure on. The exit code is 1 if a bound was missed.
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import collect  # noqa: E402
import depth  # noqa: E402
import export  # noqa: E402
import pipelines  # noqa: E402
import reports  # noqa: E402
import segments  # noqa: E402
import triggers  # noqa: E402
import webhooks  # noqa: E402
from common import EVENTS, PEOPLE, QUICK, SECONDS, Results, sync_seconds  # noqa: E402


def main():
    if shutil.which("wrk") is None:
        raise SystemExit("bench: wrk is missing; install it with: apt-get install wrk")
    parts = os.environ.get("SLUICE_BENCH_ONLY", "collect,export,depth,segments,reports,webhooks,triggers,pipelines").split(",")
    place = os.environ.get("SLUICE_BENCH_FOLDER")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-", dir=place))
    results = Results()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}{' (NOT QUIET: trust no figure)' if load > 1 else ''}, "
          f"{SECONDS} s of load, {EVENTS:,} events, {PEOPLE:,} people{', quick' if QUICK else ''}")
    try:
        results.add("fdatasync of 4 KiB, median", sync_seconds(folder) * 1000, "ms")
        if "collect" in parts:
            collect.run(folder, results)
        if "export" in parts:
            export.run(folder, results)
        if "depth" in parts:
            depth.run(folder, results)
        if "reports" in parts:
            reports.run(folder, results)
        if "segments" in parts:
            segments.run(folder, results)
        if "webhooks" in parts:
            webhooks.run(folder, results)
        if "triggers" in parts:
            triggers.run(folder, results)
        if "pipelines" in parts:
            pipelines.run(folder, results)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if out := os.environ.get("SLUICE_BENCH_JSON"):
        pathlib.Path(out).write_text(json.dumps(results.rows, indent=1, ensure_ascii=False) + "\n")
    if results.missed:
        print("missed: " + "; ".join(results.missed))
    return 1 if results.missed and not QUICK else 0


sys.exit(main())
