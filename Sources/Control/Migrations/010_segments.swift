internal import GRDB

extension Migrations {
    /// Saved segments and all their versions; `number` is the order of their making.
    static func segments(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE segments (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    id TEXT NOT NULL UNIQUE,
                    project TEXT NOT NULL REFERENCES projects (name),
                    -- the newest version
                    version INTEGER NOT NULL,
                    created_at INTEGER NOT NULL
                ) STRICT;
                CREATE INDEX segments_project ON segments (project, number);
                CREATE TABLE segment_versions (
                    segment TEXT NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
                    version INTEGER NOT NULL,
                    name TEXT NOT NULL,
                    description TEXT NOT NULL,
                    -- the zone in which its times are written
                    timezone TEXT NOT NULL,
                    tree TEXT NOT NULL CHECK (json_valid(tree)),
                    made_at INTEGER NOT NULL,
                    PRIMARY KEY (segment, version)
                ) STRICT, WITHOUT ROWID;
                """)
    }
}
