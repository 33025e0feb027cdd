internal import Synchronization

/// Who may use the store's connections now: everybody but for the short while in which the store's file is replaced, and
/// long jobs and merges not while rows are being erased.
final class StoreGate: Sendable {
    /// The kinds of work, which are kept out one by one.
    enum Way: Int, CaseIterable, Sendable {
        /// Short reads.
        case read
        /// The applier's batches, and switches of the catalogue.
        case write
        /// Exports.
        case long
        /// Steps of the compactor.
        case merge
    }

    private struct Waiter {
        let way: Way
        /// Whether it wants in; otherwise it shut the way and waits until those inside are out.
        let isArrival: Bool
        let ticket: UInt64
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var inside = [Int](repeating: 0, count: Way.allCases.count)
        var isShut = [Bool](repeating: false, count: Way.allCases.count)
        var waiting: [Waiter] = []
        var nextTicket: UInt64 = 0

        /// Takes those out of the list that wait for the same.
        mutating func take(_ way: Way, isArrival: Bool) -> [CheckedContinuation<Void, any Error>] {
            let taken = waiting.filter { $0.way == way && $0.isArrival == isArrival }
            waiting.removeAll { $0.way == way && $0.isArrival == isArrival }
            return taken.map(\.continuation)
        }

        /// Goes in if the way is open.
        mutating func enter(_ way: Way) -> Bool {
            if !isShut[way.rawValue] { inside[way.rawValue] += 1 }
            return !isShut[way.rawValue]
        }
    }

    private let state = Mutex(State())

    /// Returns when the way is open, and counts the caller as inside until `leave`.
    func enter(_ way: Way) async throws(StoreError) {
        if state.withLock({ $0.enter(way) }) { return }
        try await wait(way, isArrival: true) { $0.enter(way) }
    }

    func leave(_ way: Way) {
        let done = state.withLock { state in
            state.inside[way.rawValue] -= 1
            return state.inside[way.rawValue] == 0 ? state.take(way, isArrival: false) : []
        }
        for continuation in done { continuation.resume() }
    }

    /// Runs `body` while a way is shut to all others and nobody is inside.
    func shutting<T>(_ way: Way, _ body: () async throws -> T) async throws -> T {
        let isFirst = state.withLock { state in
            defer { state.isShut[way.rawValue] = true }
            return !state.isShut[way.rawValue]
        }
        guard isFirst else {
            throw StoreError(.busy, "The store is being replaced already. Try again later.", isTransient: true)
        }
        defer { open(way) }
        try await wait(way, isArrival: false) { $0.inside[way.rawValue] == 0 }
        return try await body()
    }

    /// Whether a way is shut: who is inside and can begin again ends then.
    func isShut(_ way: Way) -> Bool { state.withLock { $0.isShut[way.rawValue] } }

    private func open(_ way: Way) {
        let admitted = state.withLock { state in
            state.isShut[way.rawValue] = false
            let admitted = state.take(way, isArrival: true)
            state.inside[way.rawValue] += admitted.count
            return admitted
        }
        for continuation in admitted { continuation.resume() }
    }

    /// Waits in the list, unless `isReached` says under the lock that there is nothing to wait for.
    private func wait(
        _ way: Way, isArrival: Bool, isReached: @Sendable (inout State) -> Bool
    ) async throws(StoreError) {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        do {
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    let isDone = state.withLock { state -> Result<Void, any Error>? in
                        if Task.isCancelled { return .failure(CancellationError()) }
                        if isReached(&state) { return .success(()) }
                        state.waiting.append(
                            Waiter(way: way, isArrival: isArrival, ticket: ticket, continuation: continuation))
                        return nil
                    }
                    if let isDone { continuation.resume(with: isDone) }
                }
            } onCancel: {
                let waiter = state.withLock { state -> CheckedContinuation<Void, any Error>? in
                    guard let place = state.waiting.firstIndex(where: { $0.ticket == ticket }) else { return nil }
                    return state.waiting.remove(at: place).continuation
                }
                waiter?.resume(throwing: CancellationError())
            }
        } catch {
            throw StoreError(error)
        }
    }
}
