internal import GRDB

extension Migrations {
    /// How long events are kept.
    static func retention(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE retention (
                    project TEXT PRIMARY KEY REFERENCES projects (name),
                    -- [{"older_than": "400d", "event"?: "…"}]
                    rules TEXT NOT NULL CHECK (json_valid(rules)),
                    changed_at INTEGER NOT NULL
                ) STRICT;
                """)
    }
}
