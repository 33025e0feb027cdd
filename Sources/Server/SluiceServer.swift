internal import Control
internal import HTTPTypes
public import ServiceLifecycle

/// A server, built and ready to run.
public final class SluiceServer: Service {
    private let group: ServiceGroup
    private let listening: Latch<Int>
    private let socketListening: Latch<Int>
    private let lock: FolderLock
    let state: ServerState
    private let table: RouteTable

    /// Method and path of every route, for the test that compares them with the document of the API.
    package var routes: [(method: String, path: String)] {
        table.routes.map { ($0.method.rawValue, $0.path) }
    }

    /// How many requests wait for bytes of their bodies, for the test that ends the server while one does.
    package var awaitedBodies: Int { state.bodies.count }

    init(
        group: ServiceGroup, listening: Latch<Int>, socketListening: Latch<Int>, lock: FolderLock, state: ServerState,
        table: RouteTable
    ) {
        self.group = group
        self.listening = listening
        self.socketListening = socketListening
        self.lock = lock
        self.state = state
        self.table = table
    }

    /// Serves until `shutDown`, a signal (if the configuration handles them), or a service's failure.
    ///
    /// It returns when everything is drained: requests answered, the journal written, all of it applied.
    public func run() async throws {
        defer {
            listening.open(nil)
            socketListening.open(nil)
        }
        try await group.run()
        withExtendedLifetime(lock) {}
    }

    /// Begins a graceful shutdown; `run` returns when it is done.
    public func shutDown() async { await group.triggerGracefulShutdown() }

    /// Waits until TCP is listened on; the port, or nil if the server ended before or listens on none.
    public func port() async -> Int? { await listening.wait() }

    /// Waits until the socket in the data folder is listened on; false if the server ended before or has none.
    public func socketIsReady() async -> Bool { await socketListening.wait() != nil }
}
