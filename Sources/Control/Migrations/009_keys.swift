internal import GRDB

extension Migrations {
    /// Keys have names, lists of columns, and texts that they had before and that still open for a while.
    static func keys(_ db: Database) throws {
        try db.execute(
            sql: """
                ALTER TABLE keys ADD COLUMN name TEXT NOT NULL DEFAULT '';
                -- the only columns that the key reads, a JSON array; NULL for all
                ALTER TABLE keys ADD COLUMN columns TEXT;
                ALTER TABLE keys ADD COLUMN rotated_at INTEGER;
                ALTER TABLE keys ADD COLUMN revoked_at INTEGER;
                UPDATE keys SET name = 'first ' || kind || ' key';
                CREATE TABLE old_key_texts (
                    key TEXT NOT NULL REFERENCES keys (id),
                    write_key TEXT UNIQUE,
                    secret_hash BLOB UNIQUE CHECK (secret_hash IS NULL OR length(secret_hash) = 32),
                    ends_at INTEGER NOT NULL,
                    CHECK ((write_key IS NULL) <> (secret_hash IS NULL))
                ) STRICT;
                CREATE INDEX old_key_texts_key ON old_key_texts (key);
                """)
    }
}
