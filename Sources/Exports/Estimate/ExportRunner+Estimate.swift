internal import DuckDB
public import EventStore

extension ExportRunner {
    /// How long counting may take before a sample must do.
    static let countingMilliseconds: Int64 = 250

    /// Says what an export will come to, in a fraction of a second even where millions of rows are stored.
    ///
    /// Rows are counted where that is cheap, and projected from a sample where it is not; the sample's rows are really
    /// encoded. Nothing is written.
    public static func estimate(
        _ spec: ResolvedSpec, on store: EventStore
    ) async throws(ExportError) -> ExportEstimate {
        guard spec.format != .kissmetrics else {
            throw ExportSpec.error(
                "there is no estimate for the format kissmetrics; ask for one of ndjson, which is near it")
        }
        let job = EstimateJob(spec: spec)
        do {
            try await store.waitForApplied(spec.asOfSeq, timeout: .seconds(10))
            if spec.dataset == .report {
                return try await store.ask { connection, _ in
                    defer { try? EstimateJob.cleanUp(connection) }
                    return try job.report(connection)
                }
            }
            return try await store.withReadLane { lane in
                do {
                    let survey = try await lane.run { connection in try job.survey(connection) }
                    let counted =
                        try survey.windows != nil && job.canBeCounted ? try await count(job, on: lane) : nil
                    let estimate = try await lane.run { connection in
                        try job.measure(survey, counted: counted, connection)
                    }
                    await cleanUpSample(lane)
                    return estimate
                } catch {
                    await cleanUpSample(lane)
                    throw error
                }
            }
        } catch {
            throw ExportError(error)
        }
    }

    /// The exact number of rows; nil if it could not be counted in time.
    private static func count(_ job: EstimateJob, on lane: Lane) async throws -> Int64? {
        let counted = try await withThrowingTaskGroup(of: Int64?.self) { group in
            group.addTask {
                do {
                    return try await lane.run { connection in try job.count(connection) }
                } catch let error as DuckDBError where error.code == .interrupted {
                    return nil
                }
            }
            group.addTask {
                try? await Task.sleep(for: .milliseconds(countingMilliseconds))
                return nil
            }
            var found = try await group.next() ?? nil
            group.cancelAll()
            // It may have ended in the same moment.
            while let late = try await group.next() { found = found ?? late }
            return found
        }
        try Task.checkCancellation()
        return counted
    }

    /// Not a child of this task, whose cancellation would keep the lane from dropping temporary tables.
    private static func cleanUpSample(_ lane: Lane) async {
        await Task { try? await lane.run(EstimateJob.cleanUp) }.value
    }
}
