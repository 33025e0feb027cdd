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
                -- who is told of what becomes of an endpoint: as it is shown
                ALTER TABLE endpoints ADD COLUMN notify TEXT;
                -- of a connector that is told: of which endpoint
                ALTER TABLE endpoints ADD COLUMN notify_of INTEGER REFERENCES endpoints (number) ON DELETE CASCADE;
                CREATE INDEX endpoints_notify ON endpoints (notify_of) WHERE notify_of IS NOT NULL;
                -- a client's certificate with its key, or a reference to it, sealed
                ALTER TABLE endpoints ADD COLUMN certificate BLOB;
                """)
    }
}
