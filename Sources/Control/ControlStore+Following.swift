internal import GRDB
public import Model

extension ControlStore {
    /// The newest run of a pipeline that is none of a backfill and was not cancelled; made after a moment and above a number.
    public func newestRun(
        project: String, pipeline: String, above number: Int64 = 0, since: Timestamp? = nil, isFinal: Bool = false
    ) async throws(ControlError) -> PipelineRunRecord? {
        try await read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT * FROM pipeline_runs WHERE project = ? AND pipeline = ? AND number > ? AND created_at >= ?
                    AND backfill IS NULL AND status <> 'cancelled' AND (NOT ? OR status NOT IN ('queued', 'running'))
                    ORDER BY number DESC LIMIT 1
                    """, arguments: [project, pipeline, number, since?.microseconds ?? .min, isFinal]
            ).flatMap(PipelineRunRecord.init(row:))
        }
    }

    /// The last run of a pipeline that was made since others were done.
    public func lastRunAfterOthers(project: String, pipeline: String) async throws(ControlError) -> PipelineRunRecord? {
        try await read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT * FROM pipeline_runs WHERE project = ? AND pipeline = ? AND origin = 'after'
                    ORDER BY number DESC LIMIT 1
                    """, arguments: [project, pipeline]
            ).flatMap(PipelineRunRecord.init(row:))
        }
    }

    /// The scheduled time before another one; nil if there was none.
    public func scheduledBefore(
        _ time: Timestamp, project: String, pipeline: String
    ) async throws(ControlError) -> Timestamp? {
        try await read { db in
            timestamp(
                try Int64.fetchOne(
                    db,
                    sql:
                        "SELECT max(scheduled_for) FROM pipeline_runs WHERE project = ? AND pipeline = ? AND scheduled_for < ?",
                    arguments: [project, pipeline, time.microseconds]))
        }
    }

    /// Sets up to where scheduled times are seen to, also back.
    public func setScheduledThrough(_ time: Timestamp, project: String, pipeline: String) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: "UPDATE pipelines SET scheduled_through = ? WHERE project = ? AND name = ?",
                arguments: [time.microseconds, project, pipeline])
        }
    }

    /// Of runs that follow what comes, and succeeded, so many stay; there is one every few seconds. The others are counted on.
    public func pruneContinuousRuns(project: String, pipeline: String, keep: Int) async throws(ControlError) {
        try await write { db in
            let old = """
                project = ?1 AND pipeline = ?2 AND origin = 'continuous' AND status = 'succeeded' AND watched = 2
                AND number <= (SELECT number FROM pipeline_runs WHERE project = ?1 AND pipeline = ?2
                    AND origin = 'continuous' AND status = 'succeeded' ORDER BY number DESC LIMIT 1 OFFSET ?3)
                """
            try db.execute(
                sql: """
                    INSERT INTO pipeline_run_tally (project, pipeline, status, runs, rows)
                    SELECT ?1, ?2, 'succeeded', count(*), coalesce(sum(rows), 0) FROM pipeline_runs WHERE \(old)
                    ON CONFLICT (project, pipeline, status) DO UPDATE SET runs = runs + excluded.runs,
                    rows = rows + excluded.rows
                    """, arguments: [project, pipeline, keep])
            try db.execute(sql: "DELETE FROM pipeline_runs WHERE \(old)", arguments: [project, pipeline, keep])
        }
    }
}
