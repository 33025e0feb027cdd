internal import GRDB
internal import Model

extension ControlStore {
    /// Queues an export.
    ///
    /// - Parameters:
    ///   - spec: the specification as sent, a JSON document.
    ///   - resolved: the same with everything relative replaced.
    public func createExport(
        project: String, spec: String, resolved: String, outPath: String? = nil
    ) async throws(ControlError) -> ExportRecord {
        let id = KeyText.makeID(prefix: "exp_")
        return try await write { db in
            try db.execute(
                sql: """
                    INSERT INTO export_runs (id, project, status, spec, resolved, out_path, created_at)
                    VALUES (?, ?, 'queued', ?, ?, ?, ?)
                    """,
                arguments: [id, project, spec, resolved, outPath, now().microseconds])
            guard let record = try Self.fetchExport(id, project: project, in: db) else {
                throw ControlError(.database, "the export that was just written is not there")
            }
            return record
        }
    }

    /// The export, if the project has it and it was not removed.
    public func export(_ id: String, project: String) async throws(ControlError) -> ExportRecord? {
        try await read { db in
            try Self.fetchExport(id, project: project, in: db).flatMap { $0.removedAt == nil ? $0 : nil }
        }
    }

    private static func fetchExport(_ id: String, project: String, in db: Database) throws -> ExportRecord? {
        try Row.fetchOne(
            db, sql: "SELECT * FROM export_runs WHERE id = ? AND project = ?", arguments: [id, project]
        ).flatMap(ExportRecord.init(row:))
    }

    /// The project's exports, newest first, below `before` if that is given.
    ///
    /// - Parameter removed: whether those that were removed are among them: the whole ledger.
    public func exports(
        project: String, before: Int64?, limit: Int, removed: Bool = false
    ) async throws(ControlError) -> [ExportRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM export_runs WHERE project = ? AND number < ? AND (? OR removed_at IS NULL)
                    ORDER BY number DESC LIMIT ?
                    """, arguments: [project, before ?? .max, removed, limit]
            ).compactMap(ExportRecord.init(row:))
        }
    }

    /// Queues again what a stop of the server interrupted, and returns everything that waits, oldest first.
    public func recoverExports() async throws(ControlError) -> [ExportRecord] {
        try await write { db in
            try db.execute(
                sql: "UPDATE export_runs SET status = 'queued', rows = 0, percent = NULL WHERE status = 'running'")
            return try Row.fetchAll(db, sql: "SELECT * FROM export_runs WHERE status = 'queued' ORDER BY number")
                .compactMap(ExportRecord.init(row:))
        }
    }

    /// Marks a queued export as running. Returns false if it is no longer queued (cancelled meanwhile).
    public func startExport(_ id: String) async throws(ControlError) -> Bool {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE export_runs SET status = 'running', started_at = coalesce(started_at, ?)
                    WHERE id = ? AND status = 'queued'
                    """, arguments: [now().microseconds, id])
            return db.changesCount == 1
        }
    }

    /// Ends an export that runs or waits; one that has ended already stays as it is.
    public func finishExport(
        _ id: String, status: ExportRecord.Status, rows: Int64, error: String? = nil, manifest: String? = nil
    ) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE export_runs SET status = ?, rows = ?, percent = ?, error = ?, manifest = ?, finished_at = ?
                    WHERE id = ? AND status IN ('queued', 'running')
                    """,
                arguments: [
                    status.rawValue, rows, status == .succeeded ? 100.0 : nil, error, manifest, now().microseconds, id,
                ])
        }
    }

    /// Queues an export again, which ran or has run, as if it had not: its files are gone.
    public func requeueExport(_ id: String, project: String) async throws(ControlError) -> ExportRecord? {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE export_runs SET status = 'queued', rows = 0, percent = NULL, error = NULL, manifest = NULL,
                        finished_at = NULL WHERE id = ? AND project = ? AND status IN ('running', 'succeeded')
                    """, arguments: [id, project])
            return db.changesCount == 1 ? try Self.fetchExport(id, project: project, in: db) : nil
        }
    }

    /// Replaces what an export's record says: its specification, also the resolved one, where its file is, and its manifest.
    public func rewriteExport(_ record: ExportRecord) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql:
                    "UPDATE export_runs SET spec = ?, resolved = ?, out_path = ?, error = ?, manifest = ? WHERE id = ?",
                arguments: [
                    record.spec, record.resolved, record.outPath, record.error, record.manifest, record.id,
                ])
        }
    }

    /// Takes an export out of what is shown. Its specification stays in the ledger, so that whoever looks for somebody's
    /// data knows what left the server.
    public func removeExport(_ id: String) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: "UPDATE export_runs SET removed_at = ?, manifest = NULL WHERE id = ? AND removed_at IS NULL",
                arguments: [now().microseconds, id])
        }
    }
}

extension ExportRecord {
    /// Nil if a later version wrote a status that this one does not know.
    fileprivate init?(row: Row) {
        guard let status = Status(rawValue: row["status"]) else { return nil }
        self.init(
            number: row["number"], id: row["id"], project: row["project"], status: status, spec: row["spec"],
            resolved: row["resolved"], outPath: row["out_path"], rows: row["rows"], percent: row["percent"],
            error: row["error"], manifest: row["manifest"], createdAt: Timestamp(microseconds: row["created_at"]),
            startedAt: timestamp(row["started_at"]), finishedAt: timestamp(row["finished_at"]),
            removedAt: timestamp(row["removed_at"]))
    }
}
