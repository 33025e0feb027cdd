internal import GRDB

/// Persons whose messages go out one after another.
extension DeliveryStore {
    /// What waits of somebody under an identity alone is the person's, who is known by now.
    static func join(_ whose: OrderKey, _ endpoint: Int64, _ db: Database) throws {
        guard let before = whose.before else { return }
        let statement = try db.cachedStatement(
            sql: """
                UPDATE deliveries SET order_key = ?3, whose = ?3
                WHERE endpoint = ?1 AND order_key = ?2 AND order_key IS NOT NULL AND state < 2
                """)
        try statement.execute(arguments: [endpoint, before, whose.text])
        try noteJoin(whose, before: before, endpoint, db)
    }

    /// The same for endpoints that ask for no order, and may come to: whose it is, is known by then.
    static func know(_ whose: OrderKey, _ project: String, _ db: Database) throws {
        guard let before = whose.before else { return }
        let statement = try db.cachedStatement(
            sql: """
                UPDATE deliveries INDEXED BY deliveries_unknown SET whose = ?2
                WHERE whose = ?1 AND whose < 'j' AND order_key IS NULL AND state <> 2 AND project = ?3
                """)
        try statement.execute(arguments: [before, whose.text, project])
    }
}

/// Whose each delivery is: beside the key by which some go out in order, which only those have that do, since its index costs.
enum OrderMigration {
    static func make(_ db: Database) throws {
        try db.execute(
            sql: """
                ALTER TABLE deliveries ADD COLUMN whose TEXT;
                UPDATE deliveries SET whose = order_key WHERE order_key IS NOT NULL AND state < 2;
                -- of how many triggers in a row something came that was written back of somebody
                CREATE TABLE trigger_depths (
                    project TEXT NOT NULL,
                    identity TEXT NOT NULL,
                    key TEXT NOT NULL,
                    depth INTEGER NOT NULL,
                    seq INTEGER NOT NULL,
                    at INTEGER NOT NULL,
                    PRIMARY KEY (project, identity)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX trigger_depths_key ON trigger_depths (project, key);
                -- of triggers whose firings are limited, how many there were in which minute
                CREATE TABLE trigger_rates (
                    trigger_number INTEGER NOT NULL REFERENCES triggers (number) ON DELETE CASCADE,
                    minute INTEGER NOT NULL,
                    fired INTEGER NOT NULL,
                    PRIMARY KEY (trigger_number, minute)
                ) STRICT, WITHOUT ROWID;
                -- why it is held, where the server did that
                ALTER TABLE triggers ADD COLUMN reason TEXT;
                """)
    }
}
