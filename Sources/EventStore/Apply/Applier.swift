internal import DuckDB
public import Journal
public import Logging
internal import Model
internal import Synchronization

/// Moves the journal's items into the store, in order and exactly once.
///
/// One batch is one transaction, and the `seq` that it reached is in it: after a crash the store itself says where to go on.
/// Nothing is ever skipped: damage in the journal, or a segment that is gone, stops the applier, and `status` says why.
public struct Applier: Sendable {
    /// The name under which the journal knows this follower.
    public static let follower = "store"

    private let store: EventStore
    private let journal: Journal
    private let logger: Logger

    public init(store: EventStore, journal: Journal, logger: Logger) {
        self.store = store
        self.journal = journal
        self.logger = logger
    }

    /// Follows the journal until the task is cancelled or the journal is closed and all of it is applied.
    ///
    /// - Throws: `.damaged`, `.behind`, or `.database` if the engine stopped; the store's status then says so, and whoever
    ///   waits for a `seq` is told.
    public func run() async throws(StoreError) {
        let progress = store.progress
        journal.register(follower: Self.follower, at: progress.snapshot.appliedSeq)
        progress.set(.following)
        do {
            try await follow(progress)
            progress.set(.idle)
        } catch  where Task.isCancelled {
            progress.set(.idle)
        } catch {
            let error = StoreError(error)
            progress.set(.stopped(error.message), error: error)
            logger.critical(
                "The applier has stopped.",
                metadata: ["code": "\(error.code.rawValue)", "reason": "\(error.message)"])
            throw error
        }
    }

    private func follow(_ progress: ApplyProgress) async throws {
        let source = JournalSource(journal, store)
        let settings = store.settings
        var pause = settings.gathering
        while !Task.isCancelled {
            let applied = progress.snapshot.appliedSeq
            if journal.durableSeq <= applied {
                await journal.waitForDurable(after: applied)
                // Nothing new: the journal is closed, or the task cancelled.
                if journal.durableSeq <= applied { return }
                progress.began(at: journal.now)
            }
            if journal.durableSeq - applied < settings.batchItems / 2, !source.holdsBack {
                await progress.gather(for: pause, upTo: journal.durableSeq)
            }
            let began = ContinuousClock.now
            try await applyNext(source, progress)
            // A commit has a cost of its own, and senders of single events want the processors, too: a busy applier
            // takes an eighth of the time.
            pause = min(max(settings.gathering, (ContinuousClock.now - began) * 7), .seconds(1))
        }
    }

    /// Applies one batch, and tries it again for as long as the engine refuses it.
    private func applyNext(_ source: JournalSource, _ progress: ApplyProgress) async throws {
        var pause = Duration.milliseconds(100)
        while true {
            do {
                let isAwaited = progress.isAwaited(upTo: journal.durableSeq)
                let step = try await store.writing(isAwaited: isAwaited) { connection in
                    let active = store.layouts.current.active
                    let step = try source.applyNext(
                        connection, after: progress.snapshot.appliedSeq, generation: active)
                    let rows = store.activeRows.add(step.rows, ordering: .relaxed).newValue
                    // What is applied is applied; a generation that did not begin now begins after the next batch.
                    if rows >= store.settings.hotRows { try? store.rotate(connection) }
                    return step
                }
                progress.advance(to: step.seq, committedAt: step.committedAt)
                progress.set(.following)
                journal.release(follower: Self.follower, upTo: step.seq)
                return
            } catch {
                let isFatal = (error as? DuckDBError)?.code == .fatal
                let error = StoreError(error)
                guard error.code == .database || error.code == .busy, !isFatal, !Task.isCancelled else { throw error }
                progress.set(.retrying(error.message), error: error)
                logger.error(
                    "A batch could not be stored and is tried again.",
                    metadata: ["reason": "\(error.message)", "pause": "\(pause)"])
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(10))
            }
        }
    }
}

/// The journal's end of the applier, used on the writer's lane only.
private final class JournalSource: @unchecked Sendable {
    // Nothing here is locked: the one task of the applier uses it, one job of the writer's lane after the other.
    private let journal: Journal
    private let settings: StoreSettings
    private let applier: BatchApplier
    private var reader: JournalReader?
    private var cursor = BatchCursor()
    /// The batch that is being applied, kept until the store has it.
    private var batch: ItemBatch?

    init(_ journal: Journal, _ store: EventStore) {
        self.journal = journal
        settings = store.settings
        applier = BatchApplier(store.settings, store.ties, store.recent, store.lookups)
    }

    /// Whether there are items that were read and not applied yet.
    var holdsBack: Bool { batch != nil || !cursor.isEmpty }

    /// Applies the next batch. Returns how far the store is then, and when the last frame was committed, if there was one.
    func applyNext(
        _ connection: Connection, after applied: Int64, generation: Int64
    ) throws -> (seq: Int64, committedAt: Int64?, rows: Int64) {
        if batch == nil, cursor.isEmpty {
            // What is durable now and gives no frame is a `seq` that was left out.
            let durable = journal.durableSeq
            do throws(JournalError) {
                if reader == nil { reader = try journal.makeReader(after: applied) }
                guard let reader else { return (applied, nil, 0) }
                cursor.add(try reader.next(maxBytes: settings.batchBytes))
            } catch {
                reader = nil
                throw StoreError(error)
            }
            if cursor.isEmpty { return (max(durable, applied), nil, 0) }
        }
        let next = try batch ?? cursor.batch(most: settings.batchItems)
        batch = next
        let rows = try applier.apply(next, connection, generation: generation)
        batch = nil
        return (next.lastSeq, next.committedAt, rows)
    }
}

extension StoreError {
    /// What the journal's error means for the store.
    init(_ error: JournalError) {
        switch error.code {
        case .damaged: self.init(.damaged, error.message)
        case .behind: self.init(.behind, error.message)
        // A file that cannot be read now may be readable later: tried again like the engine's errors.
        default: self.init(.database, error.message, isTransient: true)
        }
    }
}
