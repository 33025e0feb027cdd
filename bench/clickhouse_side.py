"""ClickHouse's windowFunnel, by chDB, on the rows that `reports_side.py` wrote with their persons resolved:

    clickhouse_side.py FOLDER RUNS      the median seconds on the file and on a table of its own, and what it came to, as JSON
"""

import json
import statistics
import sys
import time

from chdb import session

STEPS = "event = 'Signed Up', event = 'Viewed Page', event = 'Added to Cart', event = 'Purchased'"


def main(folder, runs):
    database = session.Session(f"{folder}/chdb")
    database.query("SET max_threads = 2")
    database.query("CREATE DATABASE IF NOT EXISTS bench")
    database.query("CREATE TABLE bench.events (pid UInt32, event LowCardinality(String), ts UInt64) ENGINE = MergeTree ORDER BY (pid, ts)")
    database.query(f"INSERT INTO bench.events SELECT pid, event, ts FROM file('{folder}/events.parquet', Parquet)")
    database.query("OPTIMIZE TABLE bench.events FINAL")
    found = {}
    for name, source in [("file", f"file('{folder}/events.parquet', Parquet)"), ("table", "bench.events")]:
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
