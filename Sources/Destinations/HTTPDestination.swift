public import Connectors
internal import Crypto
public import Model

/// Rows as NDJSON, some at a time, to whoever takes them over HTTP.
///
/// Each request has an `Idempotency-Key` that is the same whenever the same rows are sent again; whoever takes them leaves out what
/// came before under that key, since a request whose answer was lost is sent again.
public struct HTTPDestination: Destination {
    public static let kind = "http"
    public static let fields = [
        Field(
            "url", .url, isSecret: true, isRequired: true,
            help: "where rows go, with https; as secret://env/NAME if it has a key in it"),
        Field("method", .choice(["POST", "PUT", "PATCH"]), help: "the method; POST if not said"),
        Field("headers", .map, isSecret: true, help: "headers, whose values may be references to secrets"),
        Field("batch_rows", .number(1...10_000), help: "rows of one request at most; 500 if not said"),
        Field("allow_plaintext", .choice(Field.truths), help: "whether rows may cross a network without TLS"),
    ]
    public static let abilities = Abilities(
        modes: [.append], formats: ["ndjson"], takesCompression: false, hasSchema: false,
        cutsBySeq: true)

    /// A request is sent when it has so many bytes, whatever its rows.
    private static let mostBytes = 1 << 20

    private let url: OutboundURL
    private let method: String
    private let headers: [(name: String, value: String)]
    private let rows: Int
    private let http: any OutboundSending
    private let policy: OutboundPolicy

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        url = try OutboundURL(settings.text("url") ?? "")
        try tools.policy.check(url)
        guard url.isSecure || settings.text("allow_plaintext") == "true" || Self.isLoopback(url) else {
            throw ConnectorError(
                .badSetting, "\(url.host) is sent to as plain text; use https, or say allow_plaintext: true")
        }
        method = settings.text("method") ?? "POST"
        headers = settings.map("headers")
        rows = Int(settings.number("batch_rows") ?? 500)
        http = tools.http
        policy = tools.policy
    }

    private static func isLoopback(_ url: OutboundURL) -> Bool {
        url.host == "localhost" || (url.address.map { $0.plain.bytes[0] == 127 || $0.description == "::1" } ?? false)
    }

    public static func plainSecret(_ settings: JSONValue) -> String? { SettingsCheck.plainInRequest(settings) }

    /// Host and port, and a mark in the place of the rest, which may be a key.
    public var location: String { "http:\(url.origin)/\(Self.mark(url.target))" }

    private static func mark(_ text: String) -> String {
        SHA256.hash(data: Array(text.utf8)).prefix(6).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    public func foresee() throws(ConnectorError) { try policy.check(knownHost: url.host) }

    public func check() async throws(ConnectorError) { try policy.check(url) }

    public func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition { .unknown }

    /// Rows go in pieces that do not depend on where this run's window ends: what an attempt before sent, and was given up, is sent under
    /// the same keys again.
    public func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt {
        var lines = LineBatches(batch, rows: rows, bytes: Self.mostBytes)
        var sent: Int64 = 0
        while let (piece, rest) = try await next(lines) {
            lines = rest
            try await send(
                piece.body, key: "\(batch.stream.installation).\(batch.stream.pipeline).\(batch.shape)\(piece.name)")
            sent += Int64(piece.rows)
            guard !Task.isCancelled else {
                throw ConnectorError(.unreachable, "the load was cut off", isTransient: true)
            }
        }
        return LoadReceipt(rows: sent)
    }

    private func next(
        _ lines: LineBatches
    ) async throws(ConnectorError) -> (LineBatches.Piece, LineBatches)? {
        try await blocking {
            var lines = lines
            return try lines.next().map { ($0, lines) }
        }
    }

    private func send(_ body: [UInt8], key: String) async throws(ConnectorError) {
        var all = headers
        all += [
            ("content-type", "application/x-ndjson"), ("idempotency-key", key), ("user-agent", "sluice"),
            ("accept", "*/*"),
        ]
        let result = await http.send(
            OutboundRequest(url: url, method: method, headers: all, body: body, timeout: .seconds(60)))
        if let failure = result.failure {
            throw ConnectorError(
                failure.code == .blockedAddress ? .blockedAddress : .unreachable, failure.message, isTransient: true)
        }
        let status = result.answer?.status ?? 0
        guard !(200..<300).contains(status) else { return }
        // Too many and too slow pass, and so does what is broken over there; other refusals stay.
        let isTransient = status >= 500 || status == 408 || status == 425 || status == 429
        throw ConnectorError(
            isTransient ? .unreachable : .refused, "\(url.host) answered \(status) to rows", isTransient: isTransient)
    }

    public func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        LoadVerification(what: "rows that were taken", expected: batch.rows, found: receipt.rows)
    }
}
