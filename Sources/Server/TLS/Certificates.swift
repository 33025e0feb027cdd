internal import Glibc
internal import Logging
internal import NIOSSL
internal import ServiceLifecycle
internal import Synchronization

/// The files that TLS is served with.
public struct TLSFiles: Sendable, Equatable {
    /// The server's certificate and those between it and a root, in PEM, the server's first.
    public var certificate: String
    /// The private key of the certificate, in PEM, without a password.
    public var key: String

    public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}

/// The certificate that new connections are given. Whoever renews the files need not tell the server: it looks at them, and takes
/// a new pair once both fit each other; connections that are open keep the old one.
final class Certificates: Service {
    /// How often the files are looked at.
    private static let interval = Duration.seconds(2)

    private struct State {
        var context: NIOSSLContext
        /// What the files looked like when they were last read.
        var seen: [FileLook]
    }

    private let files: TLSFiles
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads the files; blocks.
    ///
    /// - Throws: `.io` that names the file and what is wrong with it.
    init(_ files: TLSFiles, logger: Logger) throws(ServerError) {
        self.files = files
        self.logger = logger
        let seen = FileLook.of(files)
        state = Mutex(State(context: try Self.read(files), seen: seen))
    }

    /// What a connection that begins now is served with.
    var context: NIOSSLContext { state.withLock { $0.context } }

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try await Task.sleep(for: Self.interval)
                try await Blocking.run { self.look() }
            }
        }
    }

    /// Reads the files again if they have changed; what cannot be used leaves everything as it is.
    func look() {
        let now = FileLook.of(files)
        guard now != state.withLock({ $0.seen }) else { return }
        do throws(ServerError) {
            let context = try Self.read(files)
            state.withLock { $0 = State(context: context, seen: now) }
            logger.notice("new connections are given the new certificate", metadata: ["file": "\(files.certificate)"])
        } catch {
            // Renewers write one file after the other: the second look finds both.
            state.withLock { $0.seen = now }
            logger.error(
                "the changed certificate cannot be used; the one before stays", metadata: ["reason": "\(error.message)"]
            )
        }
    }

    private static func read(_ files: TLSFiles) throws(ServerError) -> NIOSSLContext {
        let chain: [NIOSSLCertificate]
        do { chain = try NIOSSLCertificate.fromPEMFile(files.certificate) } catch {
            throw unusable(files.certificate, "certificates in PEM", error)
        }
        guard !chain.isEmpty else { throw ServerError(.io, "\(files.certificate) holds no certificate in PEM") }
        let key: NIOSSLPrivateKey
        do { key = try NIOSSLPrivateKey(file: files.key, format: .pem) } catch {
            throw unusable(files.key, "a private key in PEM without a password", error)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do { return try NIOSSLContext(configuration: configuration) } catch {
            throw ServerError(.io, "\(files.key) is not the key of the certificate in \(files.certificate): \(error)")
        }
    }

    private static func unusable(_ path: String, _ what: String, _ error: any Error) -> ServerError {
        guard unsafe access(path, R_OK) != 0 else { return ServerError(.io, "\(path) does not hold \(what): \(error)") }
        // `strerror` answers with a text of its own, copied here.
        return ServerError(.io, "\(path) cannot be read: \(unsafe String(cString: strerror(errno)))")
    }
}

/// By what a file that was written anew differs.
private struct FileLook: Equatable {
    let device: UInt64
    let inode: UInt64
    let size: Int64
    let seconds: Int
    let nanoseconds: Int

    static func of(_ files: TLSFiles) -> [FileLook] { [FileLook(files.certificate), FileLook(files.key)] }

    private init(_ path: String) {
        var found = stat()
        // Links are followed: renewers change where they lead to. A file that is not there looks like nothing else.
        let isThere = unsafe stat(path, &found) == 0
        (device, inode, size) =
            isThere ? (UInt64(found.st_dev), UInt64(found.st_ino), Int64(found.st_size)) : (0, 0, -1)
        (seconds, nanoseconds) = isThere ? (found.st_mtim.tv_sec, found.st_mtim.tv_nsec) : (0, 0)
    }
}
