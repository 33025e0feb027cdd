internal import Synchronization

/// The layout that is valid now, who reads by which, and what may go.
final class LayoutBook: Sendable {
    /// Something that no newer layout names.
    enum Retired: Sendable {
        case generation(Int64)
        case file(ColdFile)
    }

    private struct State {
        var current: Layout
        /// Readers by the version that they read by.
        var pins: [Int64: Int] = [:]
        /// What readers of this version and of those before it may still read.
        var retired: [(version: Int64, what: Retired)] = []
        /// Who waits until nobody reads by an older layout.
        var settling: [CheckedContinuation<Void, Never>] = []

        var isSettled: Bool { pins.keys.allSatisfy { $0 == current.version } }
    }

    private let state: Mutex<State>
    /// Is called when something retired may go.
    private let onFree: @Sendable () -> Void

    init(_ layout: Layout, onFree: @escaping @Sendable () -> Void) {
        state = Mutex(State(current: layout))
        self.onFree = onFree
    }

    var current: Layout { state.withLock { $0.current } }

    /// The layout of now, which stays readable until `unpin`.
    func pin() -> Layout {
        state.withLock { state in
            state.pins[state.current.version, default: 0] += 1
            return state.current
        }
    }

    func unpin(_ layout: Layout) {
        let (isFree, settled) = state.withLock { state -> (Bool, [CheckedContinuation<Void, Never>]) in
            let left = (state.pins[layout.version] ?? 1) - 1
            state.pins[layout.version] = left > 0 ? left : nil
            let settled = state.isSettled ? state.settling : []
            if !settled.isEmpty { state.settling = [] }
            return (left == 0 && !state.retired.isEmpty, settled)
        }
        if isFree { onFree() }
        for waiter in settled { waiter.resume() }
    }

    /// Returns when nobody reads by a layout that is older than the one of now.
    func settle() async {
        await withCheckedContinuation { continuation in
            let isSettled = state.withLock { state in
                if !state.isSettled { state.settling.append(continuation) }
                return state.isSettled
            }
            if isSettled { continuation.resume() }
        }
    }

    /// Makes a layout the one of now. What it does not name any more goes when the last reader of those before is done.
    func publish(_ layout: Layout, retiring: [Retired] = []) {
        state.withLock { state in
            precondition(layout.version > state.current.version, "layouts follow one another")
            state.retired += retiring.map { (state.current.version, $0) }
            state.current = layout
        }
    }

    /// Takes what nobody can read any more.
    func takeFree() -> [Retired] {
        state.withLock { state in
            let oldest = state.pins.keys.min() ?? .max
            let free = state.retired.filter { $0.version < oldest }
            state.retired.removeAll { $0.version < oldest }
            return free.map(\.what)
        }
    }
}
