internal import Synchronization

/// Lets another thread end what a connection runs.
public final class JobBrake: Sendable {
    private let state = Mutex<(interrupter: Interrupter?, isPulled: Bool)>((nil, false))

    public init() {}

    /// Ends what runs, and what is yet to run.
    public func pull() {
        state.withLock { state in
            state.isPulled = true
            state.interrupter?.interrupt()
        }
    }

    /// Runs `body` as one job that `pull` ends at its next step, and not at all where that came before.
    public func hold<T>(_ connection: Connection, _ body: (Connection) throws -> T) throws -> T {
        try connection.job { connection in
            state.withLock { state in
                state.interrupter = connection.interrupter
                if state.isPulled { connection.interrupter.interrupt() }
            }
            defer { state.withLock { $0.interrupter = nil } }
            return try body(connection)
        }
    }
}
