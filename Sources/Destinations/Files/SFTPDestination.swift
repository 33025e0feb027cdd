public import Connectors
internal import Crypto
public import Model
internal import Synchronization

/// Files on a server by SFTP. Each is sent under a temporary name and renamed, its manifest last; the server is known by its key.
public struct SFTPDestination: Destination {
    public static let kind = "sftp"
    public static let fields = [
        Field("host", .text, isRequired: true, help: "the server, with a port if need be: files.example.com:22"),
        Field(
            "path", .text, isRequired: true,
            help:
                "the folder: from the root if it begins with a slash, else from where one is after the log-in; it is made"
        ),
        Field("username", .text, isRequired: true, help: "who logs in"),
        Field("password", .text, isSecret: true, help: "what they log in with; or a key"),
        Field("key", .text, isSecret: true, help: "a private key (ed25519 or ecdsa), as text; or a password"),
        Field("passphrase", .text, isSecret: true, help: "what opens the key"),
        Field(
            "known_hosts", .text, isRequired: true,
            help: "the server's key as ssh-keyscan HOST prints it; no other server is spoken to"),
    ]
    public static let abilities = Abilities(
        modes: [.append, .replace], formats: ["csv", "ndjson", "parquet"], takesCompression: true, hasSchema: false)

    private let store: SFTPStore
    private let loading: FileLoading

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        let place = try SFTPPlace(
            settings.text("host") ?? "", username: settings.text("username") ?? "",
            password: settings.text("password"), key: settings.text("key"), passphrase: settings.text("passphrase"),
            knownHosts: settings.text("known_hosts") ?? "")
        store = SFTPStore(
            client: try SFTPClient(
                place, folder: settings.text("path") ?? "", policy: tools.policy, resolver: tools.resolver))
        loading = FileLoading(store: store, location: "sftp:\(place.host):\(place.port)/\(store.client.folder)")
    }

    public var location: String { loading.location }

    public func check() async throws(ConnectorError) { try await store.client.check() }

    public func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition {
        try await loading.position(stream)
    }

    public func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt { try await loading.load(batch) }

    public func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        try await loading.verify(batch, receipt)
    }

    public static let forgetting = Forgetting.files

    public func windows(_ stream: LoadStream) async throws(ConnectorError) -> [JSONValue] {
        try await loading.windows(stream)
    }

    public func fetch(_ batch: LoadBatch, to path: String) async throws(ConnectorError) -> FetchedWindow {
        try await loading.fetch(batch, to: path)
    }

    public func remark(_ batch: LoadBatch) async throws(ConnectorError) { try await loading.remark(batch) }

    public func mark(_ stream: LoadStream, isStale: Bool) async throws(ConnectorError) {
        try await loading.mark(stream, isStale: isStale)
    }
}

/// Files in a folder of a server.
struct SFTPStore: FileStore {
    let client: SFTPClient

    func names(beginning prefix: String) async throws(ConnectorError) -> [String] {
        try await client.list().filter { $0.hasPrefix(prefix) }
    }

    func contents(_ name: String) async throws(ConnectorError) -> [UInt8]? {
        try await client.get(name, most: FileLoading.mostManifest)
    }

    func put(_ batch: LoadBatch, as name: String) async throws(ConnectorError) {
        try await client.put(file: batch.file, as: name)
    }

    func put(manifest: [UInt8], as name: String, isNew: Bool) async throws(ConnectorError) {
        try await client.put(manifest, as: name)
    }

    func remove(_ name: String) async throws(ConnectorError) { try await client.remove(name) }

    func fetch(_ name: String, to path: String) async throws(ConnectorError) -> Bool {
        try await blocking { try FilePieces.begin(path) }
        let failure = Mutex<ConnectorError?>(nil)
        let isThere = try await client.read(name) { piece in
            failure.withLock { failure in
                guard failure == nil else { return }
                do throws(ConnectorError) { try FilePieces.append(piece, to: path) } catch { failure = error }
            }
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
        return isThere
    }

    func found(_ batch: LoadBatch, as name: String) async throws(ConnectorError) -> FoundFile? {
        let digest = Digest()
        guard try await client.read(name, { digest.add($0) }) else { return nil }
        let (bytes, sum) = digest.result()
        return FoundFile(bytes: bytes, isSame: sum == batch.sha256)
    }

    /// What is read back, summed up as it comes.
    private final class Digest: Sendable {
        private let state = Mutex((hash: SHA256(), bytes: Int64(0)))

        func add(_ piece: [UInt8]) {
            state.withLock { state in
                state.hash.update(data: piece)
                state.bytes += Int64(piece.count)
            }
        }

        func result() -> (bytes: Int64, sha256: String) {
            state.withLock { ($0.bytes, Hex.text($0.hash.finalize())) }
        }
    }
}
