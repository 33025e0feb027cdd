internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOSSL

/// HTTP/1.1 behind TLS, with the certificate that is valid when a connection begins. (The framework's own channel keeps the one
/// that it was made with.)
struct TLSChannel: ServerChildChannel {
    let base: HTTP1Channel
    let certificates: Certificates

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(NIOSSLServerHandler(context: certificates.context))
            try pipeline.addHandler(InputCloser())
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}

/// Ends the way in of a connection for whoever reads from it, as a plain connection does: TLS itself cannot close one direction.
private final class InputCloser: ChannelDuplexHandler {
    typealias InboundIn = NIOAny
    typealias OutboundIn = NIOAny

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .input else { return context.close(mode: mode, promise: promise) }
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        promise?.succeed()
    }
}
