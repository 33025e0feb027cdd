"""Pipelines into PostgreSQL: beside psql's \\copy, dlt and sling with the same rows; a small window of a large store; memory."""

import datetime
import math
import os
import statistics
import subprocess
import sys
import time

from common import EVENTS, PEOPLE, ROOT, Sluice, cli, measured, memory_mb
from postgres import BIN, Postgres

# Other people's programs, for the bench alone, in an environment of their own.
OTHERS = ["dlt[postgres,parquet]==1.31.0", "adbc-driver-postgresql==1.13.0", "adbc-driver-manager==1.13.0",
          "sling-linux-amd64==1.4.11"]
PLACE = ROOT / ".deps/bench-pipelines"
PARTS = os.environ.get("SLUICE_BENCH_PIPELINES", "append,upsert,others,large").split(",")
ROWS = max(1000, EVENTS // 10)
ROUNDS = 3
NEW = 1000
COLUMNS = ["seq", "event_id", "identity", "event", "timestamp", "received_at", "properties"]
LIST = ", ".join(COLUMNS)
SET = ", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS if name != "event_id")


class Warehouse(Postgres):
    """A cluster that syncs, and whose checkpoints fall between what is measured and not into it."""

    # One that every program takes in an address.
    password = "secret"
    options = "-c fsync=on -c max_wal_size=8GB -c checkpoint_timeout=1h -c shared_buffers=512MB"

    def timed(self, *commands):
        """How long psql takes, in one session."""
        arguments = [part for command in commands for part in ("-c", command)]
        start = time.perf_counter()
        subprocess.run([BIN / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments], check=True, env={
            **os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": self.user,
            "PGPASSWORD": self.password, "PGDATABASE": self.database})
        return time.perf_counter() - start


def run(folder, results):
    folder.chmod(0o711)
    database = Warehouse(folder / "postgres")
    try:
        if {"append", "upsert", "others"} & set(PARTS):
            rows(folder, database, results)
        if "large" in PARTS:
            large(folder, database, results)
    finally:
        database.remove()


def store(folder, name, count, people):
    """A data folder with so many events."""
    made, path = Sluice(folder / name), folder / f"{name}.csv"
    measured([sys.executable, ROOT / "bench/data.py", "events", path, count, people])
    made.cli("import", path, "--map", "identity=identity,timestamp=timestamp,event=event,id=id", timeout=7200)
    path.unlink()
    made.cli("compact", "--wait", timeout=3600)
    return made


def start(server, database):
    os.environ["WAREHOUSE"] = database.url
    try:
        return server.start("--allow-private", "127.0.0.0/8")
    finally:
        del os.environ["WAREHOUSE"]


def apply(folder, server, name, table, load=""):
    path = folder / "pipeline.yaml"
    path.write_text(f"""
name: {name}
export: {{ dataset: events, columns: [{LIST}] }}
load: {{ destination: {{ type: postgres, url: "secret://env/WAREHOUSE", schema: public, table: {table} }}{load} }}
""")
    server.cli("pipeline", "apply", path)


def ran(server, name, rows, timeout=3600, memory=None):
    """One run to its end: the seconds of each step, of the whole, and from the request until it was over.

    `memory` takes the greatest resident size that was seen in each step, in MB.
    """
    asked = time.time()
    answer = server.request("POST", f"/v1/pipelines/{name}/run", {})
    assert answer.status in (200, 201, 202), answer.body
    path = f"/v1/runs/{answer.json['id']}"
    while (found := server.request("GET", path).json)["status"] in ("queued", "running"):
        assert time.time() - asked < timeout, found
        if memory is not None and found["steps"]:
            step = found["steps"][-1]["name"]
            memory[step] = max(memory.get(step, 0), memory_mb(server.process.pid, "VmRSS"))
        time.sleep(0.1)
    assert found["status"] == "succeeded" and found["rows"] == rows, found
    times = {step["name"]: moment(step["finished_at"]) - moment(step["started_at"]) for step in found["steps"]}
    return {**times, "whole": moment(found["finished_at"]) - moment(found["started_at"]),
            "asked": moment(found["finished_at"]) - asked}


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def median(runs, *names):
    return statistics.median(sum(run[name] for name in names) for run in runs)


def rows(folder, database, results):
    """A million events, which lie ready as files, too."""
    server = store(folder, "pipelines", ROWS, max(100, PEOPLE // 10))
    ready = {kind: folder / f"ready.{kind}" for kind in ("csv", "parquet")}
    for path in ready.values():
        cli("export", "events", "--columns", ",".join(COLUMNS), "--order", "seq", "--out", path, "--data", server.data, timeout=600)
    start(server, database)
    try:
        # Nobody pays for what is done once.
        ours(folder, server, database, "warm", "ours")
        database.sql("DROP TABLE ours, sluice_loads")
        copy = f"\\copy {{}} ({LIST}) from '{ready['csv']}' with (format csv, header true)"
        whole = {}
        if "append" in PARTS:
            whole["append"] = append(folder, server, database, copy, results)
        if "upsert" in PARTS:
            whole["upsert"] = upsert(folder, server, database, copy, results)
        if "others" in PARTS:
            others(folder, server, database, ready, whole, results)
    finally:
        server.stop(code=None)


def ours(folder, server, database, name, table, load=""):
    """A pipeline's first run, which loads them all. It goes then, since two may load into one table only where both add rows."""
    apply(folder, server, name, table, load)
    database.sql("CHECKPOINT")
    run = ran(server, name, ROWS)
    server.cli("pipeline", "remove", name)
    return run


def append(folder, server, database, copy, results):
    runs, copies = [], []
    for n in range(ROUNDS):
        database.sql("DROP TABLE IF EXISTS ours, theirs, sluice_loads")
        runs.append(ours(folder, server, database, f"append{n}", "ours"))
        # An equal table, with the index that ours has.
        database.sql("CREATE TABLE theirs (LIKE ours INCLUDING ALL); CHECKPOINT")
        copies.append(database.timed(copy.format("theirs")))
        equal(database)
    report("appended", runs, {"\\copy": copies}, results)
    return runs


def upsert(folder, server, database, copy, results):
    """Into an empty table, and into one that has all of them."""
    # The same statement, and the one of somebody who knows that no key comes twice.
    ways = {"\\copy, INSERT … SELECT of the last of each key":
            (", row bigserial", f"SELECT DISTINCT ON (event_id) {LIST} FROM stage ORDER BY event_id, row DESC"),
            "\\copy, INSERT … SELECT of keys known to differ": ("", f"SELECT {LIST} FROM stage")}
    names = {"empty": "upserted into an empty table", "full": "upserted into a table that has them"}
    runs = {name: [] for name in names}
    by_hand = {name: {way: [] for way in ways} for name in names}
    for n in range(ROUNDS):
        database.sql("DROP TABLE IF EXISTS ours, theirs, sluice_loads")
        for name in names:
            runs[name].append(ours(folder, server, database, f"{name}{n}", "ours", ", mode: upsert, key: event_id"))
        for way, (more, chosen) in ways.items():
            database.sql("DROP TABLE IF EXISTS theirs; CREATE TABLE theirs (LIKE ours INCLUDING ALL)")
            for name in names:
                database.sql("CHECKPOINT")
                by_hand[name][way].append(database.timed(
                    f"CREATE TEMP TABLE stage (LIKE theirs{more})", copy.format("stage"),
                    f"INSERT INTO theirs ({LIST}) {chosen} ON CONFLICT (event_id) DO UPDATE SET {SET}"))
            equal(database)
    for name, text in names.items():
        report(text, runs[name], by_hand[name], results)
    return runs["empty"]


def report(name, runs, by_hand, results):
    """The first way by hand is what the bound is of."""
    for step in ["export", "validate", "load", "verify", "whole"]:
        results.add(f"{name}: {step}", median(runs, step), "s")
    for n, (way, times) in enumerate(by_hand.items()):
        results.add(f"{name}: {way}", statistics.median(times), "s")
        # Rows are sent while they are looked at, and before that while the last of them are sorted and written.
        results.add(f"{name}: that ÷ validate, load and verify", statistics.median(times) / median(runs, "validate", "load", "verify"),
                    least=0.9 if n == 0 else None)
        results.add(f"{name}: that ÷ the whole run", statistics.median(times) / median(runs, "whole"))


def equal(database):
    """What is compared has to be the same."""
    counts = database.sql(f"""
        SELECT (SELECT count(*) FROM ours), (SELECT count(*) FROM theirs), (SELECT count(*) FROM ours JOIN theirs USING ({LIST}))""")
    assert counts == [[str(ROWS)] * 3], counts


# MARK: Others

def others(folder, server, database, ready, whole, results):
    """dlt and sling from the ready files; of dlt's two ways the quicker counts against our whole run."""
    python = environment()
    for job, load in [("append", ""), ("upsert", ", mode: upsert, key: event_id")]:
        database.sql("DROP TABLE IF EXISTS ours, theirs, sluice_loads")
        runs = whole.get(job) or [ours(folder, server, database, f"others-{job}", "ours", load)]
        took = {}
        for form in ("csv", "parquet"):
            table = f"dlt_{job}_{form}"
            took[f"dlt by {form}"] = spent(database, folder, f"{table}.{table}", [
                python / "python", ROOT / "bench/dlt_side.py", folder / table, ready["parquet"], database.url, form, job])
        # It would fetch a DuckDB of its own for Parquet.
        took["sling from csv"] = spent(database, folder, f"public.sling_{job}", sling(python, ready["csv"], job, f"sling_{job}"))
        for name, seconds in took.items():
            results.add(f"{job}: {name}", seconds, "s")
        for tool in ("dlt", "sling"):
            best = min(seconds for name, seconds in took.items() if name.startswith(tool))
            # Being ahead of what does not run is not being ahead.
            results.add(f"{job}: our whole run ÷ {tool}'s best", median(runs, "whole") / best if best < math.inf else math.inf, most=1)


def environment():
    """The folder of the programs; made at the first run."""
    if not (PLACE / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", PLACE], check=True)
    subprocess.run([PLACE / "bin/pip", "install", "-q", "--disable-pip-version-check", *OTHERS], check=True)
    return PLACE / "bin"


def sling(python, path, job, table):
    program = next((python.parent / "lib").glob("python*/site-packages/sling_linux_amd64/bin/sling-linux-amd64"))
    program.chmod(0o755)
    mode = ["full-refresh"] if job == "append" else ["incremental", "--primary-key", "event_id"]
    return [program, "run", "--src-stream", f"file://{path}", "--tgt-conn", "WAREHOUSE", "--tgt-object", f"public.{table}", "--mode", *mode]


def spent(database, folder, table, command):
    """The seconds of one run of a program that sends nothing to its makers; infinite if it fails, with its last lines said."""
    database.sql("CHECKPOINT")
    begun = time.perf_counter()
    with open(folder / "others.log", "w+") as log:
        done = subprocess.run([str(part) for part in command], stdout=log, stderr=subprocess.STDOUT, timeout=1800, cwd=folder, env={
            **os.environ, "SLING_DISABLE_TELEMETRY": "true", "SLING_HOME_DIR": str(folder / "sling"),
            "WAREHOUSE": database.url + "?sslmode=disable", "RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": str(folder / "dlt")})
        seconds = time.perf_counter() - begun
        if done.returncode == 0:
            assert database.one(f"SELECT count(*) FROM {table}") == str(ROWS), table
            return seconds
        log.seek(0)
        print("".join(log.readlines()[-15:]), file=sys.stderr)
    return math.inf


# MARK: A large store

def large(folder, database, results):
    """All events at once, with little memory; and then a few new ones."""
    server = store(folder, "large", EVENTS, PEOPLE)
    start(server, database)
    try:
        apply(folder, server, "large", "large")
        memory = {}
        first = ran(server, "large", EVENTS, memory=memory)
        for step in ["export", "validate", "load", "verify", "whole"]:
            results.add(f"{EVENTS:,} rows: {step}", first[step], "s")
        for step, size in memory.items():
            results.add(f"{EVENTS:,} rows: resident during {step}, at most seen", size, "MB")
        results.add(f"{EVENTS:,} rows: peak memory of the server", memory_mb(server.process.pid, "VmHWM"), "MB", most=600)
        database.sql("CHECKPOINT")
        windows = []
        for n in range(5):
            server.collect(*({"id": f"new-{n}-{i}", "identity": f"user-{i}@example.com", "event": "Viewed Page",
                              "properties": {"n": i, "page": "/new"}} for i in range(NEW)))
            windows.append(ran(server, "large", NEW))
        for step in ["window", "export", "validate", "load", "verify"]:
            results.add(f"{NEW:,} new of {EVENTS:,}: {step}", median(windows, step) * 1000, "ms")
        beyond = statistics.median(window["asked"] - window["load"] for window in windows)
        results.add(f"{NEW:,} new of {EVENTS:,}: request to end, without the load's time", beyond, "s", most=1)
    finally:
        server.stop(code=None)
