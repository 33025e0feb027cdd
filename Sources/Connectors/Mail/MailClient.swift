internal import CCurl
internal import NIOCore
internal import NIOPosix

/// A mail server and how it is spoken to.
public struct MailServer: Sendable, Equatable {
    /// How a connection is kept from being read on its way.
    public enum Security: String, Sendable, CaseIterable {
        /// It begins in clear and must turn to TLS before anything is said.
        case startTLS = "starttls"
        /// TLS from the first byte.
        case tls
        /// None: to addresses that the operator allows, and nowhere else.
        case none
    }

    public var host: String
    /// The address, where the host is one.
    public var address: IPAddress?
    public var port: Int
    public var security: Security
    public var username: String?
    public var password: String?

    /// Ports of mail servers, besides those from 1024 on that are no database's.
    static let ports: Set<Int> = [25, 465, 587]

    /// Reads `HOST[:PORT]`; the port is 465 with TLS from the first byte, else 587.
    public init(_ text: String, security: Security, username: String? = nil, password: String? = nil)
        throws(ConnectorError)
    {
        guard !text.contains(where: { "/?#@\\".contains($0) }),
            let url = try? OutboundURL("https://\(text)/")
        else {
            throw ConnectorError(
                .badSetting, "\"server\" is a mail server's name, with a port if need be: smtp.example.com:587")
        }
        host = url.host
        address = url.address
        // What was written is told from what is usual for the web.
        let isWritten = url.port != 443 || text.hasSuffix(":443")
        port = isWritten ? url.port : security == .tls ? 465 : 587
        self.security = security
        self.username = username
        self.password = password
    }
}

/// Sends mail; tests put something else in its place.
public protocol MailSending: Sendable {
    /// Sends once, to addresses that were judged first; without a message it connects, logs in, and leaves.
    func send(_ message: MailMessage?, by server: MailServer, sender: MailAddress, timeout: Duration) async
        -> OutboundResult
}

/// Sends mail by SMTP through libcurl, on threads of its own, since each of its calls blocks.
public final class MailClient: MailSending {
    private static let connectLimit: Int64 = 5_000
    /// Threads cost little; a few servers that hang leave some to the others.
    private static let mostAtOnce = 48

    private let policy: OutboundPolicy
    private let resolver: any Resolving
    private let trusted: String?
    private let threads = NIOThreadPool(numberOfThreads: mostAtOnce)

    /// - Parameter trusted: a file of further roots that are trusted, in PEM.
    public init(policy: OutboundPolicy, resolver: any Resolving, trusted: String? = nil) {
        self.policy = policy
        self.resolver = resolver
        self.trusted = trusted
        threads.start()
    }

    deinit { threads.shutdownGracefully { _ in } }

    public func send(
        _ message: MailMessage?, by server: MailServer, sender: MailAddress, timeout: Duration
    ) async -> OutboundResult {
        var result = OutboundResult()
        do throws(OutboundFailure) {
            let start = NIODeadline.now()
            let addresses = try await addresses(of: server, within: timeout)
            if server.address == nil { result.timings.dns = (NIODeadline.now() - start).nanoseconds / 1_000 }
            let left = TimeAmount(timeout) - (NIODeadline.now() - start)
            let transfer = MailTransfer(
                server: server, addresses: addresses, roots: trusted, sender: sender, message: message,
                milliseconds: max(1, left.nanoseconds / 1_000_000), connectMilliseconds: Self.connectLimit)
            result = await run(transfer, result)
        } catch {
            result.failure = error
        }
        return result
    }

    private func addresses(of server: MailServer, within timeout: Duration) async throws(OutboundFailure) -> [IPAddress]
    {
        let addresses: [IPAddress]
        if let address = server.address {
            addresses = [address]
        } else {
            addresses = try await resolver.addresses(of: server.host, within: min(.seconds(5), timeout))
        }
        do throws(ConnectorError) {
            try policy.check(addresses, ofHost: server.host)
            try policy.checkMail(addresses, server)
        } catch { throw OutboundFailure(.blockedAddress, error.message) }
        return addresses
    }

    private func run(_ transfer: MailTransfer, _ before: OutboundResult) async -> OutboundResult {
        let stop = MailStop()
        let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: OutboundResult.self)
        threads.submit { state in
            guard case .active = state else {
                return promise.succeed(OutboundResult(failure: OutboundFailure(.cancelled, "the server ends")))
            }
            promise.succeed(transfer.run(stop, before))
        }
        return await withTaskCancellationHandler {
            // The promise never fails.
            (try? await promise.futureResult.get())
                ?? OutboundResult(failure: OutboundFailure(.cancelled, "the server ends"))
        } onCancel: {
            stop.now()
        }
    }
}

extension OutboundPolicy {
    /// Checks a mail server's port, and that nothing goes in clear to where the operator does not allow it.
    func checkMail(_ addresses: [IPAddress], _ server: MailServer) throws(ConnectorError) {
        for address in addresses where !isAllowed(address) {
            guard server.security != .none else {
                throw ConnectorError(
                    .badSetting,
                    "mail goes in clear to addresses that the operator allows with --allow-private, and nowhere else")
            }
            guard MailServer.ports.contains(server.port) || server.port >= 1_024 && !isDatabase(port: server.port)
            else {
                throw ConnectorError(.blockedAddress, "no mail is sent to port \(server.port); use 587, 465 or 25")
            }
        }
    }
}
