internal import Synchronization

/// A value that comes once, and that any number of tasks may wait for.
final class Latch<Value: Sendable>: Sendable {
    private enum State {
        case waiting([CheckedContinuation<Value?, Never>])
        case done(Value?)
    }

    private let state = Mutex(State.waiting([]))

    /// Sets the value; nil if it will never come. Later calls change nothing.
    func open(_ value: Value?) {
        let waiters = state.withLock { state -> [CheckedContinuation<Value?, Never>] in
            guard case .waiting(let waiters) = state else { return [] }
            state = .done(value)
            return waiters
        }
        for waiter in waiters { waiter.resume(returning: value) }
    }

    /// The value, or nil if it has not come yet.
    var current: Value? {
        state.withLock { state in
            guard case .done(let value) = state else { return nil }
            return value
        }
    }

    func wait() async -> Value? {
        await withCheckedContinuation { continuation in
            let value: Value?? = state.withLock { state in
                switch state {
                case .done(let value): return .some(value)
                case .waiting(let waiters):
                    state = .waiting(waiters + [continuation])
                    return nil
                }
            }
            if let value { continuation.resume(returning: value) }
        }
    }
}
