public import Connectors
internal import Crypto
public import Model

/// Files in a bucket of S3, or of whoever speaks the same: MinIO, R2, Ceph.
///
/// A large file goes in parts, which are put together when all are there; those of an upload that was cut off are thrown away. Its
/// manifest is put under the condition that none is there.
public struct S3Destination: Destination {
    public static let kind = "s3"
    public static let fields =
        S3Settings.fields + [
            Field(
                "part_size", .number(5...1_024),
                help: "MiB of one part of a large file, which is in memory; 8 if not said"),
            PlainText.field,
        ]
    public static let abilities = Abilities(
        modes: [.append, .replace], formats: ["csv", "ndjson", "parquet"], takesCompression: true, hasSchema: false)

    private let store: S3Store
    private let loading: FileLoading

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        try self.init(settings, tools, pauses: nil)
    }

    /// - Parameter pauses: before further attempts; those of the client if nil.
    init(_ settings: Settings, _ tools: DestinationTools, pauses: [Duration]?) throws(ConnectorError) {
        let place = try S3Settings.place(settings)
        try tools.policy.check(place.endpoint)
        try PlainText.check(place.endpoint, settings, tools)
        let client =
            if let pauses {
                S3Client(place, http: tools.http, pauses: pauses)
            } else {
                S3Client(place, http: tools.http)
            }
        store = S3Store(
            client: client, prefix: S3Settings.prefix(settings),
            partSize: (settings.number("part_size") ?? 8) << 20)
        loading = FileLoading(store: store, location: "s3:\(place.endpoint.authority)/\(place.bucket)/\(store.prefix)")
    }

    public var location: String { loading.location }

    public func check() async throws(ConnectorError) { try await store.client.check(prefix: store.prefix) }

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

/// Files below a prefix of a bucket.
struct S3Store: FileStore {
    let client: S3Client
    let prefix: String
    let partSize: Int64

    func names(beginning start: String) async throws(ConnectorError) -> [String] {
        try await client.list(prefix: prefix + start).map { String($0.key.dropFirst(prefix.count)) }
    }

    func contents(_ name: String) async throws(ConnectorError) -> [UInt8]? {
        try await client.get(prefix + name, most: FileLoading.mostManifest)
    }

    func put(_ batch: LoadBatch, as name: String) async throws(ConnectorError) {
        let file = batch.file
        try await client.upload(prefix + name, type: FileType.of(name), parts: parts(batch)) {
            (offset, count) async throws(ConnectorError) in
            try await blocking { try FilePieces.part(file, offset, count) }
        }
    }

    func put(manifest: [UInt8], as name: String, isNew: Bool) async throws(ConnectorError) {
        try await client.put(manifest, as: prefix + name, type: FileType.of(name), isNew: isNew)
    }

    func remove(_ name: String) async throws(ConnectorError) { try await client.remove(prefix + name) }

    func fetch(_ name: String, to path: String) async throws(ConnectorError) -> Bool {
        guard let object = try await client.head(prefix + name) else { return false }
        try await blocking { try FilePieces.begin(path) }
        try await client.read(object) { (piece) async throws(ConnectorError) in
            try await blocking { try FilePieces.append(piece, to: path) }
        }
        return true
    }

    func found(_ batch: LoadBatch, as name: String) async throws(ConnectorError) -> FoundFile? {
        guard let object = try await client.head(prefix + name) else { return nil }
        guard object.bytes == batch.bytes else { return FoundFile(bytes: object.bytes, isSame: false) }
        let parts = parts(batch)
        let file = batch.file
        let tag = try await blocking { () throws in
            var tag = S3Tag()
            for number in 0..<parts.count {
                let (offset, count) = parts.range(number)
                tag.add(try FilePieces.part(file, offset, count))
            }
            return tag.text(parts)
        }
        if tag == object.tag { return FoundFile(bytes: object.bytes, isSame: true) }
        // A bucket that encrypts by a key of its own has other tags: all of it is read.
        var hash = SHA256()
        try await client.read(object) { (piece) async throws(ConnectorError) in hash.update(data: piece) }
        return FoundFile(bytes: object.bytes, isSame: Hex.text(hash.finalize()) == batch.sha256)
    }

    private func parts(_ batch: LoadBatch) -> S3Parts { S3Parts(bytes: batch.bytes, size: partSize) }
}

/// The settings of a bucket, for what writes to it and what reads from it.
enum S3Settings {
    static let fields = [
        Field(
            "endpoint", .url,
            help: "the service, such as https://minio.example.com; AWS of the region if not said"),
        Field("bucket", .text, isRequired: true, help: "the bucket"),
        Field("prefix", .text, help: "what keys begin with; a slash is added at its end"),
        Field("region", .text, help: "the region; us-east-1 if not said, auto for R2"),
        Field("access_key", .text, isSecret: true, isRequired: true, help: "the access key's id"),
        Field("secret_key", .text, isSecret: true, isRequired: true, help: "the secret access key"),
        Field("session_token", .text, isSecret: true, help: "the token of a temporary key"),
        Field(
            "style", .choice(["path", "host"]),
            help: "whether the bucket is in the path or in the host's name; path if there is an endpoint"),
    ]

    static func place(_ settings: Settings) throws(ConnectorError) -> S3Place {
        let region = settings.text("region") ?? "us-east-1"
        let bucket = settings.text("bucket") ?? ""
        guard isName(region, "-"), isName(bucket, ".-_") else {
            throw ConnectorError(.badSetting, "\"bucket\" and \"region\" are names of a-z, 0-9, . and -")
        }
        let endpoint = try OutboundURL(settings.text("endpoint") ?? "https://s3.\(region).amazonaws.com")
        guard !endpoint.target.contains("?") else {
            throw ConnectorError(.badSetting, "\"endpoint\" has a question mark, and names a service")
        }
        let isInPath = settings.text("style").map { $0 == "path" } ?? (settings.text("endpoint") != nil)
        guard isInPath || endpoint.address == nil else {
            throw ConnectorError(.badSetting, "\"style\": host needs an endpoint with a name, not an address")
        }
        return S3Place(
            endpoint: endpoint, bucket: bucket, region: region, accessKey: settings.text("access_key") ?? "",
            secretKey: settings.text("secret_key") ?? "", sessionToken: settings.text("session_token"),
            isInPath: isInPath)
    }

    static func prefix(_ settings: Settings) -> String {
        let text = (settings.text("prefix") ?? "").drop { $0 == "/" }
        return text.isEmpty || text.hasSuffix("/") ? String(text) : text + "/"
    }

    private static func isName(_ text: String, _ marks: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                $0 &- 48 < 10 || $0 &- 65 < 26 || $0 &- 97 < 26 || marks.utf8.contains($0)
            }
    }
}
