internal import GRDB

/// How a pipeline's runs went.
public struct RunStatistics: Sendable, Equatable {
    /// How many of the last ones succeeded, of how many that were to bring something; cancelled ones and backfills do not count.
    public let succeeded: Int
    public let total: Int
    /// Seconds that successful ones took.
    public let medianSeconds: Double?
    public let lastSeconds: Double?
    /// Rows of the last ones by the schedule, newest first.
    public let rows: [Int64]

    public var successRate: Double? { total == 0 ? nil : Double(succeeded) / Double(total) }
}

/// How many runs of a pipeline there are of a status.
public struct RunCount: Sendable, Equatable {
    public let project: String
    public let pipeline: String
    public let status: String
    public let runs: Int64
    public let rows: Int64
}

extension ControlStore {
    /// The last run that brought everything there was: a backfill brings what is old.
    public func lastGoodRun(project: String, pipeline: String) async throws(ControlError) -> PipelineRunRecord? {
        try await read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT * FROM pipeline_runs WHERE project = ? AND pipeline = ? AND status = 'succeeded'
                    AND backfill IS NULL ORDER BY number DESC LIMIT 1
                    """, arguments: [project, pipeline]
            ).flatMap(PipelineRunRecord.init(row:))
        }
    }

    /// How the last runs of a pipeline went.
    public func runStatistics(
        project: String, pipeline: String, last limit: Int = 100
    ) async throws(ControlError) -> RunStatistics {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT status, rows, started_at, finished_at, scheduled_for FROM pipeline_runs
                    WHERE project = ? AND pipeline = ? AND status IN ('succeeded', 'failed', 'skipped', 'stale')
                    AND backfill IS NULL ORDER BY number DESC LIMIT ?
                    """, arguments: [project, pipeline, limit])
            var (times, counts): ([Double], [Int64]) = ([], [])
            var succeeded = 0
            for row in rows where row["status"] as String == "succeeded" {
                succeeded += 1
                let (from, to): (Int64?, Int64?) = (row["started_at"], row["finished_at"])
                if let from, let to { times.append(Double(max(0, to - from)) / 1e6) }
                let (count, scheduled): (Int64?, Int64?) = (row["rows"], row["scheduled_for"])
                if let count, scheduled != nil { counts.append(count) }
            }
            let sorted = times.sorted()
            return RunStatistics(
                succeeded: succeeded, total: rows.count, medianSeconds: sorted.isEmpty ? nil : sorted[sorted.count / 2],
                lastSeconds: times.first, rows: counts)
        }
    }

    /// Rows of the runs by the schedule before one, newest first.
    public func scheduledRows(
        project: String, pipeline: String, before number: Int64, limit: Int
    ) async throws(ControlError) -> [Int64] {
        try await read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT rows FROM pipeline_runs WHERE project = ? AND pipeline = ? AND number < ?
                    AND status = 'succeeded' AND rows IS NOT NULL AND scheduled_for IS NOT NULL AND cause = 'schedule'
                    ORDER BY number DESC LIMIT ?
                    """, arguments: [project, pipeline, number, limit])
        }
    }

    /// How many runs of all pipelines there are, by status.
    public func runCounts() async throws(ControlError) -> [RunCount] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT project, pipeline, status, sum(runs) AS runs, sum(rows) AS rows FROM (
                        SELECT project, pipeline, status, count(*) AS runs, coalesce(sum(rows), 0) AS rows
                        FROM pipeline_runs GROUP BY project, pipeline, status
                        UNION ALL SELECT project, pipeline, status, runs, rows FROM pipeline_run_tally)
                    GROUP BY project, pipeline, status ORDER BY project, pipeline, status
                    """
            ).map { row in
                RunCount(
                    project: row["project"], pipeline: row["pipeline"], status: row["status"], runs: row["runs"],
                    rows: row["rows"])
            }
        }
    }
}
