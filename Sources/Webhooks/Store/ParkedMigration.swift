internal import GRDB

/// What waits behind others of its endpoint is in no index by endpoint: where twenty receivers hang, an event that they all want would write
/// forty pages more, and whoever is fast would wait for them.
enum ParkedMigration {
    static func make(_ db: Database) throws {
        let columns =
            "number, project, endpoint, message, state, lane, order_key, attempts, forgiven, next_at, reason, created_at, finished_at"
        try db.execute(
            sql: """
                CREATE TABLE deliveries_new (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    project TEXT NOT NULL,
                    -- removed with its endpoint, by hand: to have SQLite do so takes an index of all by endpoint
                    endpoint INTEGER NOT NULL,
                    message INTEGER NOT NULL REFERENCES messages (number) ON DELETE CASCADE,
                    -- 0 pending, 1 sending, 2 delivered, 3 exhausted, 4 skipped, 5 aborted
                    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5),
                    -- 0 as it comes, 1 what is sent again in bulk
                    lane INTEGER NOT NULL DEFAULT 0,
                    -- messages with the same go out one after another
                    order_key TEXT,
                    attempts INTEGER NOT NULL DEFAULT 0,
                    -- attempts that do not count any more, since somebody asked for it again
                    forgiven INTEGER NOT NULL DEFAULT 0,
                    -- of one that is pending null while it is parked: it waits for no time, but for those before it
                    next_at INTEGER,
                    reason TEXT,
                    created_at INTEGER NOT NULL,
                    finished_at INTEGER,
                    UNIQUE (message, endpoint)
                ) STRICT;
                INSERT INTO deliveries_new (\(columns)) SELECT \(columns) FROM deliveries;
                -- a number that was given is not given again
                DELETE FROM sqlite_sequence WHERE name = 'deliveries_new';
                INSERT INTO sqlite_sequence (name, seq) SELECT 'deliveries_new', seq FROM sqlite_sequence WHERE name = 'deliveries';
                DROP TABLE deliveries;
                ALTER TABLE deliveries_new RENAME TO deliveries;
                UPDATE deliveries SET next_at = created_at WHERE state = 0 AND next_at IS NULL;
                CREATE INDEX deliveries_due ON deliveries (endpoint, lane, next_at) WHERE state = 0 AND next_at IS NOT NULL;
                CREATE INDEX deliveries_parked ON deliveries (message, endpoint) WHERE state = 0 AND next_at IS NULL;
                CREATE INDEX deliveries_sending ON deliveries (number) WHERE state = 1;
                CREATE INDEX deliveries_order ON deliveries (endpoint, order_key, number)
                    WHERE order_key IS NOT NULL AND state < 2;
                CREATE INDEX deliveries_done ON deliveries (endpoint, state) WHERE state >= 2;
                -- what did not arrive is looked for among much that did
                CREATE INDEX deliveries_dead ON deliveries (endpoint, number) WHERE state >= 3;
                """)
    }
}
