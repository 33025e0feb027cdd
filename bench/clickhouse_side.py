"""ClickHouse's windowFunnel, by chDB, on the rows that `reports_side.py` wrote:

    clickhouse_side.py FOLDER RUNS      the median seconds of each way, and what it came to, as JSON

* `files`: the events in the store's order, joined with the identities, from Parquet;
* `tables`: the same from tables of its own, whose events are sorted by identity and time;
* `persons`: from a table in which each event has its person already, sorted by person and time: what no store of identities that are
  tied later can have.
"""

import json
import statistics
import sys
import time

from chdb import session

STEPS = "event = 'Signed Up', event = 'Viewed Page', event = 'Added to Cart', event = 'Purchased'"


def main(folder, runs):
    database = session.Session(f"{folder}/chdb")
    database.query("CREATE DATABASE IF NOT EXISTS bench")
    files = {name: f"file('{folder}/{name}.parquet', Parquet)" for name in ["events", "identities"]}
    event = "event LowCardinality(String), ts UInt64"
    database.query(f"CREATE TABLE bench.events (identity UInt32, {event}) ENGINE = MergeTree ORDER BY (identity, ts)")
    database.query(f"INSERT INTO bench.events SELECT identity, event, ts FROM {files['events']}")
    database.query("CREATE TABLE bench.identities (identity UInt32, pid UInt32) ENGINE = MergeTree ORDER BY identity")
    database.query(f"INSERT INTO bench.identities SELECT identity, pid FROM {files['identities']}")
    database.query(f"CREATE TABLE bench.persons (pid UInt32, {event}) ENGINE = MergeTree ORDER BY (pid, ts)")
    database.query("INSERT INTO bench.persons SELECT pid, event, ts FROM bench.events e JOIN bench.identities i ON i.identity = e.identity")
    for table in ["events", "identities", "persons"]:
        database.query(f"OPTIMIZE TABLE bench.{table} FINAL")
    found = {}
    for name, source in [("files", f"{files['events']} e JOIN {files['identities']} i ON i.identity = e.identity"),
                         ("tables", "bench.events e JOIN bench.identities i ON i.identity = e.identity"),
                         ("persons", "bench.persons")]:
        statement = f"""
            SELECT countIf(level >= 1), countIf(level >= 2), countIf(level >= 3), countIf(level >= 4) FROM
            (SELECT pid, windowFunnel(604800000000)(ts, {STEPS}) AS level FROM {source} GROUP BY pid)
            SETTINGS max_threads = 2"""
        times = []
        for _ in range(int(runs) + 1):
            start = time.perf_counter()
            answer = database.query(statement, "CSV")
            times.append(time.perf_counter() - start)
        found[name] = statistics.median(times)
    found["people"] = [int(number) for number in str(answer).strip().split(",")]
    print(json.dumps(found))


main(*sys.argv[1:])
