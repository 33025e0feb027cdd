internal import GRDB

extension Migrations {
    /// What was done for somebody's privacy. These rows stay when the person is gone, so nothing here names anybody.
    static func privacyRecords(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE privacy_records (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    id TEXT NOT NULL UNIQUE,
                    project TEXT NOT NULL REFERENCES projects (name),
                    kind TEXT NOT NULL CHECK (kind IN ('erasure', 'access', 'retention')),
                    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
                    -- counts, seqs, names of copies and how each was verified: never an identity or a value
                    detail TEXT NOT NULL CHECK (json_valid(detail)),
                    error TEXT,
                    created_at INTEGER NOT NULL,
                    started_at INTEGER,
                    finished_at INTEGER
                ) STRICT;
                CREATE INDEX privacy_records_project ON privacy_records (project, number);
                CREATE INDEX privacy_records_open ON privacy_records (kind) WHERE status IN ('queued', 'running');
                """)
    }
}
