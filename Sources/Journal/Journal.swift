public import Logging
public import Model
internal import Synchronization
internal import Threads

/// The journal: items in one order, each durable before anybody hears of it.
///
/// ```swift
/// let journal = try Journal.open(JournalOptions(directory: "data/journal"), logger: logger)
/// var submission = Submission()
/// submission.add(item)
/// let receipt = try await journal.append(submission)   // on disk now
/// ```
public final class Journal: Sendable {
    let core: JournalCore

    private init(core: JournalCore) { self.core = core }

    /// Threads keep the core alive, so a journal that nobody closed ends here as after a crash, which loses nothing.
    deinit { core.queue.close(abandon: true) }

    /// Opens the journal or begins one, cuts a torn tail, and starts the writer. Blocks while it reads.
    ///
    /// Damage before the last frame does not stop it: see `JournalStatus.damage`, and `JournalReader.next`.
    public static func open(_ options: JournalOptions, logger: Logger) throws(JournalError) -> Journal {
        let recovered = try Recovery.run(options, logger)
        let core = JournalCore(options: options, logger: logger, recovered: recovered)
        let writer = Writer(core, recovered)
        do {
            // What it writes makes the next start short; nobody waits for it.
            try SystemThread.start(niceness: 10) { core.housekeeping.run(core) }
        } catch {
            throw JournalError(.io, "The journal cannot tidy: \(error).")
        }
        do {
            try SystemThread.start(niceness: options.niceness) {
                writer.run()
                writer.end(clean: !core.queue.isAbandoned)
            }
        } catch {
            core.housekeeping.stop()
            throw JournalError(.io, "The journal cannot write: \(error).")
        }
        return Journal(core: core)
    }

    /// Stores the items that are not duplicates, and returns when they and the originals of the others are on disk.
    ///
    /// A submission is stored whole or not at all. Cancelling the task does not take it back.
    ///
    /// - Throws: `.queueFull`, `.backlogFull`, `.diskFull` (send again later), `.syncFailed`, `.closed`, `.io`.
    public func append(_ submission: Submission) async throws(JournalError) -> Receipt {
        if let refusal = core.health.withLock({ $0.refusal }) { throw refusal }
        guard submission.count > 0 else { return Receipt(verdicts: [], watermark: durableSeq) }
        let weight = submission.weight
        guard weight < 1 << 30 else {
            throw JournalError(.io, "A submission of \(weight) bytes is too large for one frame; send less at once.")
        }
        let behind = core.segments.backlogBytes
        if behind > core.options.backlogBytes {
            throw JournalError(
                .backlogFull,
                "The journal's slowest follower is \(behind) bytes behind (limit \(core.options.backlogBytes)).")
        }
        let result: Result<Receipt, JournalError> = await withCheckedContinuation { continuation in
            let request = CommitRequest(submission: submission, weight: weight, continuation: continuation)
            if let error = core.queue.push(request) { continuation.resume(returning: .failure(error)) }
        }
        return try result.get()
    }

    /// Everything up to this `seq` is on disk. At the start it is the last that the journal has or the floor, if that
    /// is higher; the next item may get a number that is more than one above.
    public var durableSeq: Int64 { core.durableSeq.load(ordering: .acquiring) }

    /// Duplicates of everything stored after this `seq` are found here, now and for an hour at least; what was stored before
    /// may be stored once more, so that who wants to know has to look in the store.
    public var duplicatesKnownAfter: Int64 {
        core.sealed.knownAfter(in: DuplicateIndex.hour(of: core.options.clock()) + 1)
    }

    /// The time by the clock that frames are stamped with.
    public var now: Timestamp { core.options.clock() }

    /// Returns when `durableSeq` is above `seq`, or when the journal is closed or the task cancelled.
    public func waitForDurable(after seq: Int64) async {
        guard durableSeq <= seq else { return }
        let id = core.waiters.makeID()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                core.waiters.wait(id, after: seq, continuation) { self.durableSeq > seq }
            }
        } onCancel: {
            core.waiters.cancel(id)
        }
    }

    /// A reader of everything after `seq`.
    ///
    /// - Throws: `.behind` if something after `seq` was deleted.
    public func makeReader(after seq: Int64) throws(JournalError) -> JournalReader {
        try JournalReader(core: core, after: seq)
    }

    /// Makes a follower known, so that nothing after `seq` is deleted before it reports. Followers keep their own
    /// checkpoints and register anew after each start.
    public func register(follower: String, at seq: Int64) {
        core.segments.register(follower, at: seq)
    }

    /// Forgets a follower: nothing is kept for it any more.
    public func unregister(follower: String) {
        core.segments.unregister(follower)
        if core.segments.hasPassed { core.housekeeping.wake() }
    }

    /// A follower has passed everything up to `seq`. Segments that all have passed are deleted soon.
    public func release(follower: String, upTo seq: Int64) {
        core.segments.register(follower, at: seq)
        if core.segments.hasPassed { core.housekeeping.wake() }
    }

    public var status: JournalStatus {
        let segments = core.segments.segments
        let sealed = core.sealed.snapshot
        let load = core.queue.load
        let health = core.health.withLock { $0 }
        return JournalStatus(
            durableSeq: durableSeq, oldestSeq: segments.first { $0.lastSeq >= $0.firstSeq }?.firstSeq,
            bytesOnDisk: segments.reduce(0) { $0 + $1.bytes }, segments: segments.count, bytesQueued: load.bytes,
            submissionsQueued: load.submissions, backlogBytes: core.segments.backlogBytes,
            followers: core.segments.followers, refusal: health.refusal, tornTail: core.tornTail, damage: core.damage,
            duplicates: DuplicateStatus(
                files: sealed.files.count, sealedIDs: sealed.files.reduce(0) { $0 + $1.count },
                bytes: sealed.files.reduce(0) { $0 + $1.bytes }, waiting: sealed.waiting.count,
                sealedThrough: sealed.sealedThrough, damagedFiles: core.damagedIDFiles,
                lastError: health.lastSealError),
            counters: health.counters)
    }

    /// Writes what is queued, seals the duplicates' index and ends the threads. Later appends get `.closed`.
    public func close() async { await end(abandon: false) }

    /// Ends as a crash would: what was not begun is not written, nothing is sealed.
    func abandon() async { await end(abandon: true) }

    private func end(abandon: Bool) async {
        await withCheckedContinuation { continuation in
            let closed = core.health.withLock { health in
                if !health.closed { health.onClosed.append(continuation) }
                return health.closed
            }
            if closed { continuation.resume() } else { core.queue.close(abandon: abandon) }
        }
    }
}
