internal import GRDB

extension Migrations {
    /// What people say of events and properties.
    static func catalogue(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE catalogue_notes (
                    project TEXT NOT NULL REFERENCES projects (name),
                    kind TEXT NOT NULL,
                    name TEXT NOT NULL,
                    description TEXT NOT NULL,
                    owner TEXT NOT NULL,
                    milestone INTEGER NOT NULL,
                    churn_signal INTEGER NOT NULL,
                    updated_at INTEGER,
                    PRIMARY KEY (project, kind, name)
                ) STRICT, WITHOUT ROWID;
                """)
    }
}
