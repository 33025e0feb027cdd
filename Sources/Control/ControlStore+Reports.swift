internal import GRDB
public import Model

extension ControlStore {
    /// Saves a report.
    public func createReport(
        project: String, name: String, report: JSONValue
    ) async throws(ControlError) -> SavedReport {
        let (id, time) = (Self.newReportID(), now())
        return try await write { db in
            try Self.makeReport(id, name, report, project, at: time, in: db)
            guard let saved = try Self.fetchReport(id, project: project, in: db) else {
                throw ControlError(.database, "the report that was just written is not there")
            }
            return saved
        }
    }

    /// An id for a report that is to be made.
    public static func newReportID() -> String { KeyText.makeID(prefix: "rep_") }

    static func makeReport(
        _ id: String, _ name: String, _ report: JSONValue, _ project: String, at time: Timestamp, in db: Database
    ) throws {
        try db.execute(
            sql: "INSERT INTO reports (id, project, name, report, created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [id, project, name, report.text, time.microseconds, time.microseconds])
    }

    /// The report, if the project has it.
    public func report(_ id: String, project: String) async throws(ControlError) -> SavedReport? {
        try await read { db in try Self.fetchReport(id, project: project, in: db) }
    }

    /// The project's reports, oldest first, after `after`.
    public func reports(project: String, after: Int64, limit: Int) async throws(ControlError) -> [SavedReport] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM reports WHERE project = ? AND number > ? ORDER BY number LIMIT ?",
                arguments: [project, after, limit]
            ).compactMap(SavedReport.init(row:))
        }
    }

    /// Replaces what is given; nil if the project has no such report.
    public func changeReport(
        _ id: String, project: String, name: String, report: JSONValue
    ) async throws(ControlError) -> SavedReport? {
        try await write { db in
            try db.execute(
                sql: "UPDATE reports SET name = ?, report = ?, changed_at = ? WHERE id = ? AND project = ?",
                arguments: [name, report.text, now().microseconds, id, project])
            return try Self.fetchReport(id, project: project, in: db)
        }
    }

    /// Removes a report. Returns false if the project has none of this id.
    public func removeReport(_ id: String, project: String) async throws(ControlError) -> Bool {
        try await write { db in
            try db.execute(sql: "DELETE FROM reports WHERE id = ? AND project = ?", arguments: [id, project])
            return db.changesCount == 1
        }
    }

    /// Passes every report's name and question through functions that take somebody out of them.
    public func rewriteReports(
        project: String, name: @escaping @Sendable (String) -> String,
        report: @escaping @Sendable (JSONValue) -> JSONValue
    ) async throws(ControlError) {
        try await write { db in
            let rows = try Row.fetchAll(db, sql: "SELECT * FROM reports WHERE project = ?", arguments: [project])
            for saved in rows.compactMap(SavedReport.init(row:)) {
                let (newName, newReport) = (name(saved.name), report(saved.report))
                guard newName != saved.name || newReport != saved.report else { continue }
                try db.execute(
                    sql: "UPDATE reports SET name = ?, report = ? WHERE id = ?",
                    arguments: [newName, newReport.text, saved.id])
            }
        }
    }

    private static func fetchReport(_ id: String, project: String, in db: Database) throws -> SavedReport? {
        try Row.fetchOne(db, sql: "SELECT * FROM reports WHERE id = ? AND project = ?", arguments: [id, project])
            .flatMap(SavedReport.init(row:))
    }
}

extension SavedReport {
    fileprivate init?(row: Row) {
        let text: String = row["report"]
        guard let report = try? JSONValue(text: text) else { return nil }
        self.init(
            number: row["number"], id: row["id"], name: row["name"], report: report,
            createdAt: Timestamp(microseconds: row["created_at"]),
            changedAt: Timestamp(microseconds: row["changed_at"]))
    }
}
