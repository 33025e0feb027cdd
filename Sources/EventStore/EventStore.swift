internal import DuckDB
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
    /// The file's name in the project's folder.
    public static let fileName = "hot.duckdb"

    /// The file's path; the write-ahead log is beside it.
    public let path: String
    public let settings: StoreSettings
    let progress = ApplyProgress()
    let people = PeopleProgress()
    let folder: ColdFolder
    let layouts: LayoutBook
    let compaction: CompactionState
    /// Rows of the generation that is written to.
    let activeRows: Atomic<Int64>
    let gate = StoreGate()
    let ties: PersonTies
    /// What the engine may take; work that keeps much in memory says so.
    public let memory: EngineMemory
    /// The texts of identities that came in of late.
    public let recent: RecentIdentities
    /// What look-ups can tell without the engine.
    let lookups: PersonIndex
    /// How often rows were taken out of the store for good; manifests name it.
    let epoch: Atomic<Int64>
    let aged: Mutex<AgedHistory?>
    private let lanes: Mutex<StoreLanes?>
    private let logger: Logger

    private init(
        path: String, settings: StoreSettings, lanes: StoreLanes, state: [String: Int64], cold: Cold, logger: Logger
    ) {
        self.path = path
        self.settings = settings
        folder = cold.folder
        let compaction = CompactionState()
        self.compaction = compaction
        layouts = LayoutBook(cold.layout) { compaction.wake() }
        activeRows = Atomic(cold.activeRows)
        ties = cold.ties
        recent = RecentIdentities(ties: cold.ties)
        lookups = PersonIndex(ties: cold.ties)
        memory = EngineMemory(settings)
        epoch = Atomic(state["erasure_epoch"] ?? 0)
        aged = Mutex(AgedHistory(state: state))
        self.lanes = Mutex(lanes)
        self.logger = logger
        progress.advance(to: state["applied_seq"] ?? 0, committedAt: state["committed_at"])
        let people = people
        progress.onAdvance { people.wake() }
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
            let database = try StoreLanes.database(path, settings)
            // The file is ours from here on.
            try HotFile.tidy(path)
            try SpillFolder.prepare(of: path)
            let connection = try database.connect()
            let isNew = try Schema.prepare(connection, path: path)
            let state = try StateRows.read(connection)
            let cold = try Cold(connection, project: directory, isNew: isNew, lastID: state["last_cold_id"] ?? 0)
            return EventStore(
                path: path, settings: settings, lanes: try StoreLanes(database, settings), state: state, cold: cold,
                logger: logger)
        } catch {
            throw StoreError(error)
        }
    }

    /// Where rows lie when the store is opened; what a crash left is gone then.
    private struct Cold {
        let folder: ColdFolder
        let layout: Layout
        let activeRows: Int64
        let ties = PersonTies()

        init(_ connection: Connection, project: String, isNew: Bool, lastID: Int64) throws(StoreError) {
            folder = try ColdFolder(project: project)
            let generations = try Generations.read(connection)
            let files = try ColdCatalogue.read(connection)
            // Nothing is removed before it is clear that what is named is there.
            try folder.tidy(keeping: files, isNew: isNew, lastID: lastID)
            try Generations.dropStale(connection, keeping: generations)
            let folder = folder
            layout = Layout(version: 1, generations: generations, files: files)
            let (active, ties) = (layout.active, ties)
            activeRows = try storing {
                for file in files { try folder.attach(file, connection) }
                try ties.load(connection)
                return try Generations.rows(active, connection)
            }
        }
    }

    private static func makeDirectory(_ path: String) throws(StoreError) {
        // The path is lent for the call.
        guard unsafe mkdir(path, 0o700) != 0, errno != EEXIST else { return }
        // `strerror` answers with a text of its own, copied here.
        let reason = unsafe String(cString: strerror(errno))
        throw StoreError(.files, "The folder \(path) cannot be made: \(reason).")
    }

    /// Runs `body` on the connection that makes cold files.
    func compactor<T: Sendable>(_ body: @Sendable (Connection) throws -> T) async throws -> T {
        try await opened().compactor.run { connection in try memory.usual(connection, body) }
    }

    /// Runs `body` in a transaction on the connection that keeps the table of people, with the views of all rows.
    ///
    /// - Parameter body: is told the `seq` up to which everything is in them.
    func keeping<T: Sendable>(_ body: @Sendable (Connection, Int64) throws -> T) async throws -> T {
        try await gate.enter(.write)
        defer { gate.leave(.write) }
        let lanes = try opened()
        // In this order: the layout has the rows of everything that is applied by then.
        let seq = appliedSeq
        let layout = layouts.pin()
        defer { layouts.unpin(layout) }
        return try await lanes.people.run { connection in
            try layout.show(on: connection)
            return try memory.usual(connection) { connection in
                try connection.transaction { connection in try body(connection, seq) }
            }
        }
    }

    /// Runs `body` on the one connection that writes.
    ///
    /// - Parameter isAwaited: whether somebody waits for it; otherwise it stands back behind whoever wants the processors.
    func writing<T: Sendable>(
        isAwaited: Bool = false, _ body: @Sendable (Connection) throws -> T
    ) async throws -> T {
        try await gate.enter(.write)
        defer { gate.leave(.write) }
        let writer = try opened().writer
        writer.hurry(isAwaited)
        return try await writer.run { connection in try memory.usual(connection, body) }
    }

    func opened() throws(StoreError) -> StoreLanes {
        guard let lanes = lanes.withLock({ $0 }) else { throw StoreError(.closed, "The store is closed.") }
        return lanes
    }

    // MARK: Replacing the file

    /// Closes the file, has `replace` put another one in its place, and opens that one. Nobody may be inside; whoever comes
    /// meanwhile waits at the gate.
    ///
    /// - Throws: what `replace` throws, and the old file is open again; if no file can be opened, the store is closed.
    func reopening(_ replace: @Sendable () throws -> Void) async throws {
        weak let database = try opened().database
        try await closeFile()
        let failure: StoreError?
        do {
            // With the old file open, its log could take the place of the new one's.
            guard database == nil else { throw StoreError(.files, "The store's file is still in use.") }
            try replace()
            failure = nil
        } catch {
            failure = StoreError(error)
        }
        let files = layouts.current.files
        let opened = try StoreLanes.database(path, settings)
        let connection = try opened.connect()
        for file in files { try folder.attach(file, connection) }
        try ties.load(connection)
        recent.forget()
        lookups.forget()
        activeRows.store(try Generations.rows(layouts.current.active, connection), ordering: .relaxed)
        let lanes = try StoreLanes(opened, settings)
        self.lanes.withLock { $0 = lanes }
        if let failure { throw failure }
    }

    /// Closes the file; in a function of its own, so that nothing of it is held on the way.
    private func closeFile() async throws {
        try await opened().writer.run { connection in try connection.execute("CHECKPOINT") }
        if let lanes = lanes.withLock({ $0.take() }) { await lanes.close() }
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
        await lanes.questions.close()
        await lanes.compactor.close()
        await lanes.people.close()
        let failure = await Self.checkpoint(lanes.writer, folder)
        await lanes.writer.close()
        if let failure {
            logger.error("The store closed without a checkpoint.", metadata: ["reason": "\(failure.message)"])
            throw failure
        }
    }

    private static func checkpoint(_ writer: Lane, _ folder: ColdFolder) async -> StoreError? {
        do {
            try await writer.run { connection in
                try connection.execute("CHECKPOINT")
                // What was replaced and still read, or not yet removed when the compactor ended.
                try folder.tidy(keeping: try ColdCatalogue.read(connection), isNew: false, lastID: .max)
            }
            return nil
        } catch {
            return StoreError(error)
        }
    }
}
