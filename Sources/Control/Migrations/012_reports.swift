internal import GRDB

extension Migrations {
    /// Saved reports; `number` is the order of their making.
    static func reports(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE reports (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    id TEXT NOT NULL UNIQUE,
                    project TEXT NOT NULL REFERENCES projects (name),
                    name TEXT NOT NULL,
                    report TEXT NOT NULL CHECK (json_valid(report)),
                    created_at INTEGER NOT NULL,
                    changed_at INTEGER NOT NULL
                ) STRICT;
                CREATE INDEX reports_project ON reports (project, number);
                """)
    }
}
