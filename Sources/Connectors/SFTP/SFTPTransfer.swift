internal import CCurl
internal import Synchronization
internal import Threads

/// One transfer on its way through libcurl.
struct SFTPTransfer: Sendable {
    /// What is sent.
    enum Source: Sendable {
        case nothing
        case file(String)
        case bytes([UInt8])
    }

    let place: SFTPPlace
    let url: String
    /// Looks the host up and judges what is found.
    let addresses: @Sendable () async throws(ConnectorError) -> [IPAddress]
    var source = Source.nothing
    var before: [String] = []
    var after: [String] = []
    var isOnlyCommands = false

    private static let connectLimit = 15_000
    private static let stallSeconds = 60

    /// Takes what is read; lives for the call.
    private final class Sink: Sendable {
        let take: @Sendable ([UInt8]) -> Bool
        init(_ take: @escaping @Sendable ([UInt8]) -> Bool) { self.take = take }
    }

    /// A small file whole, or a folder's names; nil if it is not there.
    func read(most: Int) async throws(ConnectorError) -> [UInt8]? {
        let all = Mutex<[UInt8]>([])
        let found = try await perform { piece in
            all.withLock { all in
                guard all.count + piece.count <= most else { return false }
                all += piece
                return true
            }
        }
        return found ? all.withLock { $0 } : nil
    }

    /// A file piece by piece; false if it is not there.
    func read(_ body: @escaping @Sendable ([UInt8]) -> Void) async throws(ConnectorError) -> Bool {
        try await perform { piece in
            body(piece)
            return true
        }
    }

    /// Sends, or does the commands.
    func run() async throws(ConnectorError) {
        guard try await perform({ _ in true }) else {
            throw ConnectorError(.refused, "\(place.host) has no such folder, and it could not be made")
        }
    }

    /// Does it; false if what was asked for is not there.
    private func perform(
        _ take: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws(ConnectorError) -> Bool {
        let addresses = try await addresses()
        let stop = MailStop()
        let result: sluice_sftp_result
        do {
            result = try await withTaskCancellationHandler {
                try await OwnThread.run { transfer(addresses, stop, Sink(take)) }
            } onCancel: {
                stop.now()
            }
        } catch {
            throw ConnectorError(.unreachable, "\(error)", isTransient: true)
        }
        return try outcome(result)
    }

    private func transfer(_ addresses: [IPAddress], _ stop: MailStop, _ sink: Sink) -> sluice_sftp_result {
        let places = addresses.prefix(3).map { $0.isV6 ? "[\($0)]" : "\($0)" }.joined(separator: ",")
        var result = sluice_sftp_result()
        var file: String?
        var bytes: [UInt8]?
        switch source {
        case .nothing: break
        case .file(let path): file = path
        case .bytes(let given): bytes = given
        }
        let words = [
            url, "\(place.host):\(place.port):\(places)", place.username, place.password, place.key, place.passphrase,
            place.knownHosts, file,
        ]
        // Everything is lent for the call alone; the sink is kept by the caller.
        unsafe withCStrings(words + before + after) { texts in
            let first = unsafe Array(texts[words.count..<(words.count + before.count)])
            let last = unsafe Array(texts[(words.count + before.count)...])
            unsafe first.withUnsafeBufferPointer { first in
                unsafe last.withUnsafeBufferPointer { last in
                    unsafe (bytes ?? [0]).withUnsafeBytes { body in
                        var sftp = unsafe sluice_sftp()
                        unsafe sftp.url = texts[0]
                        unsafe sftp.resolve = texts[1]
                        unsafe sftp.username = texts[2]
                        unsafe sftp.password = texts[3]
                        unsafe sftp.private_key = texts[4]
                        unsafe sftp.passphrase = texts[5]
                        unsafe sftp.known_hosts = texts[6]
                        unsafe sftp.file = texts[7]
                        unsafe sftp.bytes = bytes == nil ? nil : body.baseAddress?.assumingMemoryBound(to: CChar.self)
                        unsafe sftp.length = bytes?.count ?? 0
                        unsafe sftp.context = Unmanaged.passUnretained(sink).toOpaque()
                        unsafe sftp.take = { context, bytes, count in
                            guard let context = unsafe context else { return 0 }
                            let sink = unsafe Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
                            return sink.take(unsafe Array(UnsafeRawBufferPointer(start: bytes, count: count))) ? 1 : 0
                        }
                        unsafe sftp.before = first.baseAddress
                        unsafe sftp.before_count = first.count
                        unsafe sftp.after = last.baseAddress
                        unsafe sftp.after_count = last.count
                        unsafe sftp.only_commands = isOnlyCommands ? 1 : 0
                        unsafe sftp.connect_timeout_ms = Self.connectLimit
                        unsafe sftp.stall_seconds = Self.stallSeconds
                        unsafe sftp.stop = stop.pointer
                        unsafe sluice_sftp_do(&sftp, &result)
                    }
                }
            }
        }
        withExtendedLifetime(sink) {}
        return result
    }

    private func outcome(_ result: sluice_sftp_result) throws(ConnectorError) -> Bool {
        // A copy of the caller's; read up to its zero.
        let reason = unsafe withUnsafeBytes(of: result.reason) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let host = place.host
        switch result.kind {
        case SLUICE_SFTP_OK: return true
        case SLUICE_SFTP_NOT_FOUND: return false
        case SLUICE_SFTP_LOGIN:
            throw ConnectorError(
                .refused,
                "\(host) refuses the log-in of \(place.username); is the \(place.key == nil ? "password" : "key") right?"
            )
        case SLUICE_SFTP_HOST_KEY:
            throw ConnectorError(
                .refused,
                "\(host) has another key than \"known_hosts\" says, so it may be somebody else; nothing was sent. If the server's key was "
                    + "changed, ssh-keyscan prints the new one")
        case SLUICE_SFTP_CONNECT:
            throw ConnectorError(.unreachable, "nobody listens at \(host):\(place.port)", isTransient: true)
        case SLUICE_SFTP_TIMEOUT:
            throw ConnectorError(.unreachable, "\(host) did not answer in time", isTransient: true)
        case SLUICE_SFTP_DENIED:
            throw ConnectorError(.refused, "\(host) does not let it be written or renamed: \(reason)")
        case SLUICE_SFTP_FULL: throw ConnectorError(.unreachable, "\(host) has no room left", isTransient: true)
        case SLUICE_SFTP_STOPPED: throw ConnectorError(.unreachable, "it was cut off", isTransient: true)
        case SLUICE_SFTP_LOCAL:
            throw ConnectorError(.unreachable, "what is to be sent cannot be read", isTransient: true)
        default: throw ConnectorError(.unreachable, "the transfer with \(host) broke off: \(reason)", isTransient: true)
        }
    }
}
