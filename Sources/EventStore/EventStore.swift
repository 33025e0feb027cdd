public import DuckDB
internal import Glibc
public import Logging
internal import Model
internal import Synchronization

/// A project's events, people and property history in one DuckDB file, written by the `Applier` and read by everybody.
///
/// ```swift
/// let store = try EventStore.open(directory: "data/projects/default", settings: StoreSettings(), logger: logger)
/// try await store.waitForApplied(receipt.watermark, timeout: .seconds(10))
/// let count = try await store.read { try $0.row("SELECT count(*) FROM events")?[0].int }
/// ```
public final class EventStore: Sendable {
    private struct Lanes {
        let database: Database
        let writer: Lane
        let readers: LanePool
        let exports: LanePool
    }

    /// The file's name in the project's folder.
    public static let fileName = "hot.duckdb"

    /// The file's path; the write-ahead log is beside it.
    public let path: String
    public let settings: StoreSettings
    let progress = ApplyProgress()
    private let lanes: Mutex<Lanes?>
    private let logger: Logger

    private init(path: String, settings: StoreSettings, lanes: Lanes, state: [String: Int64], logger: Logger) {
        self.path = path
        self.settings = settings
        self.lanes = Mutex(lanes)
        self.logger = logger
        progress.advance(to: state["applied_seq"] ?? 0, committedAt: state["committed_at"])
    }

    /// Opens the store in a project's folder, or begins one. Blocks while the engine reads its write-ahead log.
    ///
    /// - Throws: `.newerFormat` if a newer program wrote it; `.busy` if another process has it open; `.files`,
    ///   `.database`.
    public static func open(
        directory: String, settings: StoreSettings, logger: Logger
    ) throws(StoreError) -> EventStore {
        try makeDirectory(directory)
        let path = directory + "/" + fileName
        do {
            let database = try Database(
                path: path,
                settings: [
                    "memory_limit": settings.memoryLimit, "threads": String(settings.threads),
                    "checkpoint_threshold": settings.checkpointThreshold, "preserve_insertion_order": "true",
                    "temp_directory": path + ".tmp",
                ], niceness: settings.niceness)
            let setUp: @Sendable (Connection) throws(DuckDBError) -> Void = { connection throws(DuckDBError) in
                try StoreFunctions.register(on: connection)
            }
            let connection = try database.connect()
            try Schema.prepare(connection, path: path)
            let state = try StateRows.read(connection)
            let lanes = Lanes(
                database: database,
                writer: try Lane(database: database, name: "writer", niceness: settings.niceness) {
                    connection throws(DuckDBError) in
                    try setUp(connection)
                    // Nobody looks at the writer's progress, and keeping it costs an eighth of its time.
                    try connection.execute("SET enable_progress_bar = false")
                },
                readers: try LanePool(
                    database: database, name: "readers", lanes: settings.threads, waiting: settings.readersWaiting,
                    setUp: setUp),
                exports: try LanePool(
                    database: database, name: "exports", lanes: settings.exportLanes,
                    waiting: settings.exportsWaiting, setUp: setUp))
            return EventStore(path: path, settings: settings, lanes: lanes, state: state, logger: logger)
        } catch {
            throw StoreError(error)
        }
    }

    private static func makeDirectory(_ path: String) throws(StoreError) {
        // The path is lent for the call.
        guard unsafe mkdir(path, 0o700) != 0, errno != EEXIST else { return }
        // `strerror` answers with a text of its own, copied here.
        let reason = unsafe String(cString: strerror(errno))
        throw StoreError(.files, "The folder \(path) cannot be made: \(reason).")
    }

    // MARK: Reading

    /// Runs `body` on a connection for short reads, first come, first served.
    ///
    /// Every statement sees a state of its own; for several that must agree, use `Connection.transaction`.
    ///
    /// - Throws: the engine's `DuckDBError`, `.busy` among them if too many wait; what `body` throws; `.closed`.
    public func read<T: Sendable>(_ body: @Sendable (Connection) throws -> T) async throws -> T {
        try await opened().readers.run(body)
    }

    /// Lends a lane for short reads, for whoever runs several jobs in a row on it.
    public func withReadLane<T: Sendable>(_ body: (Lane) async throws -> T) async throws -> T {
        try await opened().readers.withLane(body)
    }

    /// Runs `body` on a connection for long reads, which does not hold up the short ones.
    public func export<T: Sendable>(_ body: @Sendable (Connection) throws -> T) async throws -> T {
        try await opened().exports.run(body)
    }

    /// Lends a lane for long reads, for whoever runs several jobs in a row on it or watches its progress.
    public func withExportLane<T: Sendable>(_ body: (Lane) async throws -> T) async throws -> T {
        try await opened().exports.withLane(body)
    }

    /// Runs `body` on the one connection that writes.
    func writing<T: Sendable>(_ body: @Sendable (Connection) throws -> T) async throws -> T {
        try await opened().writer.run(body)
    }

    private func opened() throws(StoreError) -> Lanes {
        guard let lanes = lanes.withLock({ $0 }) else { throw StoreError(.closed, "The store is closed.") }
        return lanes
    }

    // MARK: Following

    /// Everything up to this `seq` is in the tables.
    public var appliedSeq: Int64 { progress.snapshot.appliedSeq }

    /// Returns when everything up to `seq` is in the tables; wakes the applier if it gathers.
    ///
    /// - Throws: `.lagging` after `timeout`, with how much is missing; `.stopped` if the applier has stopped for good;
    ///   `.cancelled`.
    public func waitForApplied(_ seq: Int64, timeout: Duration) async throws(StoreError) {
        guard appliedSeq < seq else { return }
        let progress = progress
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await progress.wait(for: seq) }
                group.addTask {
                    try await Task.sleep(for: timeout)
                    throw Self.lagging(seq, progress.snapshot, timeout)
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch {
            throw StoreError(error)
        }
    }

    private static func lagging(_ seq: Int64, _ snapshot: ApplyProgress.Snapshot, _ timeout: Duration) -> StoreError {
        var text =
            "The store has reached the item \(snapshot.appliedSeq) and \(seq) was asked for: \(seq - snapshot.appliedSeq)"
            + " items are missing after \(timeout.components.seconds) s."
        if let error = snapshot.lastError, case .retrying = snapshot.state { text += " Last error: \(error.message)" }
        return StoreError(.lagging, text + " Try again later.", isTransient: true)
    }

    // MARK: Closing

    /// Waits for the reads that run, moves the write-ahead log into the file, so that the next start is quick, and closes
    /// the file. End the applier and cancel exports first.
    ///
    /// - Throws: the engine's error; the file is closed all the same, and nothing is lost: the log stays.
    public func close() async throws(StoreError) {
        guard let lanes = lanes.withLock({ $0.take() }) else { return }
        await lanes.readers.close()
        await lanes.exports.close()
        let failure = await Self.checkpoint(lanes.writer)
        await lanes.writer.close()
        if let failure {
            logger.error("The store closed without a checkpoint.", metadata: ["reason": "\(failure.message)"])
            throw failure
        }
    }

    private static func checkpoint(_ writer: Lane) async -> StoreError? {
        do {
            try await writer.run { connection in try connection.execute("CHECKPOINT") }
            return nil
        } catch {
            return StoreError(error)
        }
    }
}
