internal import GRDB

extension Migrations {
    /// Identities that are refused since they were erased: keyed hashes, never the text.
    static func suppressions(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE suppression_secrets (
                    project TEXT NOT NULL PRIMARY KEY REFERENCES projects (name),
                    secret BLOB NOT NULL CHECK (length(secret) = 32),
                    -- grows with each change, so that of two lists the later one is known
                    revision INTEGER NOT NULL DEFAULT 0
                ) STRICT;
                CREATE TABLE suppressed_identities (
                    project TEXT NOT NULL REFERENCES suppression_secrets (project),
                    -- HMAC-SHA-256 under the project's secret
                    digest BLOB NOT NULL CHECK (length(digest) = 32),
                    -- a fast keyed hash, by which nearly all others are told apart without an HMAC
                    quick INTEGER NOT NULL,
                    created_at INTEGER NOT NULL,
                    PRIMARY KEY (project, digest)
                ) STRICT, WITHOUT ROWID;
                """)
    }
}
