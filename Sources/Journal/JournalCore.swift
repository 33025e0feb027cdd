internal import Logging
internal import Model
internal import Synchronization

/// What the journal's threads, its readers and its callers share.
final class JournalCore: Sendable {
    struct Health: Sendable {
        var refusal: JournalError?
        var lastSealError: JournalError?
        /// The damage that a reader met last, and the `seq` that it cannot get past.
        var damageMet: (error: JournalError, after: Int64)?
        var counters = JournalCounters()
        var closed = false
        var onClosed: [CheckedContinuation<Void, Never>] = []
    }

    let options: JournalOptions
    let logger: Logger
    let queue: CommitQueue
    let segments: SegmentList
    let sealed: SealedIDs
    let durableSeq: Atomic<Int64>
    let waiters = DurableWaiters()
    let health = Mutex(Health())
    let housekeeping = Housekeeping()
    /// What the start found.
    let tornTail: TornTail?
    let damage: [JournalError]
    let damagedIDFiles: [String]

    init(options: JournalOptions, logger: Logger, recovered: borrowing Recovered) {
        self.options = options
        self.logger = logger
        queue = CommitQueue(limit: options.queueBytes)
        sealed = recovered.index.shared
        segments = SegmentList(
            segments: recovered.segments, followers: options.followers,
            sealedThrough: sealed.snapshot.sealedThrough, floor: recovered.durableSeq)
        durableSeq = Atomic(recovered.durableSeq)
        tornTail = recovered.tornTail
        damage = recovered.damage
        damagedIDFiles = recovered.damagedIDFiles
    }

    func refuse(_ error: JournalError) {
        logger.critical("the journal refuses writing until a restart", metadata: ["error": "\(error)"])
        health.withLock { if $0.refusal == nil { $0.refusal = error } }
    }

    /// A reader cannot get past `seq`.
    func meet(_ damage: JournalError, after seq: Int64) {
        // A segment that was deleted under a reader is no damage.
        guard segments.segments.contains(where: { $0.path == damage.file }) else { return }
        health.withLock { $0.damageMet = (damage, seq) }
        housekeeping.wake()
    }

    /// Tells followers that everything up to `seq` is on disk.
    func publish(_ seq: Int64) {
        durableSeq.store(seq, ordering: .releasing)
        waiters.wake(upTo: seq)
    }
}

/// Those who wait for the durable `seq` to grow.
final class DurableWaiters: Sendable {
    private struct State {
        var waiting: [Int: (after: Int64, continuation: CheckedContinuation<Void, Never>)] = [:]
        var nextID = 0
        var closed = false
    }

    private let state = Mutex(State())

    func makeID() -> Int {
        state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
    }

    /// Waits until `wake` is called with more than `seq`. `isReached` is asked under the lock, so that no call is missed.
    func wait(_ id: Int, after seq: Int64, _ continuation: CheckedContinuation<Void, Never>, isReached: () -> Bool) {
        let now = state.withLock { state -> Bool in
            if state.closed || Task.isCancelled || isReached() { return true }
            state.waiting[id] = (seq, continuation)
            return false
        }
        if now { continuation.resume() }
    }

    func cancel(_ id: Int) {
        state.withLock { $0.waiting.removeValue(forKey: id) }?.continuation.resume()
    }

    func wake(upTo seq: Int64) {
        let woken = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard !state.waiting.isEmpty else { return [] }
            let reached = state.waiting.filter { $0.value.after < seq }
            for id in reached.keys { state.waiting[id] = nil }
            return reached.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
    }

    func close() {
        let all = state.withLock { state in
            state.closed = true
            let all = state.waiting.values.map(\.continuation)
            state.waiting = [:]
            return all
        }
        for continuation in all { continuation.resume() }
    }
}
