internal import GRDB

/// Whom alerts of pipelines go to: rows beside the endpoints, as triggers' actions have them.
enum AlertMigration {
    static func make(_ db: Database) throws {
        try db.execute(
            sql: """
                -- of a connector that alerts go by: which of the project's
                ALTER TABLE endpoints ADD COLUMN alert_key TEXT;
                -- whether its secrets are looked up as the data folder's owner can
                ALTER TABLE endpoints ADD COLUMN is_trusted INTEGER NOT NULL DEFAULT 0;
                CREATE UNIQUE INDEX endpoints_alert ON endpoints (project, alert_key) WHERE alert_key IS NOT NULL;
                """)
    }
}
