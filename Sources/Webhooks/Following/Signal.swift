internal import Synchronization

/// A number that only grows, and whoever waits for it to.
final class Signal: Sendable {
    private struct State: Sendable {
        var value: Int64
        var waiters: [Int64: (above: Int64, continuation: CheckedContinuation<Void, Never>)] = [:]
        var nextID: Int64 = 0
        var cancelled: Set<Int64> = []
    }

    private let state: Mutex<State>

    init(_ value: Int64 = 0) { state = Mutex(State(value: value)) }

    var value: Int64 { state.withLock { $0.value } }

    /// Raises it to a value; to one more without.
    func raise(to value: Int64? = nil) {
        let woken = state.withLock { state in
            state.value = max(state.value, value ?? state.value + 1)
            let now = state.value
            let met = state.waiters.filter { $0.value.above < now }
            for id in met.keys { state.waiters[id] = nil }
            return met.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
    }

    /// Returns once it is above a value, or the task is cancelled.
    func wait(above: Int64) async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.value > above || state.cancelled.remove(id) != nil { return true }
                    state.waiters[id] = (above, continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                guard let waiter = state.waiters.removeValue(forKey: id) else {
                    state.cancelled.insert(id)
                    return nil as CheckedContinuation<Void, Never>?
                }
                return waiter.continuation
            }
            continuation?.resume()
        }
        state.withLock { _ = $0.cancelled.remove(id) }
    }

    /// The same, for so long at most.
    func wait(above: Int64, atMost length: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait(above: above) }
            group.addTask { try? await Task.sleep(for: length) }
            await group.next()
            group.cancelAll()
        }
    }
}
