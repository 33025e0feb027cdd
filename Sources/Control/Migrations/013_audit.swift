internal import GRDB

extension Migrations {
    /// The audit's entries, a hash chain for each project; and how many requests a key may make.
    static func audit(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE audit (
                    project TEXT NOT NULL REFERENCES projects (name),
                    number INTEGER NOT NULL,
                    -- the bytes that the chain is over, a JSON object
                    content TEXT NOT NULL,
                    -- SHA-256 over the hash before and the content
                    hash BLOB NOT NULL,
                    -- what was asked: not in the chain but for its salted hash, since it may name somebody
                    filter TEXT,
                    salt BLOB,
                    -- the entry that says that what was asked was taken out
                    redacted_by INTEGER,
                    -- of the content, to be looked for
                    key TEXT NOT NULL,
                    action TEXT NOT NULL,
                    PRIMARY KEY (project, number)
                ) STRICT, WITHOUT ROWID;
                ALTER TABLE keys ADD COLUMN rate_limit INTEGER;
                ALTER TABLE keys ADD COLUMN rate_burst INTEGER;
                """)
    }
}
