"""What the parts of the bench share: settings, the load generator, measured child processes, results."""

import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "acceptance"))

from sluice import PROGRAM, Sluice, cli, environment  # noqa: E402

QUICK = os.environ.get("SLUICE_BENCH_QUICK") == "1"


def setting(name, usual, quick):
    return int(os.environ.get(f"SLUICE_BENCH_{name}", quick if QUICK else usual))


SECONDS = setting("SECONDS", 60, 6)
SHORT_SECONDS = max(3, SECONDS // 4)
EVENTS = setting("EVENTS", 10_000_000, 200_000)
PEOPLE = setting("PEOPLE", 500_000, 10_000)
DEPTHS = [int(part) for part in os.environ.get(
    "SLUICE_BENCH_DEPTHS", "100000,200000,400000" if QUICK else "1000000,10000000,50000000").split(",")]
UNAPPLIED = setting("UNAPPLIED", 1_000_000, 100_000)
CONNECTIONS = 32


class Results:
    """Figures in the order of their measuring, each with its bound if it has one. One that could not be measured is
    infinite (null in JSON), which no bound takes."""

    def __init__(self):
        self.rows = []

    def add(self, name, value, unit="", most=None, least=None):
        fine = None
        if most is not None:
            fine = value <= most
        if least is not None:
            fine = least <= value < math.inf
        bound = f"≤ {most:g}" if most is not None else f"≥ {least:g}" if least is not None else ""
        shown = value if math.isfinite(value) else None
        self.rows.append({"name": name, "value": shown, "unit": unit, "bound": bound, "ok": fine})
        mark = {None: "    ", True: "ok  ", False: "MISS"}[fine]
        print(f"{mark} {name:<62} {value:>14,.3f} {unit:<10} {bound}", flush=True)

    @property
    def missed(self):
        return [row["name"] for row in self.rows if row["ok"] is False]


def sync_seconds(folder, count=400):
    """The median time of a 4 KiB append and fdatasync on the disk of the data folder."""
    path = pathlib.Path(folder) / "sync-probe"
    times = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(count):
            start = time.perf_counter()
            file.write(b"." * 4096)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    path.unlink()
    return statistics.median(times)


def wrk(url, script, seconds, connections=CONNECTIONS, **env):
    """Runs the load generator; its figures as a dictionary."""
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s",
         str(ROOT / "bench/load" / script), url],
        capture_output=True, text=True, env={**environment(), **{k: str(v) for k, v in env.items()}})
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            found = json.loads(line[len("RESULT "):])
            found["rate"] = (found["requests"] - found["status_errors"]) / found["seconds"]
            return found
    raise SystemExit(f"wrk failed: {done.stdout}\n{done.stderr}")


def measured(command, **keywords):
    """Runs a program to its end; its wall time, CPU seconds and peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], env=environment(), **keywords)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} exited with {process.returncode}")
    return {"wall": time.perf_counter() - start, "cpu": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}


def memory_mb(pid, field):
    """VmRSS (now) or VmHWM (peak) of a process."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"no {field} of {pid}")


def status(server):
    answer = server.request("GET", "/v1/status")
    return answer.json["projects"][0]
