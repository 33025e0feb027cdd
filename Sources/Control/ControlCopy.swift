internal import GRDB
public import Model

/// What a copy of the control database names: what must be beside it in a data folder.
public struct ControlCopy: Sendable, Equatable {
    /// A finished export with files in the server's own folder.
    public struct Export: Sendable, Equatable {
        public let id: String
        public let project: String
    }

    /// When the data folder was made: no two have the same, and a restored one keeps it.
    public let madeAt: Timestamp
    public let projects: [String]
    public let exports: [Export]
}

extension ControlStore {
    /// The database's file.
    public static let fileName = "control.sqlite"

    /// Writes a copy of the database as it is at one moment into a new file, beside everything else. Blocking.
    ///
    /// It has no log beside it and no deleted records in it, and is not synced. Exports to files of the machine that have
    /// not ended do not begin again where it is restored: what is there by then is newer.
    public func copy(to path: String) throws(ControlError) -> ControlCopy {
        try Self.editing(path) { copy in
            try self.backUp(to: copy)
            try copy.write { db in
                try db.execute(
                    sql: """
                        UPDATE export_runs SET status = 'failed', finished_at = ?,
                            error = 'the data folder was restored from a backup; ask for the export again'
                        WHERE status IN ('queued', 'running') AND out_path IS NOT NULL
                        """, arguments: [now().microseconds])
            }
            return try copy.read(ControlCopy.init)
        }
    }

    /// Takes exports out of a copy, whose files are gone since. Blocking.
    public static func forget(_ exports: [ControlCopy.Export], inCopy path: String) throws(ControlError) {
        try editing(path) { copy in
            try copy.write { db in
                for export in exports {
                    try db.execute(sql: "DELETE FROM export_runs WHERE id = ?", arguments: [export.id])
                }
            }
        }
    }

    /// Opens a copy, and leaves one file of it.
    private static func editing<T>(_ path: String, _ body: (DatabaseQueue) throws -> T) throws(ControlError) -> T {
        do {
            restrictToOwner(path)
            var configuration = Configuration()
            // No other file is touched.
            configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA temp_store = MEMORY") }
            let copy = try DatabaseQueue(path: path, configuration: configuration)
            let result = try body(copy)
            try copy.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA journal_mode = DELETE")
                try db.execute(sql: "VACUUM")
            }
            try copy.close()
            return result
        } catch { throw ControlError(wrapping: error) }
    }
}

extension ControlCopy {
    fileprivate init(_ db: Database) throws {
        let exports = try Row.fetchAll(
            db,
            sql: "SELECT id, project FROM export_runs WHERE status = 'succeeded' AND out_path IS NULL ORDER BY number"
        ).map { Export(id: $0["id"], project: $0["project"]) }
        let first = try Int64.fetchOne(db, sql: "SELECT min(created_at) FROM projects")
        self.init(
            madeAt: Timestamp(microseconds: first ?? 0),
            projects: try String.fetchAll(db, sql: "SELECT name FROM projects ORDER BY name"), exports: exports)
    }
}
