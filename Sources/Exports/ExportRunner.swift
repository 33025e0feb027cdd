internal import DuckDB
public import EventStore
public import Model

/// Makes files of what the store has.
///
/// ```swift
/// let spec = try await ExportRunner.resolve(asked, on: store, durableSeq: journal.durableSeq, now: now)
/// let manifest = try await ExportRunner.run(spec, on: store, to: "people.csv", exportID: id, runID: run)
/// ```
public enum ExportRunner {
    /// Fixes what depends on now; asks the store for time zones by name.
    ///
    /// - Parameter durableSeq: the newest `seq`; the export counts up to it.
    public static func resolve(
        _ spec: ExportSpec, on store: EventStore, durableSeq: Int64, now: Timestamp
    ) async throws(ExportError) -> ResolvedSpec {
        do {
            return try await store.read { connection in
                try spec.resolve(durableSeq: durableSeq, now: now) { (local) throws(ExportError) in
                    try moment(of: local, in: spec.timezone, connection)
                }
            }
        } catch {
            throw ExportError(error)
        }
    }

    private static func moment(
        of local: Int64, in zone: String, _ connection: Connection
    ) throws(ExportError) -> Timestamp {
        let statement = SQLStatement(DuckDBDialect.moment(ofLocal: Timestamp(microseconds: local), in: zone))
        do {
            if let found = try connection.row(statement.text, statement.values)?[0].int {
                return Timestamp(microseconds: found)
            }
        } catch {
            guard error.code != .interrupted, !error.isTransient else { throw ExportError(error) }
        }
        throw ExportSpec.error(
            "\"timezone\": there is no zone \"\(zone)\"; write UTC, an offset such as +02:00, or a name such as Europe/Berlin"
        )
    }

    /// Runs an export to its end: the files, and then their manifest.
    ///
    /// Cancelling the task stops the running statement and removes what is not finished. The same specification gives the
    /// same bytes whenever it runs, so that an export that was cut off is simply run again.
    ///
    /// - Parameters:
    ///   - path: the file, exactly; with parts, files beside it that are named after it.
    ///   - exportID: names temporary files, and is in the manifest.
    ///   - isDurable: whether the files outlive a crash of the machine; those that are made anew after one need not be waited for.
    ///   - following: is told of a CSV file while it is written.
    ///   - progress: is kept up to date while it runs.
    /// - Returns: the manifest, which lies beside the files, too.
    public static func run(
        _ spec: ResolvedSpec, on store: EventStore, to path: String, exportID: String, runID: String,
        isDurable: Bool = true, following: ExportFollowing? = nil, progress: ExportProgress = ExportProgress()
    ) async throws(ExportError) -> Manifest {
        // Whoever follows waits for no more; what became whole stays so.
        defer { following?.end(isWhole: false) }
        do {
            try await store.waitForApplied(spec.asOfSeq, timeout: .seconds(10))
            return try await store.withExportLane { lane, layout in
                let job = ExportJob(
                    spec: spec, path: path, exportID: exportID, runID: runID, isDurable: isDurable,
                    following: following, progress: progress,
                    settings: store.settings, layout: layout, recent: store.recent, memory: store.memory,
                    scratch: store.scratchFolder,
                    erasureEpoch: store.erasureEpoch, history: store.agedHistory)
                do {
                    let manifest = try await lane.run { connection in try job.run(connection) }
                    await cleanUp(lane)
                    return manifest
                } catch {
                    await cleanUp(lane)
                    throw error
                }
            }
        } catch {
            throw ExportError(error)
        }
    }

    /// Not a child of this task, whose cancellation would keep the lane from dropping temporary tables; a finished export
    /// stays one, whatever becomes of them.
    private static func cleanUp(_ lane: Lane) async {
        await Task { try? await lane.run(ExportJob.cleanUp) }.value
    }
}
