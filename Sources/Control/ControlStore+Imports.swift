internal import GRDB
public import Model

/// What an import has done so far.
public struct ImportCounts: Sendable, Equatable {
    public var rows: Int64 = 0
    public var accepted: Int64 = 0
    public var duplicates: Int64 = 0
    public var rejected: Int64 = 0
    /// The highest `seq` that the rows have, those of duplicates included; nil before the first.
    public var watermark: Int64?

    public init() {}
}

/// One import.
public struct ImportRecord: Sendable, Equatable {
    public enum Status: String, Sendable { case running, succeeded, failed }

    /// The order of making, from 1: the cursor of lists.
    public let number: Int64
    public let id: String
    public let format: String
    public let status: Status
    public let counts: ImportCounts
    /// Why it failed.
    public let error: String?
    public let createdAt: Timestamp
    public let finishedAt: Timestamp?
}

extension ControlStore {
    /// Notes that an import began; returns its id.
    public func startImport(project: String, format: String) async throws(ControlError) -> String {
        let id = KeyText.makeID(prefix: "imp_")
        try await write { db in
            try db.execute(
                sql: "INSERT INTO import_runs (id, project, format, status, created_at) VALUES (?, ?, ?, 'running', ?)",
                arguments: [id, project, format, now().microseconds])
        }
        return id
    }

    /// Notes how an import ended, and the `seq` that it names.
    public func finishImport(
        _ id: String, project: String, counts: ImportCounts, error: String? = nil
    ) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE import_runs SET status = ?, rows = ?, accepted = ?, duplicates = ?, rejected = ?,
                        watermark = ?, error = ?, finished_at = ? WHERE id = ?
                    """,
                arguments: [
                    error == nil ? "succeeded" : "failed", counts.rows, counts.accepted, counts.duplicates,
                    counts.rejected, counts.watermark, error, now().microseconds, id,
                ])
            try db.execute(
                sql: "UPDATE projects SET seen_seq = max(seen_seq, ?) WHERE name = ?",
                arguments: [counts.watermark ?? 0, project])
        }
    }

    /// Marks imports that a stop of the server cut off. Sending the file again adds what is missing.
    public func recoverImports() async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE import_runs SET status = 'failed', finished_at = ?,
                        error = 'the server stopped; send the file again, rows that are there already are not doubled'
                    WHERE status = 'running'
                    """, arguments: [now().microseconds])
        }
    }

    /// Forgets why imports failed where that may name somebody.
    public func forgetImportErrors(
        project: String, naming: @escaping @Sendable (String) -> Bool
    ) async throws(ControlError) {
        try await write { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT id, error FROM import_runs WHERE project = ? AND error IS NOT NULL",
                arguments: [project])
            for row in rows where naming(row["error"]) {
                let id: String = row["id"]
                try db.execute(
                    sql: "UPDATE import_runs SET error = 'named somebody who was erased' WHERE id = ?", arguments: [id])
            }
        }
    }

    /// The project's imports, newest first, below `before` if that is given.
    public func imports(project: String, before: Int64?, limit: Int) async throws(ControlError) -> [ImportRecord] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM import_runs WHERE project = ? AND number < ? ORDER BY number DESC LIMIT ?",
                arguments: [project, before ?? .max, limit]
            ).compactMap(ImportRecord.init(row:))
        }
    }
}

extension ImportRecord {
    fileprivate init?(row: Row) {
        guard let status = Status(rawValue: row["status"]) else { return nil }
        var counts = ImportCounts()
        counts.rows = row["rows"]
        counts.accepted = row["accepted"]
        counts.duplicates = row["duplicates"]
        counts.rejected = row["rejected"]
        counts.watermark = row["watermark"]
        self.init(
            number: row["number"], id: row["id"], format: row["format"], status: status, counts: counts,
            error: row["error"], createdAt: Timestamp(microseconds: row["created_at"]),
            finishedAt: timestamp(row["finished_at"]))
    }
}
