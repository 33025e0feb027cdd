internal import Control
internal import HTTPTypes
internal import Pipelines
public import ServiceLifecycle
internal import Synchronization

/// A server, built and ready to run.
public final class SluiceServer: Service {
    /// How often it is looked whether anybody still works with the server.
    private static let look = Duration.milliseconds(25)

    private let group: ServiceGroup
    private let listening: Latch<Int>
    private let socketListening: Latch<Int>
    private let connections: Connections
    private let lock: FolderLock
    let state: ServerState
    private let table: RouteTable
    private let hasEnded = Atomic(false)

    /// Whether the socket in the data folder is a way in.
    public let hasSocket: Bool

    /// Method and path of every route, for the test that compares them with the document of the API.
    package var routes: [(method: String, path: String)] {
        table.routes.map { ($0.method.rawValue, $0.path) }
    }

    /// The scope that a key needs for a route, by method and path, for the same test.
    package var scopes: [String: String] {
        var scopes: [String: String] = [:]
        for route in table.routes {
            switch route.access {
            case .scope(let scope): scopes["\(route.method.rawValue) \(route.path)"] = scope.rawValue
            case .loopbackOrAdmin: scopes["\(route.method.rawValue) \(route.path)"] = "admin"
            case .open, .collection: break
            }
        }
        return scopes
    }

    /// What is written down of the use of each route, by method and path: the action, null where nothing is, and nothing where
    /// nobody has said.
    package var audited: [String: String?] {
        var actions: [String: String?] = [:]
        for route in table.routes where route.isKeyed && route.audit != .undeclared {
            actions["\(route.method.rawValue) \(route.path)"] =
                .some(route.audit == .none ? nil : Auditing.action(route))
        }
        return actions
    }

    /// How many requests wait for bytes of their bodies, for the test that ends the server while one does.
    package var awaitedBodies: Int { state.bodies.count }

    init(
        group: ServiceGroup, listening: Latch<Int>, socketListening: Latch<Int>, hasSocket: Bool,
        connections: Connections, lock: FolderLock, state: ServerState, table: RouteTable
    ) {
        self.group = group
        self.listening = listening
        self.socketListening = socketListening
        self.hasSocket = hasSocket
        self.connections = connections
        self.lock = lock
        self.state = state
        self.table = table
    }

    /// Serves until `shutDown`, a signal (if the configuration handles them), or a service's failure.
    ///
    /// It returns when everything is drained: requests answered, the journal written, all of it applied.
    public func run() async throws {
        defer {
            hasEnded.store(true, ordering: .relaxed)
            listening.open(nil)
            socketListening.open(nil)
        }
        try await group.run()
        withExtendedLifetime(lock) {}
    }

    /// Begins a graceful shutdown; `run` returns when it is done.
    public func shutDown() async { await group.triggerGracefulShutdown() }

    /// Waits until nobody works with the server any more: nobody is connected to the socket, and of the exports and
    /// backups that were asked for since the start none waits or runs. False if that has not come about within `limit`, or the task was
    /// cancelled.
    public func becomesUnused(within limit: Duration) async -> Bool {
        let end = ContinuousClock.now + limit
        var before: Connections.Count?
        while !hasEnded.load(ordering: .relaxed) {
            let now = connections.count
            // Twice the same: whoever finds a server looks whether it answers before it connects for its work.
            if now.open == 0, now == before, state.exports.unfinishedCount == 0, state.backups.unfinishedCount == 0,
                state.pipelines.keeper.unfinishedCount == 0
            {
                return true
            }
            before = now
            guard ContinuousClock.now < end else { return false }
            do { try await Task.sleep(for: Self.look) } catch { return false }
        }
        return true
    }

    /// Waits until TCP is listened on; the port, or nil if the server ended before or listens on none.
    public func port() async -> Int? { await listening.wait() }

    /// Waits until the socket in the data folder is listened on; false if the server ended before or has none.
    public func socketIsReady() async -> Bool { await socketListening.wait() != nil }
}
