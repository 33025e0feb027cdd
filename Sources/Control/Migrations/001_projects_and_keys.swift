internal import GRDB

extension Migrations {
    /// Projects, and the keys that open them. Times are µs since 1970.
    static func projectsAndKeys(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE projects (
                    name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 63),
                    created_at INTEGER NOT NULL,
                    -- the highest seq that any record here has named: the journal's numbers go on above it
                    seen_seq INTEGER NOT NULL DEFAULT 0
                ) STRICT;
                CREATE TABLE keys (
                    id TEXT NOT NULL PRIMARY KEY,
                    project TEXT NOT NULL REFERENCES projects (name),
                    kind TEXT NOT NULL CHECK (kind IN ('write', 'secret')),
                    -- a write key is public and kept in clear
                    write_key TEXT UNIQUE,
                    -- a secret key is kept as its SHA-256
                    secret_hash BLOB UNIQUE CHECK (secret_hash IS NULL OR length(secret_hash) = 32),
                    scopes TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    last_used_at INTEGER,
                    expires_at INTEGER,
                    CHECK ((kind = 'write') = (write_key IS NOT NULL)),
                    CHECK ((kind = 'secret') = (secret_hash IS NOT NULL))
                ) STRICT;
                CREATE INDEX keys_project ON keys (project);
                """)
    }
}
