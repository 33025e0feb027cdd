internal import GRDB
public import Model

extension ControlStore {
    /// The newest version of each computed column that was ever defined in a project, by name.
    ///
    /// - Parameter at: the newest then; nil for now.
    public func computedColumns(
        project: String, at moment: Timestamp? = nil
    ) async throws(ControlError) -> [ColumnRecord] {
        let last = moment?.microseconds ?? .max
        return try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT c.* FROM computed_columns c WHERE c.project = ? AND c.version = (
                        SELECT max(version) FROM computed_columns n
                        WHERE n.project = c.project AND n.name = c.name AND n.made_at <= ?)
                    ORDER BY c.name
                    """, arguments: [project, last]
            ).map(ColumnRecord.init(row:))
        }
    }

    /// All versions of a computed column, oldest first.
    public func computedColumn(_ name: String, project: String) async throws(ControlError) -> [ColumnRecord] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM computed_columns WHERE project = ? AND name = ? ORDER BY version",
                arguments: [project, name]
            ).map(ColumnRecord.init(row:))
        }
    }

    /// Makes a further version of a column.
    ///
    /// - Parameters:
    ///   - formula: nil to take it away.
    ///   - least: the version before, where the one that is there was never written down.
    ///   - expected: the version that must be the newest; nil for any.
    public func defineColumn(
        _ name: String, description: String, formula: String?, least: Int64, project: String, expected: Int64?
    ) async throws(ControlError) -> ColumnChange {
        let time = now()
        return try await write { db in
            let newest =
                try Int64.fetchOne(
                    db, sql: "SELECT max(version) FROM computed_columns WHERE project = ? AND name = ?",
                    arguments: [project, name]) ?? least
            guard expected ?? newest == newest else { return .changed(version: newest) }
            try db.execute(
                sql: """
                    INSERT INTO computed_columns (project, name, version, description, formula, made_at)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """, arguments: [project, name, newest + 1, description, formula, time.microseconds])
            return .done(
                ColumnRecord(
                    name: name, version: newest + 1, description: description, formula: formula, madeAt: time))
        }
    }

    /// Rewrites what all versions of the project's columns say.
    public func rewriteColumns(
        project: String, _ rewrite: @escaping @Sendable (ColumnRecord) -> ColumnRecord
    ) async throws(ControlError) {
        try await write { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT * FROM computed_columns WHERE project = ?", arguments: [project])
            for before in rows.map(ColumnRecord.init(row:)) {
                let after = rewrite(before)
                guard after != before else { continue }
                try db.execute(
                    sql: """
                        UPDATE computed_columns SET description = ?, formula = ?
                        WHERE project = ? AND name = ? AND version = ?
                        """, arguments: [after.description, after.formula, project, before.name, before.version])
            }
        }
    }

    /// The zone in which a project's days begin.
    public func timezone(project: String) async throws(ControlError) -> String {
        let found = try await read { db in
            try String.fetchOne(db, sql: "SELECT timezone FROM projects WHERE name = ?", arguments: [project])
        }
        return found ?? "UTC"
    }

    public func setTimezone(_ timezone: String, project: String) async throws(ControlError) {
        try await write { db in
            try db.execute(sql: "UPDATE projects SET timezone = ? WHERE name = ?", arguments: [timezone, project])
        }
    }
}

extension ColumnRecord {
    fileprivate init(row: Row) {
        self.init(
            name: row["name"], version: row["version"], description: row["description"], formula: row["formula"],
            madeAt: Timestamp(microseconds: row["made_at"]))
    }
}
