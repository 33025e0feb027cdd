internal import NIOCore
internal import Synchronization

/// Counts the connections at an address. A client keeps its connection between two requests, so that this says better
/// than requests do whether anybody still works with the server.
final class Connections: Sendable {
    struct Count: Equatable {
        /// Those that are open now.
        var open = 0
        /// All since the start.
        var total = 0
    }

    private let state = Mutex(Count())

    var count: Count { state.withLock { $0 } }

    /// The handlers of one connection that count it.
    func handlers() -> [any RemovableChannelHandler] { [ConnectionCounter(connections: self)] }

    fileprivate func begin() {
        state.withLock { state in
            state.open += 1
            state.total += 1
        }
    }

    fileprivate func end() { state.withLock { $0.open -= 1 } }
}

/// Lies in a connection's pipeline from its beginning to its end.
private final class ConnectionCounter: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let connections: Connections

    init(connections: Connections) { self.connections = connections }

    func handlerAdded(context: ChannelHandlerContext) { connections.begin() }

    func handlerRemoved(context: ChannelHandlerContext) { connections.end() }
}
