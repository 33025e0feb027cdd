"""DuckDB's side of the comparison, in a process of its own, so that its CPU and memory can be read.

    duckdb_side.py prepare STORE ROWS    the events as one plain table, as they lie in the store's cold files (by month and
                                         person), with the columns of an export; people's tables beside it
    duckdb_side.py copy ROWS OUT FORMAT  COPY of that table in the order of seq
    duckdb_side.py people ROWS OUT       500,000 people with ten columns, by one statement

STORE is a project's folder: hot.duckdb, and cold/ with what has been moved there.
"""

import pathlib
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
        store, rows = pathlib.Path(arguments[0]), arguments[1]
        connection = duckdb.connect(rows)
        connection.sql(f"ATTACH '{store / 'hot.duckdb'}' AS hot (READ_ONLY)")
        generations = [row[0] for row in connection.sql("SELECT id FROM hot.generations").fetchall()]
        files = [row[0] for row in connection.sql("SELECT file FROM hot.cold_files").fetchall()]
        for i, file in enumerate(files):
            connection.sql(f"ATTACH '{store / 'cold' / file}' AS cold{i} (READ_ONLY)")

        def everything(table):
            return " UNION ALL ".join(f"SELECT * FROM {source}" for source in
                                      [f"cold{i}.{table}" for i in range(len(files))]
                                      + [f"hot.{table}_{number}" for number in generations])

        connection.sql("CREATE TABLE identities AS FROM hot.identities")
        connection.sql(f"CREATE TABLE events AS {everything('events')}")
        connection.sql(f"CREATE TABLE property_changes AS {everything('property_changes')}")
        connection.sql("""
            CREATE TABLE rows AS SELECT seq, event_id, 'p_' || i.person_id AS person_id, identity, event, timestamp,
                received_at, properties
            FROM events JOIN identities i USING (identity_id)
            ORDER BY date_trunc('month', timestamp), identity_id, timestamp, seq""")
        connection.sql("CHECKPOINT")
        print(connection.sql("SELECT count(*) FROM rows").fetchone()[0])
    elif command == "copy":
        rows, out, kind = arguments
        # Both sides sort: neither has the rows in the order of seq.
        duckdb.connect(rows, read_only=True).sql(
            f"COPY (SELECT {COLUMNS} FROM rows ORDER BY seq) TO '{out}' (FORMAT {kind})")
    elif command == "people":
        rows, out = arguments
        duckdb.connect(rows, read_only=True).sql(f"COPY ({PEOPLE}) TO '{out}' (FORMAT csv)")


main(*sys.argv[1:])
