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
    let lanes: Mutex<StoreLanes?>
    let logger: Logger

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
}
