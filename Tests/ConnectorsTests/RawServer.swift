import Connectors
import Glibc
import NIOCore
import NIOPosix

/// A receiver that answers with whatever bytes it is told to, in pieces, and may hang, stop or break off.
final class RawServer: Sendable {
    /// What is done with a request once its head has come.
    enum Step: Sendable {
        case send(String)
        case wait(Int64)
        case close
        /// Ends the connection with an RST.
        case reset
        /// Sends such pieces until nobody takes them.
        case forever(String)
    }

    let channel: any Channel
    let port: Int

    init(_ steps: [Step]) async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Player(steps))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    func close() async throws { try await channel.close().get() }

    static func with<T>(_ steps: [Step], _ body: (RawServer) async throws -> T) async throws -> T {
        let server = try await RawServer(steps)
        do {
            let result = try await body(server)
            try await server.close()
            return result
        } catch {
            try await server.close()
            throw error
        }
    }
}

private final class Player: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let steps: [RawServer.Step]
    private var seen = ""

    init(_ steps: [RawServer.Step]) { self.steps = steps }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        seen += String(buffer: unwrapInboundIn(data))
        guard seen.contains("\r\n\r\n") else { return }
        seen = ""
        play(steps[...], NIOLoopBound(context, eventLoop: context.eventLoop))
    }

    private func play(_ steps: ArraySlice<RawServer.Step>, _ bound: NIOLoopBound<ChannelHandlerContext>) {
        let context = bound.value
        guard let step = steps.first, context.channel.isActive else { return }
        let rest = steps.dropFirst()
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        switch step {
        case .send(let text):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            play(rest, bound)
        case .wait(let milliseconds):
            context.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) { this.value.play(rest, bound) }
        case .close: context.close(promise: nil)
        case .reset:
            let channel = context.channel
            let options = channel as? any SocketOptionProvider
            options?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in channel.close(promise: nil) }
        case .forever(let text):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text))).whenSuccess {
                this.value.play([step], bound)
            }
        }
    }
}
