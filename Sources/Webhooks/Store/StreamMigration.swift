internal import GRDB

/// Where streams stand.
enum StreamMigration {
    static func make(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE streams (
                    endpoint INTEGER PRIMARY KEY REFERENCES endpoints (number) ON DELETE CASCADE,
                    -- everything up to this was taken
                    seq INTEGER NOT NULL,
                    events INTEGER NOT NULL DEFAULT 0,
                    batches INTEGER NOT NULL DEFAULT 0,
                    -- failed attempts since it moved last, and when the next one comes
                    attempts INTEGER NOT NULL DEFAULT 0,
                    next_at INTEGER,
                    last_at INTEGER,
                    last_status INTEGER,
                    last_error TEXT,
                    last_detail TEXT,
                    last_total INTEGER
                ) STRICT;
                """)
    }
}
