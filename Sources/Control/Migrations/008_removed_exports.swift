internal import GRDB

extension Migrations {
    /// A run that was removed stays in the ledger: its files may have gone further than this server.
    static func removedExports(_ db: Database) throws {
        try db.execute(sql: "ALTER TABLE export_runs ADD COLUMN removed_at INTEGER")
    }
}
