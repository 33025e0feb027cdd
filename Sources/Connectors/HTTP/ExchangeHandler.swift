internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import NIOTLS
internal import Synchronization

/// One request on a connection, and where its outcome goes.
struct Exchange: Sendable {
    let head: HTTPRequestHead
    let body: ByteBuffer
    let deadline: NIODeadline
    let outcome: EventLoopPromise<ExchangeOutcome>
    /// Bytes of the answer that are kept.
    let kept: Int
    let mark = ExchangeMark()
}

/// Whether something of an exchange may have been written.
final class ExchangeMark: Sendable {
    private let isSet = Atomic(false)
    var hasBegun: Bool { isSet.load(ordering: .relaxed) }
    func begin() { isSet.store(true, ordering: .relaxed) }
}

struct ExchangeOutcome: Sendable {
    let answer: OutboundAnswer
    let headAt: NIODeadline
    /// Whether another request may follow on the connection.
    let isReusable: Bool
}

/// A connection's end of the pipeline: requests one after another, each ended by its answer, its deadline, or the connection. It lives on
/// the connection's event loop, so nothing here is locked.
final class ExchangeHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Exchange
    typealias OutboundOut = HTTPClientRequestPart

    /// Bytes of an answer that are read, whatever is kept of them.
    static let readBytes = 64 << 10
    /// After how long without a request a connection is closed: before receivers commonly do.
    private static let idle = TimeAmount.seconds(5)

    private let isSecure: Bool
    /// Kept when the connection can take a request.
    private let ready: EventLoopPromise<Void>
    private var isReady = false
    private var exchange: Exchange?
    private var head: (HTTPResponseHead, NIODeadline)?
    private var body: [UInt8] = []
    private var seen = 0
    private var timer: Scheduled<Void>?

    init(isSecure: Bool, ready: EventLoopPromise<Void>) {
        self.isSecure = isSecure
        self.ready = ready
    }

    func channelActive(context: ChannelHandlerContext) {
        if !isSecure { becomeReady() }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { becomeReady() }
        // The other side has said all that it will, so what has not come does not come.
        if let event = event as? ChannelEvent, event == .inputClosed { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    private func becomeReady() {
        isReady = true
        ready.succeed(())
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let exchange = unwrapOutboundIn(data)
        timer?.cancel()
        guard self.exchange == nil, context.channel.isActive else {
            // Nothing was sent: another connection may take it.
            exchange.outcome.fail(OutboundFailure(.notSent, "the connection has ended"))
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        self.exchange = exchange
        exchange.mark.begin()
        (head, body, seen) = (nil, [], 0)
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        let handler = NIOLoopBound(self, eventLoop: context.value.eventLoop)
        timer = context.value.eventLoop.scheduleTask(deadline: exchange.deadline) {
            handler.value.expire(context.value)
        }
        context.value.write(wrapOutboundOut(.head(exchange.head)), promise: nil)
        context.value.write(wrapOutboundOut(.body(.byteBuffer(exchange.body))), promise: nil)
        context.value.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What nobody asked for: bytes after an answer.
        guard exchange != nil else { return context.close(promise: nil) }
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = (head, .now())
        case .body(let buffer):
            seen += buffer.readableBytes
            let kept = exchange?.kept ?? 0
            let room = kept - body.count
            if room > 0 { body.append(contentsOf: buffer.readableBytesView.prefix(room)) }
            if seen > max(Self.readBytes, kept) { finish(context, cut: .size) }
        case .end: finish(context, cut: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context, OutboundFailure(.reset, "the connection ended before an answer came"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(context, Self.failure(error, isReady: isReady))
        context.close(promise: nil)
    }

    /// The deadline is there.
    private func expire(_ context: ChannelHandlerContext) {
        if head != nil {
            finish(context, cut: .time)
        } else {
            fail(OutboundFailure(.headerTimeout, "no answer came within the time"))
            context.close(promise: nil)
        }
    }

    /// The connection is over: an answer whose head is there stands, and says that its body is not whole.
    private func end(_ context: ChannelHandlerContext, _ failure: OutboundFailure) {
        if !isReady { ready.fail(failure) }
        if head != nil { finish(context, cut: .connection) } else { fail(failure) }
    }

    private func fail(_ failure: OutboundFailure) {
        timer?.cancel()
        exchange?.outcome.fail(failure)
        exchange = nil
    }

    private func finish(_ context: ChannelHandlerContext, cut: OutboundAnswer.Cut?) {
        timer?.cancel()
        guard let exchange, let (head, at) = head else { return }
        self.exchange = nil
        let isReusable = cut == nil && head.isKeepAlive && context.channel.isActive
        let answer = OutboundAnswer(
            status: Int(head.status.code), headers: head.headers.map { ($0.name, $0.value) }, body: body, cut: cut)
        self.head = nil
        guard isReusable else {
            exchange.outcome.succeed(ExchangeOutcome(answer: answer, headAt: at, isReusable: false))
            return context.close(promise: nil)
        }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: Self.idle) { bound.value.close(promise: nil) }
        exchange.outcome.succeed(ExchangeOutcome(answer: answer, headAt: at, isReusable: true))
    }

    private static func failure(_ error: any Error, isReady: Bool) -> OutboundFailure {
        switch error {
        case let failure as OutboundFailure: failure
        case HTTPParserError.headerOverflow:
            OutboundFailure(
                .headersTooLarge, "the answer's headers are longer than \(OutboundClient.headerBytes) bytes")
        case is HTTPParserError: OutboundFailure(.malformed, "the answer is no HTTP")
        case let error as NIOSSLError where !isReady: certificate(String(describing: error))
        case let error as BoringSSLError where !isReady: certificate(String(describing: error))
        case is NIOSSLExtraError where !isReady:
            OutboundFailure(.certificate, "the certificate is not of the name that was asked for")
        case is NIOSSLError, is BoringSSLError: OutboundFailure(.reset, "the connection by TLS broke off")
        default: OutboundFailure(isReady ? .reset : .connect, "the connection broke off")
        }
    }

    private static func certificate(_ text: String) -> OutboundFailure {
        text.uppercased().contains("CERTIFICATE")
            ? OutboundFailure(
                .certificate, "the certificate does not hold: it is self-signed, expired, or of somebody else")
            : OutboundFailure(.tls, "TLS could not be agreed on")
    }
}
