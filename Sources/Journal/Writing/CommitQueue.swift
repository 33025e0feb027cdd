internal import Synchronization
internal import Threads

/// A submission that waits for its receipt.
struct CommitRequest: Sendable {
    let submission: Submission
    let weight: Int
    let continuation: CheckedContinuation<Result<Receipt, JournalError>, Never>
}

/// What a roll is asked for: see `Writer.roll`.
struct RollRequest: Sendable {
    let through: Int64
    let continuation: CheckedContinuation<Result<RolledJournal, JournalError>, Never>
}

/// The bounded queue between those who append and the writer's thread.
final class CommitQueue: Sendable {
    private struct State {
        var waiting: [CommitRequest] = []
        var rolls: [RollRequest] = []
        /// Bytes that wait or are being written.
        var weight = 0
        var count = 0
        var writerSleeps = false
        var closed = false
        var abandoned = false
    }

    private let state = Mutex(State())
    private let signal = SystemSemaphore()
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    var load: (bytes: Int, submissions: Int) { state.withLock { ($0.weight, $0.count) } }

    var isAbandoned: Bool { state.withLock { $0.abandoned } }

    /// Queues a request; an error if it may not wait. One that is larger than the whole queue may wait alone.
    func push(_ request: CommitRequest) -> JournalError? {
        let (error, wake) = state.withLock { state -> (JournalError?, Bool) in
            if state.closed { return (JournalError(.closed, "The journal is closed."), false) }
            if state.weight > 0, state.weight + request.weight > limit {
                let message =
                    "\(state.weight) bytes wait for the journal's writer already (limit \(limit)); send again."
                return (JournalError(.queueFull, message), false)
            }
            state.waiting.append(request)
            state.weight += request.weight
            state.count += 1
            let wake = state.writerSleeps
            state.writerSleeps = false
            return (nil, wake)
        }
        if wake { signal.post() }
        return error
    }

    /// Asks for a roll, after the submissions that wait now.
    func push(_ request: RollRequest) -> JournalError? {
        let (error, wake) = state.withLock { state -> (JournalError?, Bool) in
            if state.closed { return (JournalError(.closed, "The journal is closed."), false) }
            state.rolls.append(request)
            let wake = state.writerSleeps
            state.writerSleeps = false
            return (nil, wake)
        }
        if wake { signal.post() }
        return error
    }

    /// Everything that waits; sleeps while nothing does. Nil when the queue is closed and empty, or abandoned.
    func takeAll() -> (requests: [CommitRequest], rolls: [RollRequest])? {
        while true {
            let (taken, over) = state.withLock { state -> (([CommitRequest], [RollRequest])?, Bool) in
                if state.abandoned { return (nil, true) }
                if state.waiting.isEmpty, state.rolls.isEmpty {
                    state.writerSleeps = !state.closed
                    return (nil, state.closed)
                }
                let taken = (state.waiting, state.rolls)
                (state.waiting, state.rolls) = ([], [])
                return (taken, false)
            }
            if let taken { return taken }
            if over { return nil }
            signal.wait()
        }
    }

    /// Requests have their receipts.
    func finished(weight: Int, count: Int) {
        state.withLock { state in
            state.weight -= weight
            state.count -= count
        }
    }

    /// Nothing more is taken in. What waits is still written, unless the queue is abandoned.
    func close(abandon: Bool) {
        let wake = state.withLock { state -> Bool in
            state.closed = true
            if abandon { state.abandoned = true }
            let wake = state.writerSleeps
            state.writerSleeps = false
            return wake
        }
        if wake { signal.post() }
    }

    /// What an abandoned queue still holds.
    func takeAbandoned() -> (requests: [CommitRequest], rolls: [RollRequest]) {
        state.withLock { state in
            let left = (state.waiting, state.rolls)
            (state.waiting, state.rolls) = ([], [])
            return left
        }
    }
}
