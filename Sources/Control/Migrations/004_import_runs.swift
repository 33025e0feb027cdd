internal import GRDB

extension Migrations {
    /// Runs of imports; the file itself is not kept, since a second import of it adds nothing.
    static func importRuns(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE import_runs (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    id TEXT NOT NULL UNIQUE,
                    project TEXT NOT NULL REFERENCES projects (name),
                    format TEXT NOT NULL,
                    status TEXT NOT NULL CHECK (status IN ('running', 'succeeded', 'failed')),
                    rows INTEGER NOT NULL DEFAULT 0,
                    accepted INTEGER NOT NULL DEFAULT 0,
                    duplicates INTEGER NOT NULL DEFAULT 0,
                    rejected INTEGER NOT NULL DEFAULT 0,
                    watermark INTEGER,
                    error TEXT,
                    created_at INTEGER NOT NULL,
                    finished_at INTEGER
                ) STRICT;
                CREATE INDEX import_runs_project ON import_runs (project, number);
                """)
    }
}
