internal import GRDB

extension Migrations {
    /// Replies kept for a day under the caller's own key; without a status the request is still being answered.
    static func idempotency(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE idempotency (
                    project TEXT NOT NULL,
                    key TEXT NOT NULL,
                    request_hash BLOB NOT NULL CHECK (length(request_hash) = 32),
                    status INTEGER,
                    body BLOB,
                    created_at INTEGER NOT NULL,
                    PRIMARY KEY (project, key)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX idempotency_age ON idempotency (created_at);
                """)
    }
}
