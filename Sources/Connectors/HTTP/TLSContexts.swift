internal import NIOSSL
internal import Synchronization

/// How TLS is spoken: with everybody's certificate verified, and to those who ask for one with a certificate of the request's own.
final class TLSContexts: Sendable {
    private let configuration: TLSConfiguration
    private let plain: NIOSSLContext
    /// Contexts that show a certificate, by it.
    private let own = Mutex<[String: NIOSSLContext]>([:])

    /// - Parameter trusted: a file of further roots that are trusted, in PEM.
    init(trusted: String?) throws(ConnectorError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = .fullVerification
        configuration.applicationProtocols = ["http/1.1"]
        do {
            if let trusted {
                configuration.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(trusted))]
            }
            self.configuration = configuration
            plain = try NIOSSLContext(configuration: configuration)
        } catch {
            throw ConnectorError(.badSetting, "the certificates to trust cannot be read: \(error)")
        }
    }

    func context(for request: OutboundRequest) throws(OutboundFailure) -> NIOSSLContext {
        guard request.url.isSecure, let text = request.certificate else { return plain }
        if let known = own.withLock({ $0[text] }) { return known }
        do {
            let (chain, key) = try Self.identity(text)
            var configuration = configuration
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(key)
            let made = try NIOSSLContext(configuration: configuration)
            own.withLock { contexts in
                if contexts.count >= 256 { contexts = [:] }
                contexts[text] = made
            }
            return made
        } catch { throw OutboundFailure(.notSent, "the endpoint's own certificate cannot be read") }
    }

    static func identity(_ text: String) throws -> (chain: [NIOSSLCertificate], key: NIOSSLPrivateKey) {
        let bytes = Array(text.utf8)
        return (try NIOSSLCertificate.fromPEMBytes(bytes), try NIOSSLPrivateKey(bytes: bytes, format: .pem))
    }
}
