"""The statements of `reference/engine.md`'s kind that reports are compared with, on the store's own files:

    reports_side.py STORE RUNS            the median seconds of each, and what the funnel came to, as JSON
    reports_side.py STORE RUNS FOLDER     also writes the events and the identities as Parquet, for ClickHouse

Identities are resolved by a join with the store's table of them, as one would write it. `raw` are the same statements about identities
as they came, which is another and cheaper question: nobody is tied to anybody.
"""

import json
import pathlib
import statistics
import sys
import time

import duckdb

FUNNEL = """
    WITH s1 AS (SELECT {who} p, timestamp ts FROM {events} WHERE event = 'Signed Up'),
    s2 AS (SELECT {who} p, timestamp ts FROM {events} WHERE event = 'Viewed Page'),
    s3 AS (SELECT {who} p, timestamp ts FROM {events} WHERE event = 'Added to Cart'),
    s4 AS (SELECT {who} p, timestamp ts FROM {events} WHERE event = 'Purchased'),
    a AS (SELECT s1.p, s1.ts t1, s2.ts t2 FROM s1 ASOF JOIN s2 ON s1.p = s2.p AND s2.ts >= s1.ts
        WHERE s2.ts <= s1.ts + INTERVAL 7 DAY),
    b AS (SELECT a.p, a.t1, s3.ts t3 FROM a ASOF JOIN s3 ON a.p = s3.p AND s3.ts >= a.t2
        WHERE s3.ts <= a.t1 + INTERVAL 7 DAY),
    c AS (SELECT b.p, s4.ts t4 FROM b ASOF JOIN s4 ON b.p = s4.p AND s4.ts >= b.t3
        WHERE s4.ts <= b.t1 + INTERVAL 7 DAY)
    SELECT (SELECT count(DISTINCT p) FROM s1), (SELECT count(DISTINCT p) FROM a), (SELECT count(DISTINCT p) FROM b),
        (SELECT count(DISTINCT p) FROM c)
"""

# The week of each person's first start, and the weeks in which they did anything, a bit each; equal ones are counted together. What
# lies before the start in its week counts, too, which the report does not allow.
RETENTION = """
    WITH masks AS (
        SELECT {who} AS who, bit_or(1::BIGINT << ((epoch_us(timestamp) - 1766966400000000) // 604800000000)) AS mask,
            min((epoch_us(timestamp) - 1766966400000000) // 604800000000) FILTER (event = 'Signed Up') AS first
        FROM {events} GROUP BY who
    ), same AS (SELECT first, mask, count(*) AS n FROM masks WHERE first IS NOT NULL GROUP BY ALL)
    SELECT first, w.range AS week, sum(n) FROM same, range(12) w WHERE mask >> (first + w.range) & 1 = 1
    GROUP BY ALL ORDER BY ALL
"""

# Weeks in which each person did anything, without a start.
MASK = """
    WITH masks AS (
        SELECT {who} AS who, bit_or(1::BIGINT << ((epoch_us(timestamp) - 1766966400000000) // 604800000000)) AS mask
        FROM {events} GROUP BY who
    ), same AS (SELECT mask, count(*) AS n FROM masks GROUP BY mask)
    SELECT w.range AS week, sum(n) FROM same, range(20) w WHERE mask >> w.range & 1 = 1 GROUP BY ALL ORDER BY ALL
"""

METRIC = """
    WITH rows AS MATERIALIZED (
        SELECT json_extract_string(properties, '$.page') AS page, date_trunc('day', timestamp) AS day, count(*) AS n
        FROM events WHERE event = 'Purchased' GROUP BY ALL
    ), top AS (SELECT page FROM rows GROUP BY page ORDER BY sum(n) DESC, page LIMIT 10)
    SELECT coalesce(top.page, 'other') AS page, day, sum(n) FROM rows LEFT JOIN top USING (page) GROUP BY ALL ORDER BY ALL
"""

RESOLVED = {"who": "person_id", "events": "events JOIN hot.identities USING (identity_id)"}
RAW = {"who": "identity_id", "events": "events"}


def main(store, runs, folder=None):
    store = pathlib.Path(store)
    connection = duckdb.connect(config={"threads": 2, "memory_limit": "600MB"})
    connection.sql(f"ATTACH '{store / 'hot.duckdb'}' AS hot (READ_ONLY)")
    generations = [row[0] for row in connection.sql("SELECT id FROM hot.generations").fetchall()]
    files = [row[0] for row in connection.sql("SELECT file FROM hot.cold_files").fetchall()]
    for i, file in enumerate(files):
        connection.sql(f"ATTACH '{store / 'cold' / file}' AS cold{i} (READ_ONLY)")
    sources = [f"cold{i}.events" for i in range(len(files))] + [f"hot.events_{number}" for number in generations]
    connection.sql("CREATE VIEW events AS " + " UNION ALL ".join(f"SELECT * FROM {source}" for source in sources))
    found = {}
    for name, statement in [("funnel", FUNNEL.format(**RESOLVED)), ("funnel raw", FUNNEL.format(**RAW)),
                            ("retention", RETENTION.format(**RESOLVED)), ("mask", MASK.format(**RESOLVED)),
                            ("mask raw", MASK.format(**RAW)), ("metric", METRIC)]:
        times = []
        for _ in range(int(runs) + 1):
            start = time.perf_counter()
            rows = connection.execute(statement).fetchall()
            times.append(time.perf_counter() - start)
        found[name] = statistics.median(times)
        if name == "funnel":
            found["people"] = rows[0]
    if folder:
        # In the order in which the store has them.
        connection.sql(f"""
            COPY (SELECT identity_id::UINTEGER AS identity, event, epoch_us(timestamp)::UBIGINT AS ts FROM events)
            TO '{folder}/events.parquet' (FORMAT parquet)""")
        connection.sql(f"""
            COPY (SELECT identity_id::UINTEGER AS identity, person_id::UINTEGER AS pid FROM hot.identities)
            TO '{folder}/identities.parquet' (FORMAT parquet)""")
    print(json.dumps(found))


main(*sys.argv[1:])
