internal import Collect
internal import Control
internal import EventStore
internal import Exports
internal import Journal
internal import Logging
internal import Model
internal import Synchronization
internal import Webhooks

/// One project at work: its journal, its store and the applier between them.
final class ProjectRuntime: Sendable {
    let name: String
    /// `DIR/projects/NAME`.
    let directory: String
    let journal: Journal
    let store: EventStore
    /// The identities that are refused since they were erased.
    let suppressions: Suppressions
    /// Shows what is collected to whoever watches.
    let live = LiveFeed()
    let catalogue = CatalogueBook()
    /// What is computed of people.
    let columns: ColumnBook
    /// The journal's folder in the project's.
    static let journalFolder = "journal"
    private let applier: Applier
    private let compactor: Compactor
    private let keeper: PeopleKeeper
    /// Puts events into the outbox; set once the rest is made.
    private let follower = Mutex<EventFollower?>(nil)
    private let streams: StreamKeeper

    /// Opens the project's files. Blocking.
    ///
    /// - Parameter seenSeq: the highest `seq` that the control database has seen.
    init(
        name: String, seenSeq: Int64, suppressions: Suppressions, configuration: ServerConfiguration,
        webhooks: WebhookService, logger: Logger
    ) throws {
        self.name = name
        self.suppressions = suppressions
        directory = configuration.directory + "/projects/" + name
        try Folder.make(configuration.directory + "/projects")
        try Folder.make(directory)
        var logger = logger
        logger[metadataKey: "project"] = .string(name)
        var settings = StoreSettings()
        settings.memoryLimit = "\(configuration.engineMemory / 1_000_000)MB"
        settings.fileMemoryLimit = "\(max(configuration.engineMemory / 1_000_000, 800))MB"
        settings.passingMemory = "\(min(configuration.passingMemory, configuration.engineMemory) / 1_000_000)MB"
        settings.isBrief = configuration.isBrief
        if let rows = configuration.hotRows { settings.hotRows = rows }
        if let threads = configuration.engineThreads { settings.threads = threads }
        settings.exportLanes = configuration.exportsAtOnce
        try Folder.make(configuration.directory + "/projects")
        store = try EventStore.open(directory: directory, settings: settings, logger: logger)
        let followed = try webhooks.store.start(project: name)
        var options = JournalOptions(
            directory: directory + "/" + Self.journalFolder,
            // A restored outbox may have seen more than a restored store: no number is used twice.
            seqFloor: max(store.appliedSeq, seenSeq, followed.checkpoint))
        if followed.listens { options.followers.insert(EventFollower.name) }
        options.queueBytes = configuration.queueBytes
        options.backlogBytes = configuration.backlogBytes
        options.segmentBytes = configuration.segmentBytes
        journal = try Journal.open(options, logger: logger)
        applier = Applier(store: store, journal: journal, logger: logger)
        compactor = Compactor(store: store, logger: logger)
        columns = ColumnBook(store: store, project: name)
        // By the clock of timers: the table is not of a day to which the time of day leapt and may be put back.
        keeper = PeopleKeeper(store: store, logger: logger) { [sender = webhooks.sender] in sender.timerClock() }
        streams = StreamKeeper(
            project: name, journal: journal, store: store, sender: webhooks.sender, logger: logger)
        let made = webhooks.follower(self, logger: logger)
        follower.withLock { $0 = made }
    }

    /// Follows the journal until `drain`, makes cold files, keeps the table of people and watches what triggers ask meanwhile.
    func run(_ watchers: [TriggerWatcher]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (compactor, keeper, streams) = (compactor, keeper, streams)
            group.addTask { await compactor.run() }
            group.addTask { await keeper.run() }
            group.addTask { await streams.run() }
            for watcher in watchers { group.addTask { await watcher.run() } }
            if let follower = follower.withLock({ $0 }) { group.addTask { await follower.run() } }
            try await applier.run()
            // A merge that is cut off begins again after the next start.
            group.cancelAll()
        }
    }

    /// Makes a request's items durable, all or nothing; those of identities that were erased become rejects in `parsed`.
    func append(
        _ parsed: inout ParsedRequest, wire: WireProtocol, bytes: Int, metrics: ServerMetrics
    ) async throws(JournalError) -> Receipt {
        let entry = suppressions.enter()
        defer { suppressions.leave(entry) }
        if let list = entry.list { parsed = parsed.filtered(by: list) }
        do throws(JournalError) {
            let receipt = try await journal.append(parsed.submission)
            metrics.collected(parsed, receipt, wire: wire, bytes: bytes)
            live.publish(parsed, receipt)
            return receipt
        } catch {
            metrics.wire(wire).refusedRequests.add(1)
            throw error
        }
    }

    /// Waits until queries see everything up to the `seq` that a read is pinned to, and returns it: the one that the
    /// caller names, or all that is durable now.
    /// - Throws: a problem (400) if the caller names what nobody has been told of, `StoreError` if the store lags.
    func pin(_ exchange: Exchange) async throws -> Int64 {
        let named = try exchange.query.integer("wait_seq", in: 0...Int64.max)
        let durable = journal.durableSeq
        // Every receipt names what is durable: nothing that anybody was told of lies beyond it, and waiting would be in vain.
        if let named, named > durable {
            throw Problem.parameter("wait_seq", "nothing has been stored beyond \(durable)")
        }
        return try await pin(named, wait: exchange.app.configuration.readWait)
    }

    func pin(_ named: Int64?, wait: Duration) async throws -> Int64 {
        let seq = named ?? journal.durableSeq
        try await store.waitForApplied(seq, timeout: wait)
        return max(seq, store.appliedSeq)
    }

    /// Writes what is queued, applies it, and closes both.
    func drain(logger: Logger) async {
        await journal.close()
        do {
            try await store.waitForApplied(journal.durableSeq, timeout: .seconds(30))
        } catch {
            // Nothing is lost by it: the applier goes on from the journal at the next start.
            logger.warning("stopped before everything was applied", metadata: ["error": "\(error)"])
        }
    }

    /// Moves the write-ahead log into the file.
    func closeStore(logger: Logger) async {
        do { try await store.close() } catch {
            logger.error("the store did not close", metadata: ["error": "\(error)"])
        }
    }
}
