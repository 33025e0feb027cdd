internal import Synchronization

/// Several lanes over one database, and a bounded queue before them.
public final class LanePool: Sendable {
    private struct State {
        var queue: LaneQueue
        var continuations: [UInt64: CheckedContinuation<Int, any Error>] = [:]
        /// Lanes given to tickets whose task has not begun to wait yet.
        var granted: [UInt64: Int] = [:]
        /// Tickets whose task was cancelled before it began to wait.
        var cancelled: Set<UInt64> = []
    }

    public let name: String
    private let lanes: [Lane]
    private let state: Mutex<State>

    /// Opens `lanes` connections.
    ///
    /// - Parameters:
    ///   - waiting: how many callers may wait; the next one gets `.busy`.
    ///   - niceness: by how much the lanes' threads stand back behind other work.
    ///   - setUp: runs once on each new connection.
    public init(
        database: Database, name: String = "pool", lanes: Int, waiting: Int, niceness: Int32 = 0,
        setUp: @Sendable (Connection) throws(DuckDBError) -> Void = { _ in }
    ) throws(DuckDBError) {
        self.name = name
        var opened: [Lane] = []
        for i in 0..<lanes {
            opened.append(try Lane(database: database, name: "\(name).\(i)", niceness: niceness, setUp: setUp))
        }
        self.lanes = opened
        state = Mutex(State(queue: LaneQueue(lanes: lanes, waiting: waiting)))
    }

    /// Runs `body` on the next free lane, first come, first served.
    ///
    /// - Throws: `.busy` at once if too many wait already; `.interrupted` if the task is cancelled; what `body` throws.
    public func run<T: Sendable>(_ body: @Sendable (Connection) throws -> T) async throws -> T {
        try await withLane { lane in try await lane.run(body) }
    }

    /// Lends a lane for longer than one job, for whoever wants to watch its progress meanwhile.
    public func withLane<T: Sendable>(_ body: (Lane) async throws -> T) async throws -> T {
        let index = try await acquire()
        defer { release(index) }
        return try await body(lanes[index])
    }

    /// How many callers wait for a lane.
    public var waitingCount: Int { state.withLock { $0.queue.waitingCount } }

    /// Closes all lanes after their running jobs; those that wait or come later throw `.closed`.
    public func close() async {
        for lane in lanes { await lane.close() }
    }

    private func acquire() async throws -> Int {
        if Task.isCancelled { throw Interrupter.error }
        switch state.withLock({ $0.queue.enter() }) {
        case .lane(let index): return index
        case .full: throw DuckDBError(.busy, "too many queries wait for a connection already; try again in a moment")
        case .wait(let ticket): return try await wait(ticket)
        }
    }

    private func wait(_ ticket: UInt64) async throws -> Int {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enum Next { case wait, lane(Int), stop }
                let next: Next = state.withLock { state in
                    if let lane = state.granted.removeValue(forKey: ticket) { return .lane(lane) }
                    if state.cancelled.remove(ticket) != nil { return .stop }
                    state.continuations[ticket] = continuation
                    return .wait
                }
                switch next {
                case .wait: break
                case .lane(let lane): continuation.resume(returning: lane)
                case .stop: continuation.resume(throwing: Interrupter.error)
                }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<Int, any Error>? in
                guard state.queue.abandon(ticket) else { return nil }
                if let waiter = state.continuations.removeValue(forKey: ticket) { return waiter }
                state.cancelled.insert(ticket)
                return nil
            }
            waiter?.resume(throwing: Interrupter.error)
        }
    }

    private func release(_ lane: Int) {
        let waiter = state.withLock { state -> CheckedContinuation<Int, any Error>? in
            guard let ticket = state.queue.leave(lane) else { return nil }
            if let waiter = state.continuations.removeValue(forKey: ticket) { return waiter }
            state.granted[ticket] = lane
            return nil
        }
        waiter?.resume(returning: lane)
    }
}
