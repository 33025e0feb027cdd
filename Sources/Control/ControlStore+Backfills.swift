internal import GRDB
public import Model

extension ControlStore {
    /// Begins a backfill. One that is open for the same range and window is it, and goes on; another open one of the pipeline is
    /// in the way.
    ///
    /// - Returns: the backfill; with `isOther`, one that is in the way.
    public func createBackfill(
        project: String, pipeline: String, from: Timestamp, to: Timestamp, step: Int64, at: Timestamp
    ) async throws(ControlError) -> (backfill: BackfillRecord?, isOther: Bool) {
        let id = KeyText.makeID(prefix: "bf_")
        return try await write { db in
            let open = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM backfills WHERE project = ? AND pipeline = ? AND status IN ('running', 'paused', 'failed')
                    ORDER BY number DESC
                    """, arguments: [project, pipeline]
            ).compactMap(BackfillRecord.init(row:))
            if let same = open.first(where: { $0.from == from && $0.to == to && $0.step == step }) {
                try db.execute(
                    sql: "UPDATE backfills SET status = 'running', reason = NULL, changed_at = ? WHERE number = ?",
                    arguments: [at.microseconds, same.number])
                return (try Self.fetchBackfill(same.id, project: project, in: db), false)
            }
            if let other = open.first(where: { $0.status != .failed }) { return (other, true) }
            try db.execute(
                sql: """
                    INSERT INTO backfills (id, project, pipeline, range_from, range_to, step, next_from, status, created_at,
                        changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'running', ?, ?)
                    """,
                arguments: [
                    id, project, pipeline, from.microseconds, to.microseconds, step, from.microseconds, at.microseconds,
                    at.microseconds,
                ])
            return (try Self.fetchBackfill(id, project: project, in: db), false)
        }
    }

    public func backfill(_ id: String, project: String) async throws(ControlError) -> BackfillRecord? {
        try await read { db in try Self.fetchBackfill(id, project: project, in: db) }
    }

    /// Backfills, newest first.
    public func backfills(
        project: String, pipeline: String? = nil, before: Int64? = nil, limit: Int
    ) async throws(ControlError) -> [BackfillRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM backfills WHERE project = ? AND (? IS NULL OR pipeline = ?) AND number < ?
                    ORDER BY number DESC LIMIT ?
                    """, arguments: [project, pipeline, pipeline, before ?? .max, limit]
            ).compactMap(BackfillRecord.init(row:))
        }
    }

    /// Those that go on, and those of which a window is at work although they were paused.
    public func activeBackfills() async throws(ControlError) -> [BackfillRecord] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM backfills WHERE status = 'running' OR (status = 'paused' AND run IS NOT NULL)"
            ).compactMap(BackfillRecord.init(row:))
        }
    }

    /// Makes the run of a backfill's next window; nil if it does not go on, or has one already.
    public func createBackfillRun(
        _ backfill: BackfillRecord, from: Timestamp, to: Timestamp, at: Timestamp
    ) async throws(ControlError) -> PipelineRunRecord? {
        let id = KeyText.makeID(prefix: "run_")
        return try await write { db in
            guard let record = try Self.fetchPipeline(backfill.pipeline, project: backfill.project, in: db) else {
                return nil
            }
            try db.execute(
                sql:
                    "UPDATE backfills SET run = ?, changed_at = ? WHERE number = ? AND status = 'running' AND run IS NULL",
                arguments: [id, at.microseconds, backfill.number])
            guard db.changesCount == 1 else { return nil }
            try db.execute(
                sql: """
                    INSERT INTO pipeline_runs (
                        id, project, pipeline, version, definition, is_trusted, cause, origin, backfill, range_from,
                        range_to, status, created_at)
                    VALUES (?, ?, ?, ?, ?, ?, 'manual', 'backfill', ?, ?, ?, 'queued', ?)
                    """,
                arguments: [
                    id, backfill.project, backfill.pipeline, record.version, record.definition.text, record.isTrusted,
                    backfill.number, from.microseconds, to.microseconds, at.microseconds,
                ])
            return try Self.fetchRun(id, project: backfill.project, in: db)
        }
    }

    /// Notes that a window is loaded.
    ///
    /// - Parameter next: where the next one begins.
    public func advanceBackfill(
        _ backfill: BackfillRecord, run: PipelineRunRecord, next: Timestamp, at: Timestamp
    ) async throws(ControlError) {
        let took = max(0, (run.finishedAt ?? at).microseconds - (run.startedAt ?? at).microseconds)
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE backfills SET next_from = ?1, windows_done = windows_done + 1, rows = rows + ?2, took = took + ?3,
                    run = NULL, changed_at = ?4, status = CASE WHEN ?1 >= range_to THEN 'succeeded' ELSE status END,
                    finished_at = CASE WHEN ?1 >= range_to THEN ?4 END WHERE number = ?5 AND run = ?6
                    """,
                arguments: [
                    next.microseconds, run.rows ?? 0, took, at.microseconds, backfill.number, run.id,
                ])
        }
    }

    /// Pauses, stops or goes on with a backfill; what it is now, nil if there is none. One that is over stays as it is.
    public func setBackfill(
        _ id: String, project: String, _ status: BackfillRecord.Status, reason: String? = nil, at: Timestamp
    ) async throws(ControlError) -> BackfillRecord? {
        try await write { db in
            let isOver = status == .cancelled
            try db.execute(
                sql: """
                    UPDATE backfills SET status = ?, reason = ?, changed_at = ?, run = CASE WHEN ? THEN NULL ELSE run END,
                    finished_at = CASE WHEN ? THEN ? END
                    WHERE id = ? AND project = ? AND status IN ('running', 'paused', 'failed')
                    """,
                arguments: [
                    status.rawValue, reason, at.microseconds, status == .failed || isOver, isOver, at.microseconds, id,
                    project,
                ])
            return try Self.fetchBackfill(id, project: project, in: db)
        }
    }

    private static func fetchBackfill(_ id: String, project: String, in db: Database) throws -> BackfillRecord? {
        try Row.fetchOne(db, sql: "SELECT * FROM backfills WHERE id = ? AND project = ?", arguments: [id, project])
            .flatMap(BackfillRecord.init(row:))
    }
}

extension BackfillRecord {
    fileprivate init?(row: Row) {
        let word: String = row["status"]
        guard let status = Status(rawValue: word) else { return nil }
        func time(_ name: String) -> Timestamp { Timestamp(microseconds: row[name]) }
        self.init(
            number: row["number"], id: row["id"], project: row["project"], pipeline: row["pipeline"],
            from: time("range_from"), to: time("range_to"), step: row["step"], next: time("next_from"), status: status,
            reason: row["reason"], run: row["run"], windowsDone: row["windows_done"], rows: row["rows"],
            took: row["took"], createdAt: time("created_at"), finishedAt: timestamp(row["finished_at"]))
    }
}
