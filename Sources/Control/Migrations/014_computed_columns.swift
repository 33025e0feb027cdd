internal import GRDB

extension Migrations {
    /// The zone of a project's days, and the computed columns of its people in all their versions. What a project begins with is not
    /// written down: a row takes its place.
    static func computedColumns(_ db: Database) throws {
        try db.execute(
            sql: """
                ALTER TABLE projects ADD COLUMN timezone TEXT NOT NULL DEFAULT 'UTC';
                CREATE TABLE computed_columns (
                    project TEXT NOT NULL REFERENCES projects (name),
                    name TEXT NOT NULL,
                    version INTEGER NOT NULL,
                    description TEXT NOT NULL,
                    -- NULL where this version took the column away
                    formula TEXT CHECK (formula IS NULL OR json_valid(formula)),
                    made_at INTEGER NOT NULL,
                    PRIMARY KEY (project, name, version)
                ) STRICT, WITHOUT ROWID;
                """)
    }
}
