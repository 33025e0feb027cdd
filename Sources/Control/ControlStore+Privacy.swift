internal import GRDB
public import Model

extension ControlStore {
    /// Writes a record down.
    ///
    /// - Parameters:
    ///   - status: `.queued` for what is to be done yet, `.succeeded` for what is done already.
    ///   - detail: a JSON document that names nobody: no identity, no value.
    public func createPrivacyRecord(
        project: String, kind: PrivacyRecord.Kind, status: PrivacyRecord.Status = .queued, detail: JSONValue = [:]
    ) async throws(ControlError) -> PrivacyRecord {
        let id = KeyText.makeID(prefix: "prv_")
        return try await write { db in
            let time = now().microseconds
            try db.execute(
                sql: """
                    INSERT INTO privacy_records
                        (id, project, kind, status, detail, created_at, started_at, finished_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id, project, kind.rawValue, status.rawValue, detail.text, time,
                    status == .queued ? nil : time, status.isFinal ? time : nil,
                ])
            guard let record = try Self.fetchPrivacyRecord(id, project: project, in: db) else {
                throw ControlError(.database, "the privacy record that was just written is not there")
            }
            return record
        }
    }

    /// Marks a record as running; its time of starting is that of the first call. One that has ended stays as it is.
    public func startPrivacyRecord(_ id: String) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE privacy_records SET status = 'running', started_at = coalesce(started_at, ?)
                    WHERE id = ? AND status IN ('queued', 'running')
                    """, arguments: [now().microseconds, id])
        }
    }

    /// Makes a failed record one that is to be done again.
    public func reopenPrivacyRecord(_ id: String) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql:
                    "UPDATE privacy_records SET status = 'queued', finished_at = NULL WHERE id = ? AND status = 'failed'",
                arguments: [id])
        }
    }

    /// Replaces what is known of a record, whatever its status; names nobody.
    public func updatePrivacyRecord(_ id: String, detail: JSONValue) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: "UPDATE privacy_records SET detail = ? WHERE id = ?", arguments: [detail.text, id])
        }
    }

    /// Ends a record; one that has ended already stays as it is.
    ///
    /// - Parameters:
    ///   - detail: what is known of it at the end; nil leaves what is there.
    ///   - error: why it failed. Like the detail it names nobody.
    public func finishPrivacyRecord(
        _ id: String, status: PrivacyRecord.Status, detail: JSONValue? = nil, error: String? = nil
    ) async throws(ControlError) {
        try await write { db in
            let time = now().microseconds
            try db.execute(
                sql: """
                    UPDATE privacy_records SET status = ?, detail = coalesce(?, detail), error = ?,
                        started_at = coalesce(started_at, ?), finished_at = ?
                    WHERE id = ? AND status IN ('queued', 'running')
                    """,
                arguments: [status.rawValue, detail?.text, error, time, time, id])
        }
    }

    /// The record, if the project has it.
    public func privacyRecord(_ id: String, project: String) async throws(ControlError) -> PrivacyRecord? {
        try await read { db in try Self.fetchPrivacyRecord(id, project: project, in: db) }
    }

    /// The project's records, or those of one kind, newest first, below `before` if that is given.
    public func privacyRecords(
        project: String, kind: PrivacyRecord.Kind? = nil, before: Int64?, limit: Int
    ) async throws(ControlError) -> [PrivacyRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM privacy_records WHERE project = ? AND number < ? AND kind = coalesce(?, kind)
                    ORDER BY number DESC LIMIT ?
                    """, arguments: [project, before ?? .max, kind?.rawValue, limit]
            ).compactMap(PrivacyRecord.init(row:))
        }
    }

    /// Marks accesses that a stop of the server cut off: whoever asked has no whole answer.
    public func recoverAccesses() async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE privacy_records SET status = 'failed', finished_at = ?,
                        error = 'the server stopped; ask again'
                    WHERE kind = 'access' AND status IN ('queued', 'running')
                    """, arguments: [now().microseconds])
        }
    }

    /// What a stop of the server left queued or running, of all projects, oldest first.
    public func unfinishedPrivacyRecords(kind: PrivacyRecord.Kind) async throws(ControlError) -> [PrivacyRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM privacy_records WHERE kind = ? AND status IN ('queued', 'running') ORDER BY number
                    """, arguments: [kind.rawValue]
            ).compactMap(PrivacyRecord.init(row:))
        }
    }

    private static func fetchPrivacyRecord(_ id: String, project: String, in db: Database) throws -> PrivacyRecord? {
        try Row.fetchOne(
            db, sql: "SELECT * FROM privacy_records WHERE id = ? AND project = ?", arguments: [id, project]
        ).flatMap(PrivacyRecord.init(row:))
    }
}

extension PrivacyRecord {
    /// Nil if a later version wrote a kind or a status that this one does not know.
    fileprivate init?(row: Row) {
        guard let kind = Kind(rawValue: row["kind"]), let status = Status(rawValue: row["status"]) else { return nil }
        self.init(
            number: row["number"], id: row["id"], project: row["project"], kind: kind, status: status,
            detail: (try? JSONValue(text: row["detail"])) ?? [:], error: row["error"],
            createdAt: Timestamp(microseconds: row["created_at"]), startedAt: timestamp(row["started_at"]),
            finishedAt: timestamp(row["finished_at"]))
    }
}
