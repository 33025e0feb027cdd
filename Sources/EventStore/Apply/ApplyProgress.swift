internal import Model
internal import Synchronization

/// How far the applier is, who waits for it, and whether it is well.
final class ApplyProgress: Sendable {
    struct Snapshot: Sendable {
        var appliedSeq: Int64 = 0
        /// When the frame of the last applied item was committed, in microseconds since 1970; 0 if there is none.
        var committedAt: Int64 = 0
        /// When something came after everything had been applied, in microseconds since 1970; 0 if that never was.
        var beganAt: Int64 = 0
        var state: ApplierState = .idle
        var lastError: StoreError?
    }

    private struct State {
        var snapshot = Snapshot()
        var lastID: UInt64 = 0
        var waiting: [UInt64: (seq: Int64, continuation: CheckedContinuation<Void, any Error>)] = [:]
        /// Is called when more is in the store.
        var onAdvance: (@Sendable () -> Void)?
        /// Wakes the applier from gathering.
        var gatherer: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    var snapshot: Snapshot { state.withLock { $0.snapshot } }

    /// Items up to `seq` are in the store.
    func advance(to seq: Int64, committedAt: Int64?) {
        let (ready, follower) = state.withLock { state in
            let isMore = seq > state.snapshot.appliedSeq
            state.snapshot.appliedSeq = max(seq, state.snapshot.appliedSeq)
            if let committedAt { state.snapshot.committedAt = committedAt }
            let ready = state.waiting.filter { $0.value.seq <= seq }
            for id in ready.keys { state.waiting[id] = nil }
            return (ready, isMore ? state.onAdvance : nil)
        }
        for waiter in ready.values { waiter.continuation.resume() }
        follower?()
    }

    /// Something came after everything had been applied.
    func began(at now: Timestamp) { state.withLock { $0.snapshot.beganAt = now.microseconds } }

    /// Has `body` called whenever more is in the store.
    func onAdvance(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onAdvance = body } }

    func set(_ new: ApplierState, error: StoreError? = nil) {
        let failed = state.withLock { state -> [CheckedContinuation<Void, any Error>] in
            state.snapshot.state = new
            if let error { state.snapshot.lastError = error }
            guard case .stopped = new else { return [] }
            defer { state.waiting = [:] }
            return state.waiting.values.map(\.continuation)
        }
        for waiter in failed { waiter.resume(throwing: Self.stopped(new)) }
    }

    // MARK: Waiting for a seq

    /// Returns when `seq` is applied.
    ///
    /// - Throws: `.stopped` if the applier has stopped for good; `CancellationError`.
    func wait(for seq: Int64) async throws {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enum Outcome { case done, wait(CheckedContinuation<Void, Never>?), failed(any Error) }
                let outcome: Outcome = state.withLock { state in
                    if state.snapshot.appliedSeq >= seq { return .done }
                    if case .stopped = state.snapshot.state { return .failed(Self.stopped(state.snapshot.state)) }
                    // A cancellation from before finds nothing to resume, so it is looked for here.
                    if Task.isCancelled { return .failed(CancellationError()) }
                    state.waiting[id] = (seq, continuation)
                    defer { state.gatherer = nil }
                    return .wait(state.gatherer)
                }
                switch outcome {
                case .done: continuation.resume()
                case .failed(let error): continuation.resume(throwing: error)
                case .wait(let gatherer): gatherer?.resume()
                }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiting.removeValue(forKey: id)?.continuation }
            waiter?.resume(throwing: CancellationError())
        }
    }

    /// Whether anybody waits for a `seq` that is not above `durableSeq`.
    func isAwaited(upTo durableSeq: Int64) -> Bool {
        state.withLock { state in state.waiting.values.contains { $0.seq <= durableSeq } }
    }

    // MARK: Gathering

    /// Returns after `duration`, or as soon as somebody waits for a seq, or when the task is cancelled.
    ///
    /// - Parameter durableSeq: whoever waits for something above it does not wait for the applier.
    func gather(for duration: Duration, upTo durableSeq: Int64) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(for: duration) }
            group.addTask { await self.nextWaiter(upTo: durableSeq) }
            await group.next()
            group.cancelAll()
        }
    }

    private func nextWaiter(upTo durableSeq: Int64) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now = state.withLock { state in
                    if Task.isCancelled || state.waiting.values.contains(where: { $0.seq <= durableSeq }) {
                        return true
                    }
                    state.gatherer = continuation
                    return false
                }
                if now { continuation.resume() }
            }
        } onCancel: {
            let gatherer = state.withLock { state in
                defer { state.gatherer = nil }
                return state.gatherer
            }
            gatherer?.resume()
        }
    }

    private static func stopped(_ state: ApplierState) -> StoreError {
        guard case .stopped(let reason) = state else { return StoreError(.stopped, "The applier has stopped.") }
        return StoreError(.stopped, "The store no longer follows the journal: \(reason)")
    }
}

/// What the applier is doing.
public enum ApplierState: Sendable, Equatable {
    /// It has not been started, or it has ended in order.
    case idle
    /// It follows the journal.
    case following
    /// The engine refused a batch; it is tried again.
    case retrying(String)
    /// It has stopped for good: the journal is damaged or lacks what follows, or the engine is. Somebody must look.
    case stopped(String)
}
