internal import Glibc
internal import Logging
internal import Synchronization
internal import Threads

/// The orders to the thread that seals tables and deletes files beside the writer.
final class Housekeeping: Sendable {
    private struct State {
        var wanted = false
        var hour = Int64.min
        var stopping = false
        var sleeps = false
        var settled: [CheckedContinuation<Void, Never>] = []
        var onStop: [SystemSemaphore] = []
        var erasures: [ErasureJob] = []
        var stopped = false
    }

    private typealias Orders = (Bool?, Int64, [CheckedContinuation<Void, Never>], [ErasureJob])

    private let state = Mutex(State())
    private let signal = SystemSemaphore()

    /// Asks for a round.
    func wake(hour: Int64? = nil) {
        wake { state in
            state.wanted = true
            if let hour { state.hour = max(state.hour, hour) }
        }
    }

    /// Returns when everything that was asked for before has been tried.
    func settle() async {
        await withCheckedContinuation { continuation in
            var late = false
            wake { state in
                late = state.stopped
                if !late {
                    state.wanted = true
                    state.settled.append(continuation)
                }
            }
            if late { continuation.resume() }
        }
    }

    /// Begins an erasure; each round does a step of it.
    func begin(_ erasure: ErasureJob) {
        var late = false
        wake { state in
            late = state.stopped
            if !late {
                state.wanted = true
                state.erasures.append(erasure)
            }
        }
        if late { erasure.finish(.failure(ErasureJob.closed)) }
    }

    /// Ends the thread, after the round that it is in, and blocks until it has ended.
    func stop() {
        let stopped = SystemSemaphore()
        var late = false
        wake { state in
            state.stopping = true
            late = state.stopped
            if !late { state.onStop.append(stopped) }
        }
        if !late { stopped.wait() }
    }

    private func wake(_ change: (inout State) -> Void) {
        let wake = state.withLock { state -> Bool in
            change(&state)
            let wake = state.sleeps
            state.sleeps = false
            return wake
        }
        if wake { signal.post() }
    }

    /// The thread's loop.
    func run(_ core: JournalCore) {
        var retryAt: Int64 = 0
        while true {
            let (round, hour, settled, erasures) = state.withLock { state -> Orders in
                state.erasures.removeAll { $0.isOver }
                if state.wanted || state.stopping {
                    let settled = state.settled
                    let round: Bool? = state.stopping ? nil : true
                    (state.wanted, state.settled) = (false, [])
                    return (round, state.hour, settled, state.erasures)
                }
                state.sleeps = true
                return (false, state.hour, [], [])
            }
            switch round {
            case nil:
                for continuation in settled { continuation.resume() }
                stopped()
                return
            case false?: signal.wait()
            case true?:
                if monotonicNanoseconds() >= retryAt || !settled.isEmpty || !erasures.isEmpty {
                    if !seal(core) { retryAt = monotonicNanoseconds() + 1_000_000_000 }
                }
                core.sealed.prepareSpare()
                if hour > .min { core.sealed.expire(in: hour) }
                Self.deletePassed(core, gently: true)
                // A step of each: what the writer hands over is sealed between.
                for erasure in erasures where erasure.step(core) { wake() }
                if hour > .min, erasures.isEmpty, merge(core, hour) { wake() }
                for continuation in settled { continuation.resume() }
            }
        }
    }

    /// Makes few files of many; true if it did some of it.
    private func merge(_ core: JournalCore, _ hour: Int64) -> Bool {
        do throws(JournalError) {
            let plan = MergePlan(limit: core.options.tableIDs, hour: hour)
            return try core.sealed.mergeSome(plan, gently: !isStopping)
        } catch {
            core.logger.warning("files of ids could not be merged", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func stopped() {
        let waiting = state.withLock { state -> ([SystemSemaphore], [CheckedContinuation<Void, Never>], [ErasureJob]) in
            state.stopped = true
            defer { (state.onStop, state.settled, state.erasures) = ([], [], []) }
            return (state.onStop, state.settled, state.erasures)
        }
        for continuation in waiting.1 { continuation.resume() }
        for erasure in waiting.2 { erasure.finish(.failure(ErasureJob.closed)) }
        for signal in waiting.0 { signal.post() }
    }

    /// False if the disk did not take it; it is tried again with a later round.
    private func seal(_ core: JournalCore) -> Bool {
        var failure: JournalError?
        do {
            try core.sealed.sealWaiting(gently: true)
        } catch {
            core.logger.error("ids of duplicates could not be sealed", metadata: ["error": "\(error)"])
            failure = error
        }
        core.health.withLock { $0.lastSealError = failure }
        core.segments.sealed(through: core.sealed.snapshot.sealedThrough)
        return failure == nil
    }

    /// - Parameter gently: in small steps with rests: a disk that is told at once of all the blocks that became free may be
    ///   busy with it for a tenth of a second, and the writer's syncs wait for that.
    static func deletePassed(_ core: JournalCore, gently: Bool = false) {
        for path in core.segments.takePassed() {
            do throws(FileError) {
                if gently, !core.housekeeping.isStopping {
                    try delete(path, core)
                } else {
                    try core.options.files.unlink(path)
                }
            } catch {
                core.logger.warning("a segment that all have passed stays", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Takes the name away first, so that nobody ever finds a part of a segment, and then the blocks.
    private static func delete(_ path: String, _ core: JournalCore) throws(FileError) {
        let files = core.options.files
        let descriptor = try files.open(path, .readWrite)
        defer { files.close(descriptor) }
        try files.unlink(path)
        // Under another name the bytes stay: a backup has linked them.
        guard try Folder.links(descriptor) == 0 else { return }
        var size = try Folder.size(descriptor)
        while size > step, !core.housekeeping.isStopping {
            size -= step
            let began = monotonicNanoseconds()
            try files.truncate(descriptor, to: size)
            usleep(UInt32(min(50_000, (monotonicNanoseconds() - began) / 500)))
        }
    }

    var isStopping: Bool { state.withLock { $0.stopping } }

    private static let step: Int64 = 4 << 20
}
