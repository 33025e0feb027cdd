"""The events and people that exports are measured with, written by DuckDB as CSV to import."""

import sys

import duckdb

# The time over which the events are spread, however many there are: 81 days, in microseconds.
SPAN = 7_000_000_000_000


def events(path, count, people):
    duckdb.sql(f"""
        COPY (
            SELECT 'user-' || (hash(i * 7) % {people}) || '@example.com' AS identity,
                strftime(TIMESTAMP '2026-01-01' + to_microseconds((i * {SPAN // count} + hash(i) % 60000000)::BIGINT),
                    '%Y-%m-%dT%H:%M:%S.%fZ') AS timestamp,
                ['Viewed Page', 'Signed Up', 'Added to Cart', 'Purchased', 'Searched'][(hash(i * 3) % 5)::INT + 1] AS event,
                ['free', 'pro', 'team', 'enterprise'][(hash(i * 5) % 4)::INT + 1] AS plan,
                (hash(i * 11) % 50000) / 100.0 AS amount,
                '/products/' || (hash(i * 13) % 5000) || '/details' AS page,
                'https://www.example.com/search?q=' || (hash(i * 17) % 100000) AS referrer,
                ['DE', 'FR', 'US', 'GB, "UK"'][(hash(i * 19) % 4)::INT + 1] AS country,
                'e-' || i AS id
            FROM range({count}) t(i)
        ) TO '{path}' (HEADER true)""")


def people(path, count):
    """Five properties for each person."""
    duckdb.sql(f"""
        COPY (
            SELECT 'user-' || i || '@example.com' AS identity, '2026-01-01T00:00:00Z' AS timestamp,
                'user-' || i || '@example.com' AS email, 'Person ' || i AS name,
                ['free', 'pro', 'team'][(i % 3)::INT + 1] AS plan, ['DE', 'FR', 'US'][(hash(i) % 3)::INT + 1] AS country,
                hash(i * 3) % 1000 AS score, 'p-' || i AS id
            FROM range({count}) t(i)
        ) TO '{path}' (HEADER true)""")


if __name__ == "__main__":
    {"events": events, "people": people}[sys.argv[1]](*[sys.argv[2], *map(int, sys.argv[3:])])
