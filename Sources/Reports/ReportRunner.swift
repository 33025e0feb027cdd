internal import DuckDB
public import EventStore
public import Model

/// Answers reports from the store, on connections of their own and within a time.
///
/// ```swift
/// let answer = try await ReportRunner.run(json, on: store, asOfSeq: seq, now: now, limit: .seconds(60))
/// ```
public enum ReportRunner {
    /// Reads a specification without the store: zones by name count as UTC. For an answer to the caller before it runs, and
    /// for the columns that it needs.
    public static func check(_ json: JSONValue, now: Timestamp) throws(QueryError) -> Report {
        let clock = ReportClock(now: now, timezone: try Report.timezone(json))
        return try Report(json, ReportClock(now: Report.now(json, clock), timezone: clock.timezone))
    }

    /// Answers a report.
    ///
    /// - Parameters:
    ///   - asOfSeq: everything stored up to this `seq` counts; the store must have reached it.
    ///   - limit: how long it may take, waiting for a connection included.
    /// - Throws: `QueryError` for what is wrong with the specification; `ReportError`; `StoreError` and `DuckDBError` of the
    ///   store, `.busy` among them if too many wait.
    public static func run(
        _ json: JSONValue, on store: EventStore, asOfSeq: Int64, now: Timestamp, limit: Duration
    ) async throws -> ReportAnswer {
        try await within(limit, on: store) { connection in
            try ReportRun(json, asOf: asOfSeq, now: now, connection).answer()
        }
    }

    /// The people of a cell of a report's answer, in order, and where they go on.
    ///
    /// - Parameters:
    ///   - cell: see `ReportRun.people`.
    ///   - page: as of when, and after whom.
    public static func people(
        _ json: JSONValue, cell: JSONValue, on store: EventStore, page: ReportPage, limit: Int, within time: Duration
    ) async throws -> (people: [ReportPerson], next: ReportPage?) {
        try await within(time, on: store) { connection in
            let run = try ReportRun(json, asOf: page.asOfSeq, now: page.asOf, connection)
            let found = try run.people(SpecNode(cell, path: "cell"), after: page.after, limit: limit + 1)
            let shown = Array(found.prefix(limit))
            let next = found.count > limit ? shown.last : nil
            return (
                try run.identities(shown),
                next.map { ReportPage(asOfSeq: page.asOfSeq, asOf: page.asOf, after: $0) }
            )
        }
    }

    /// Runs `body` on a lane for reports, and stops it after a time.
    static func within<T: Sendable>(
        _ limit: Duration, on store: EventStore, _ body: @escaping @Sendable (Connection) throws -> T
    ) async throws -> T {
        guard limit > .zero else { throw ReportError.timeLimit(limit) }
        do {
            return try await withThrowingTaskGroup(of: T?.self) { group in
                group.addTask {
                    try await store.withReportLane { lane, _ in
                        do {
                            let value = try await lane.run(body)
                            await cleanUp(lane)
                            return value
                        } catch {
                            await cleanUp(lane)
                            throw error
                        }
                    }
                }
                group.addTask {
                    try await Task.sleep(for: limit)
                    return nil
                }
                // Cancelling interrupts the statement.
                defer { group.cancelAll() }
                guard let first = try await group.next(), let value = first else {
                    throw ReportError.timeLimit(limit)
                }
                return value
            }
        } catch let error as DuckDBError where error.code == .outOfMemory {
            throw ReportError.memory
        }
    }

    /// Not a child of this task, whose cancellation would keep the lane from dropping temporary tables.
    private static func cleanUp(_ lane: Lane) async {
        await Task { try? await lane.run(ReportRun.cleanUp) }.value
    }
}
