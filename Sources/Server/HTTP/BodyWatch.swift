internal import HTTPTypes
internal import NIOCore
internal import ServiceLifecycle
internal import Synchronization

/// Ends waits for bytes that do not come, so that a client that holds its body back keeps no request for long, and no
/// shutdown at all.
///
/// A wait is an entry in a table, without a task or a timer of its own: this is on the way of every event that comes
/// in. One look at the table every quarter of a second finds those that have waited too long.
final class BodyWatch: Service {
    /// Why a wait was ended.
    private enum Cut {
        case late
        case shutdown
    }

    private struct Wait {
        let channel: any Channel
        let deadline: ContinuousClock.Instant
        var cut: Cut?
    }

    private struct State {
        var waits: [UInt64: Wait] = [:]
        var nextID: UInt64 = 0
        /// When all waits end because the server does; nil while it serves.
        var end: ContinuousClock.Instant?
    }

    private static let interval = Duration.milliseconds(250)

    private let state = Mutex(State())

    /// Requests that wait for bytes of their bodies.
    var count: Int { state.withLock { $0.waits.count } }

    /// Reads from a connection.
    ///
    /// - Parameters:
    ///   - limit: how long `body` may take before the connection gives nothing more.
    ///   - body: reads bytes of the request's body.
    /// - Throws: what `body` throws, or a `Problem`: 408 after the limit, 503 if the server ends.
    func read<T>(
        _ channel: any Channel, within limit: Duration, _ body: () async throws -> T
    ) async throws -> T {
        let id = begin(channel, limit)
        let value: T
        do { value = try await body() } catch {
            // What a connection throws whose reading was cut says less than why it was cut.
            if let cut = end(id) { throw Self.problem(cut, limit) }
            throw error
        }
        // A cut connection looks like one that has sent everything.
        if let cut = end(id) { throw Self.problem(cut, limit) }
        return value
    }

    /// Gives what is awaited now, and from now on, no longer than that.
    func endAll(after grace: Duration) {
        let end = ContinuousClock.now + grace
        state.withLock { $0.end = end }
    }

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try await Task.sleep(for: Self.interval)
                self.sweep()
            }
        }
    }

    private func begin(_ channel: any Channel, _ limit: Duration) -> UInt64 {
        let deadline = ContinuousClock.now + limit
        return state.withLock { state in
            let id = state.nextID
            state.nextID += 1
            state.waits[id] = Wait(channel: channel, deadline: deadline)
            return id
        }
    }

    private func end(_ id: UInt64) -> Cut? {
        state.withLock { $0.waits.removeValue(forKey: id)?.cut }
    }

    private func sweep() {
        let now = ContinuousClock.now
        let channels = state.withLock { state -> [any Channel] in
            var found: [any Channel] = []
            let isEnding = state.end.map { now >= $0 } ?? false
            for (id, wait) in state.waits where wait.cut == nil && (isEnding || now >= wait.deadline) {
                state.waits[id]?.cut = isEnding ? .shutdown : .late
                found.append(wait.channel)
            }
            return found
        }
        // Only the way in: the answer still has to go out.
        for channel in channels { channel.close(mode: .input, promise: nil) }
    }

    private static func problem(_ cut: Cut, _ limit: Duration) -> Problem {
        var problem: Problem
        switch cut {
        case .late:
            problem = Problem(
                .requestTimeout, "body_timeout",
                "the body did not come within \(limit); nothing of it was stored: send the request again")
        case .shutdown:
            problem = .unavailable("shutting_down", "the server is shutting down; try again soon")
        }
        problem.endsConnection = true
        return problem
    }
}

/// Tells the watch that the server ends. It stands after the servers in the list, so that it hears of it first.
struct BodyWatchEnd: Service {
    let watch: BodyWatch
    let grace: Duration

    func run() async throws {
        try? await gracefulShutdown()
        watch.endAll(after: grace)
    }
}
