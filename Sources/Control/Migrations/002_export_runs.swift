internal import GRDB

extension Migrations {
    /// Runs of exports; `number` is the order of their making.
    static func exportRuns(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE export_runs (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    id TEXT NOT NULL UNIQUE,
                    project TEXT NOT NULL REFERENCES projects (name),
                    status TEXT NOT NULL
                        CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
                    -- the specification as sent, and with everything relative replaced
                    spec TEXT NOT NULL CHECK (json_valid(spec)),
                    resolved TEXT NOT NULL CHECK (json_valid(resolved)),
                    -- the file or folder that the caller named; null for one of the server's own
                    out_path TEXT,
                    rows INTEGER NOT NULL DEFAULT 0,
                    percent REAL,
                    error TEXT,
                    manifest TEXT,
                    created_at INTEGER NOT NULL,
                    started_at INTEGER,
                    finished_at INTEGER
                ) STRICT;
                CREATE INDEX export_runs_project ON export_runs (project, number);
                CREATE INDEX export_runs_open ON export_runs (status) WHERE status IN ('queued', 'running');
                """)
    }
}
