"""DuckDB's side of the comparison, in a process of its own, so that its CPU and memory can be read.

    duckdb_side.py prepare HOT ROWS      the events as one plain table, in the order of seq, with the columns of an export
    duckdb_side.py copy ROWS OUT FORMAT  COPY of that table
    duckdb_side.py people HOT OUT        500,000 people with ten columns, by one statement
"""

import sys

import duckdb

COLUMNS = "seq, event_id, person_id, identity, event, timestamp, received_at, properties"

# Of each person: identities, first and last event, number of events, and the newest value of five properties. The
# properties are found by one pass that keeps, for each, the value of the greatest (timestamp, seq).
PEOPLE = """
    WITH seen AS (
        SELECT i.person_id AS id, min(e.timestamp) AS first_seen, max(e.timestamp) AS last_seen, count(*) AS events_total
        FROM events e JOIN identities i USING (identity_id) GROUP BY ALL
    ), props AS (
        SELECT i.person_id AS id,
            arg_max(c.value, (c.timestamp, c.seq)) FILTER (c.name = 'email') AS email,
            arg_max(c.value, (c.timestamp, c.seq)) FILTER (c.name = 'name') AS name,
            arg_max(c.value, (c.timestamp, c.seq)) FILTER (c.name = 'plan') AS plan,
            arg_max(c.value, (c.timestamp, c.seq)) FILTER (c.name = 'country') AS country,
            arg_max(c.value, (c.timestamp, c.seq)) FILTER (c.name = 'score') AS score
        FROM property_changes c JOIN identities i USING (identity_id) GROUP BY ALL
    ), who AS (
        SELECT person_id AS id, list(identity ORDER BY identity_id) AS identities FROM identities GROUP BY ALL
    )
    SELECT 'p_' || who.id AS person_id, to_json(identities) AS identities, first_seen, last_seen,
        coalesce(events_total, 0) AS events_total, email->>'$' AS email, name->>'$' AS name, plan->>'$' AS plan,
        country->>'$' AS country, score->>'$' AS score
    FROM who LEFT JOIN seen USING (id) LEFT JOIN props USING (id) ORDER BY who.id
"""


def main(command, *arguments):
    if command == "prepare":
        hot, rows = arguments
        connection = duckdb.connect(rows)
        connection.sql(f"ATTACH '{hot}' AS hot (READ_ONLY)")
        connection.sql(f"""
            CREATE TABLE rows AS SELECT seq, event_id, 'p_' || i.person_id AS person_id, identity, event, timestamp,
                received_at, properties
            FROM hot.events JOIN hot.identities i USING (identity_id) ORDER BY seq""")
        connection.sql("CHECKPOINT")
        print(connection.sql("SELECT count(*) FROM rows").fetchone()[0])
    elif command == "copy":
        rows, out, kind = arguments
        # The table lies in the order of seq and the engine keeps it: the cheapest way to the same rows in that order.
        duckdb.connect(rows, read_only=True).sql(f"COPY (SELECT {COLUMNS} FROM rows) TO '{out}' (FORMAT {kind})")
    elif command == "people":
        hot, out = arguments
        duckdb.connect(hot, read_only=True).sql(f"COPY ({PEOPLE}) TO '{out}' (FORMAT csv)")


main(*sys.argv[1:])
