internal import GRDB
public import Model

extension ControlStore {
    /// Makes a run of a pipeline as it is now; nil if there is no such pipeline.
    ///
    /// - Parameters:
    ///   - scheduledFor: the time that it is for; the pipeline's scheduled times up to it count as seen to.
    ///   - skipped: why there is only the record that it did not run; nil if it is to run.
    public func createPipelineRun(
        project: String, pipeline: String, cause: PipelineRunRecord.Cause, scheduledFor: Timestamp? = nil,
        skipped: String? = nil, upstream: JSONValue? = nil, at: Timestamp
    ) async throws(ControlError) -> PipelineRunRecord? {
        let id = KeyText.makeID(prefix: "run_")
        return try await write { db in
            guard let record = try Self.fetchPipeline(pipeline, project: project, in: db) else { return nil }
            try db.execute(
                sql: """
                    INSERT INTO pipeline_runs (
                        id, project, pipeline, version, definition, is_trusted, cause, origin, upstream, scheduled_for,
                        status, reason, created_at, finished_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id, project, pipeline, record.version, record.definition.text, record.isTrusted, cause.stored,
                    cause.origin, upstream?.text, scheduledFor?.microseconds, skipped == nil ? "queued" : "skipped",
                    skipped, at.microseconds,
                    skipped == nil ? nil : at.microseconds,
                ])
            if let scheduledFor {
                try db.execute(
                    sql: """
                        UPDATE pipelines SET scheduled_through = max(scheduled_through, ?)
                        WHERE project = ? AND name = ?
                        """, arguments: [scheduledFor.microseconds, project, pipeline])
            }
            return try Self.fetchRun(id, project: project, in: db)
        }
    }

    public func pipelineRun(_ id: String, project: String) async throws(ControlError) -> PipelineRunRecord? {
        try await read { db in try Self.fetchRun(id, project: project, in: db) }
    }

    /// Runs, newest first, below `before` if that is given.
    public func pipelineRuns(
        project: String, pipeline: String? = nil, status: PipelineRunRecord.Status? = nil, before: Int64? = nil,
        limit: Int
    ) async throws(ControlError) -> [PipelineRunRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM pipeline_runs WHERE project = ? AND (? IS NULL OR pipeline = ?)
                    AND (? IS NULL OR status = ?) AND number < ? ORDER BY number DESC LIMIT ?
                    """,
                arguments: [project, pipeline, pipeline, status?.rawValue, status?.rawValue, before ?? .max, limit]
            ).compactMap(PipelineRunRecord.init(row:))
        }
    }

    /// Everything that waits or runs, oldest first.
    public func openPipelineRuns() async throws(ControlError) -> [PipelineRunRecord] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM pipeline_runs WHERE status IN ('queued', 'running') ORDER BY number"
            ).compactMap(PipelineRunRecord.init(row:))
        }
    }

    /// Writes what changed of a run.
    ///
    /// - Parameter watermark: how far its destination is loaded with this; it is moved in the same transaction, and never back
    ///   but by a run that loaded everything anew.
    /// - Returns: false if the run was cancelled or is over, and nothing was written.
    @discardableResult
    public func updatePipelineRun(
        _ run: PipelineRunRecord, watermark: Int64? = nil, at: Timestamp
    ) async throws(ControlError) -> Bool {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE pipeline_runs SET status = ?, boot = ?, target = ?, seq_from = ?, seq_to = ?, spec = ?, steps = ?,
                    rows = ?, is_stale = ?, reason = ?, next_attempt_at = ?, started_at = ?, finished_at = ?,
                    upstream = ? WHERE id = ? AND status IN ('queued', 'running')
                    """,
                arguments: [
                    run.status.rawValue, run.boot, run.target, run.seqFrom, run.seqTo, run.spec?.text, run.steps.text,
                    run.rows, run.isStale, run.reason, run.nextAttemptAt?.microseconds, run.startedAt?.microseconds,
                    run.finishedAt?.microseconds, run.upstream?.text, run.id,
                ])
            guard db.changesCount == 1 else { return false }
            guard let watermark, let target = run.target else { return true }
            try db.execute(
                sql: """
                    INSERT INTO pipeline_watermarks (project, pipeline, target, seq, run, loaded_at)
                    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (project, pipeline, target) DO UPDATE SET
                    seq = excluded.seq, run = excluded.run, loaded_at = excluded.loaded_at
                    """,
                arguments: [run.project, run.pipeline, target, watermark, run.id, at.microseconds])
            return true
        }
    }

    /// Cancels a run that waits or runs; what it is now, nil if there is none.
    public func cancelPipelineRun(
        _ id: String, project: String, reason: String, at: Timestamp
    ) async throws(ControlError) -> PipelineRunRecord? {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE pipeline_runs SET status = 'cancelled', reason = ?, finished_at = ?, next_attempt_at = NULL
                    WHERE id = ? AND project = ? AND status IN ('queued', 'running')
                    """, arguments: [reason, at.microseconds, id, project])
            return try Self.fetchRun(id, project: project, in: db)
        }
    }

    /// The rows of the last runs that loaded into a target, newest first.
    public func loadedRows(
        project: String, pipeline: String, target: String, limit: Int
    ) async throws(ControlError) -> [Int64] {
        try await read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT rows FROM pipeline_runs WHERE project = ? AND pipeline = ? AND target = ?
                    AND status = 'succeeded' AND rows IS NOT NULL AND backfill IS NULL ORDER BY number DESC LIMIT ?
                    """, arguments: [project, pipeline, target, limit])
        }
    }

    static func fetchRun(_ id: String, project: String, in db: Database) throws -> PipelineRunRecord? {
        try Row.fetchOne(db, sql: "SELECT * FROM pipeline_runs WHERE id = ? AND project = ?", arguments: [id, project])
            .flatMap(PipelineRunRecord.init(row:))
    }
}

extension PipelineRunRecord.Cause {
    /// As the table has it, which knew three kinds at first; `origin` says what it is.
    var stored: String { origin == nil ? rawValue : "manual" }

    var origin: String? {
        switch self {
        case .schedule, .manual, .catchUp: nil
        case .backfill, .after, .continuous: rawValue
        }
    }
}

extension PipelineRunRecord {
    init?(row: Row) {
        let (definition, steps, status): (String, String, String) = (row["definition"], row["steps"], row["status"])
        let (stored, origin): (String, String?) = (row["cause"], row["origin"])
        let cause = origin ?? stored
        let (spec, upstream): (String?, String?) = (row["spec"], row["upstream"])
        guard let definition = try? JSONValue(text: definition), let steps = try? JSONValue(text: steps),
            let status = Status(rawValue: status), let cause = Cause(rawValue: cause)
        else { return nil }
        self.init(
            number: row["number"], id: row["id"], project: row["project"], pipeline: row["pipeline"],
            version: row["version"], definition: definition, isTrusted: row["is_trusted"], cause: cause,
            scheduledFor: timestamp(row["scheduled_for"]), backfill: row["backfill"],
            rangeFrom: timestamp(row["range_from"]), rangeTo: timestamp(row["range_to"]),
            upstream: upstream.flatMap { try? JSONValue(text: $0) }, status: status, boot: row["boot"],
            target: row["target"],
            seqFrom: row["seq_from"], seqTo: row["seq_to"], spec: spec.flatMap { try? JSONValue(text: $0) },
            steps: steps, rows: row["rows"], isStale: row["is_stale"], reason: row["reason"],
            nextAttemptAt: timestamp(row["next_attempt_at"]), createdAt: Timestamp(microseconds: row["created_at"]),
            startedAt: timestamp(row["started_at"]), finishedAt: timestamp(row["finished_at"]))
    }
}
