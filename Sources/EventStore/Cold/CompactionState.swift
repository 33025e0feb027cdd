internal import Synchronization

/// What the compactor is asked for and how far it is.
final class CompactionState: Sendable {
    private struct State {
        var requested: Int64 = 0
        var done: Int64 = 0
        var isRunning = false
        var isIdle = false
        var lastError: StoreError?
        var failed: [Int64: StoreError] = [:]
    }

    private let state = Mutex(State())
    /// Wakes the compactor; several calls before it looks are one.
    let wakes: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    init() { (wakes, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func wake() { waker.yield() }

    /// Wakes the compactor for what can wait.
    func wakeIdle() {
        state.withLock { $0.isIdle = true }
        wake()
    }

    /// Whether it was woken for that; once.
    func takeIdle() -> Bool {
        state.withLock { state in
            defer { state.isIdle = false }
            return state.isIdle
        }
    }

    /// Asks for a full compaction; its number.
    func request() -> Int64 {
        defer { wake() }
        return state.withLock { state in
            state.requested += 1
            return state.requested
        }
    }

    /// The newest full compaction that is asked for and not done.
    var pending: Int64? { state.withLock { $0.requested > $0.done ? $0.requested : nil } }

    func begin() { state.withLock { $0.isRunning = true } }

    func pause(_ error: StoreError? = nil) {
        state.withLock { state in
            state.isRunning = false
            if let error { state.lastError = error }
        }
    }

    /// Full compactions up to this one are over.
    func finish(_ number: Int64, _ error: StoreError? = nil) {
        state.withLock { state in
            if let error {
                for failed in (state.done + 1)...max(number, state.done + 1) { state.failed[failed] = error }
            }
            // An old verdict nobody has fetched goes some day.
            if state.failed.count > 100, let oldest = state.failed.keys.min() { state.failed[oldest] = nil }
            state.done = max(state.done, number)
        }
    }

    func status(of number: Int64) -> CompactionStatus? {
        state.withLock { state in
            guard (1...max(state.requested, 1)).contains(number), number <= state.requested else { return nil }
            if let error = state.failed[number] { return .failed(error) }
            if number <= state.done { return .succeeded }
            return state.isRunning ? .running : .queued
        }
    }

    var isRunning: Bool { state.withLock { $0.isRunning } }
    var lastError: StoreError? { state.withLock { $0.lastError } }
}

/// How far a compaction that somebody asked for is.
public enum CompactionStatus: Sendable, Equatable {
    case queued
    case running
    case succeeded
    case failed(StoreError)
}
