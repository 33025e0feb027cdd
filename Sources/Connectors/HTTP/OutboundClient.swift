internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// Sends requests over HTTP/1.1 to addresses that were judged first, and to nothing else.
///
/// It follows no redirect, knows no proxy and no Unix socket, asks for no compression, sends nothing twice, reads a bounded answer, and
/// ends within the request's time whatever the other side does. Connections are kept for a few seconds: one that is used again is to the
/// address that was judged when it was dialled.
public final class OutboundClient: OutboundSending {
    /// Bytes of an answer's headers.
    static let headerBytes = 16 << 10
    static let dnsLimit = Duration.seconds(5)
    private static let connectLimit = TimeAmount.seconds(5)

    let policy: OutboundPolicy
    let resolver: any Resolving
    private let group: any EventLoopGroup
    private let contexts: TLSContexts
    private let kept = KeptConnections()

    /// - Parameter trusted: a file of further roots that are trusted, in PEM.
    public init(policy: OutboundPolicy, resolver: any Resolving = SystemResolver(), trusted: String? = nil)
        throws(ConnectorError)
    {
        self.policy = policy
        self.resolver = resolver
        group = MultiThreadedEventLoopGroup.singleton
        contexts = try TLSContexts(trusted: trusted)
    }

    public func send(_ request: OutboundRequest) async -> OutboundResult {
        let start = NIODeadline.now()
        let deadline = start + TimeAmount(request.timeout)
        var result = OutboundResult()
        do throws(OutboundFailure) {
            let (connection, outcome) = try await attempt(request, deadline, &result)
            result.answer = outcome.answer
            result.timings.firstByte = Self.microseconds(start, outcome.headAt)
            if outcome.isReusable { kept.keep(connection, for: request) }
        } catch {
            result.failure = error
        }
        result.timings.total = Self.microseconds(start, .now())
        return result
    }

    /// On a kept connection, or a new one. Where a kept one turns out to have ended before anything was written, nothing was sent yet.
    private func attempt(
        _ request: OutboundRequest, _ deadline: NIODeadline, _ result: inout OutboundResult
    ) async throws(OutboundFailure) -> (KeptConnection, ExchangeOutcome) {
        if let known = kept.take(for: request) {
            result.peer = known.peer
            do throws(OutboundFailure) {
                return (known, try await exchange(request, on: known.channel, deadline))
            } catch {
                guard error.code == .notSent else { throw error }
            }
        }
        let connection = try await dial(request.url, try contexts.context(for: request), deadline, &result)
        result.peer = connection.peer
        return (connection, try await exchange(request, on: connection.channel, deadline))
    }

    // MARK: Steps

    private func dial(
        _ url: OutboundURL, _ tls: NIOSSLContext, _ deadline: NIODeadline, _ result: inout OutboundResult
    ) async throws(OutboundFailure) -> KeptConnection {
        var addresses: [IPAddress] = []
        if let address = url.address {
            addresses = [address]
        } else {
            let start = NIODeadline.now()
            let left = Duration.nanoseconds(max(0, (deadline - start).nanoseconds))
            addresses = try await resolver.addresses(of: url.host, within: min(Self.dnsLimit, left))
            result.timings.dns = Self.microseconds(start, .now())
        }
        do throws(ConnectorError) { try policy.check(addresses, for: url) } catch {
            throw OutboundFailure(.blockedAddress, error.message)
        }
        var failure = OutboundFailure(.dns, "the name \(url.host) has no address")
        // The next address only where the one before was never reached.
        for address in addresses.prefix(3) {
            do throws(OutboundFailure) { return try await connect(address, url, tls, deadline, &result) } catch {
                failure = error
                guard [.connectRefused, .connectTimeout, .connect].contains(error.code), deadline > .now() else {
                    break
                }
            }
        }
        throw failure
    }

    private func connect(
        _ address: IPAddress, _ url: OutboundURL, _ tls: NIOSSLContext, _ deadline: NIODeadline,
        _ result: inout OutboundResult
    ) async throws(OutboundFailure) -> KeptConnection {
        let start = NIODeadline.now()
        let left = deadline - start
        guard left > .zero else { throw OutboundFailure(.connectTimeout, "no time was left to connect") }
        let loop = group.any()
        let ready = loop.makePromise(of: Void.self)
        let (isSecure, name) = (url.isSecure, url.address == nil ? url.host : nil)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(min(Self.connectLimit, left))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Self.fill(channel.pipeline.syncOperations, isSecure ? tls : nil, name, ready)
                }
            }
        let channel: any Channel
        do {
            let target = try SocketAddress(ipAddress: address.description, port: url.port)
            channel = try await bootstrap.connect(to: target).get()
        } catch {
            let failure = Self.failure(connecting: error)
            ready.fail(failure)
            throw failure
        }
        result.peer = address.description
        result.timings.connect = Self.microseconds(start, .now())
        // A handshake that hangs ends with the time to connect.
        let timer = loop.scheduleTask(in: min(Self.connectLimit, max(.zero, deadline - .now()))) {
            // Without effect where the handshake ended at the same moment: the request's own deadline is next then.
            ready.fail(OutboundFailure(.connectTimeout, "TLS was not agreed on in time"))
        }
        defer { timer.cancel() }
        do { try await ready.futureResult.get() } catch {
            channel.close(promise: nil)
            throw error as? OutboundFailure ?? OutboundFailure(.connect, "the connection broke off")
        }
        if isSecure {
            result.timings.tls = Self.microseconds(start, .now()) - (result.timings.connect ?? 0)
        }
        return KeptConnection(channel: channel, dialled: start, since: .now(), peer: address.description)
    }

    private static func fill(
        _ pipeline: ChannelPipeline.SynchronousOperations, _ tls: NIOSSLContext?, _ name: String?,
        _ ready: EventLoopPromise<Void>
    ) throws {
        if let tls { try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name)) }
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = headerBytes
        limits.maxHeaderFieldSize = headerBytes
        try pipeline.addHandler(HTTPRequestEncoder())
        try pipeline.addHandler(
            ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)))
        // Keeps the decoder informed of what was asked, and ends what is no answer.
        try pipeline.addHandler(ExchangeHandler(isSecure: tls != nil, ready: ready))
    }

    private func exchange(
        _ request: OutboundRequest, on channel: any Channel, _ deadline: NIODeadline
    ) async throws(OutboundFailure) -> ExchangeOutcome {
        let outcome = channel.eventLoop.makePromise(of: ExchangeOutcome.self)
        var headers = HTTPHeaders([("host", request.url.authority)])
        for (name, value) in request.headers { headers.add(name: name, value: value) }
        headers.replaceOrAdd(name: "content-length", value: String(request.body.count))
        let exchange = Exchange(
            head: HTTPRequestHead(
                version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: request.url.target,
                headers: headers),
            body: ByteBuffer(bytes: request.body), deadline: deadline, outcome: outcome, kept: request.mostAnswer)
        channel.writeAndFlush(exchange).whenFailure { [mark = exchange.mark] _ in
            // One that was closed before takes nothing: another may.
            outcome.fail(
                mark.hasBegun
                    ? OutboundFailure(.reset, "the connection ended while it was written to")
                    : OutboundFailure(.notSent, "the connection has ended"))
        }
        do {
            return try await withTaskCancellationHandler {
                try await outcome.futureResult.get()
            } onCancel: {
                outcome.fail(OutboundFailure(.cancelled, "the server ends"))
                channel.close(promise: nil)
            }
        } catch {
            throw error as? OutboundFailure ?? OutboundFailure(.reset, "the connection broke off")
        }
    }

    private static func failure(connecting error: any Error) -> OutboundFailure {
        switch error {
        case ChannelError.connectTimeout: OutboundFailure(.connectTimeout, "no connection within the time")
        case let error as NIOConnectionError where error.connectionErrors.contains { isRefusal($0.error) }:
            OutboundFailure(.connectRefused, "nobody listens there")
        case let error where isRefusal(error): OutboundFailure(.connectRefused, "nobody listens there")
        default: OutboundFailure(.connect, "no connection could be made")
        }
    }

    private static func isRefusal(_ error: any Error) -> Bool { (error as? IOError)?.errnoCode == 111 }

    private static func microseconds(_ from: NIODeadline, _ to: NIODeadline) -> Int64 {
        (to - from).nanoseconds / 1_000
    }
}
