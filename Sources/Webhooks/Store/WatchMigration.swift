internal import GRDB

/// What watchers of segments, columns and reports saw last, beside the firings that followed of it.
enum WatchMigration {
    static func make(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE trigger_watches (
                    trigger_number INTEGER PRIMARY KEY REFERENCES triggers (number) ON DELETE CASCADE,
                    version INTEGER NOT NULL,
                    since_seq INTEGER NOT NULL,
                    is_ready INTEGER NOT NULL CHECK (is_ready IN (0, 1)),
                    seq INTEGER NOT NULL,
                    change_seq INTEGER NOT NULL,
                    looked_at INTEGER NOT NULL,
                    definition TEXT NOT NULL,
                    value TEXT NOT NULL,
                    -- grows when rows went by another hand than the watcher's
                    generation INTEGER NOT NULL DEFAULT 0,
                    error TEXT,
                    error_at INTEGER
                ) STRICT;
                -- persons beyond the bound; with 0 a report's number
                CREATE TABLE trigger_watched (
                    project TEXT NOT NULL,
                    trigger_number INTEGER NOT NULL REFERENCES triggers (number) ON DELETE CASCADE,
                    person INTEGER NOT NULL,
                    identity TEXT NOT NULL,
                    -- 0 not for long enough, 1 crossed
                    phase INTEGER NOT NULL CHECK (phase IN (0, 1)),
                    since INTEGER NOT NULL,
                    value TEXT NOT NULL,
                    -- the firing that it led to
                    instance TEXT,
                    PRIMARY KEY (trigger_number, person)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX trigger_watched_identity ON trigger_watched (project, identity);
                """)
    }
}
