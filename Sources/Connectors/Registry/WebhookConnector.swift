/// Signed messages as Standard Webhooks describes them.
public struct WebhookConnector: Connector {
    public static let kind = "webhook"
    public static let fields = [
        Field("url", .url, isRequired: true, help: "where messages are posted to, with https"),
        Field("secret", .text, isSecret: true, isRequired: true, help: "whsec_…, which signs them"),
        Field("headers", .map, isSecret: true, help: "further headers, such as authorization"),
        Field("timeout", .number(1...30), help: "seconds for one attempt; 15 if not said"),
    ]
    public static let capabilities = Capabilities(isIdempotent: true, signs: true)

    private let target: WebhookTarget
    private let tools: ConnectorTools

    public init(_ settings: Settings, _ tools: ConnectorTools) throws(ConnectorError) {
        let url = try OutboundURL(settings.text("url") ?? "")
        try tools.policy.check(url)
        try CustomHeaders.check(settings.map("headers"))
        target = WebhookTarget(
            url: url, secrets: [try WebhookSecret(settings.text("secret") ?? "")], headers: settings.map("headers"),
            timeout: .seconds(settings.number("timeout") ?? 15))
        self.tools = tools
    }

    public func check() async throws(ConnectorError) { try tools.policy.check(target.url) }

    public func deliver(_ message: OutboundMessage) async -> OutboundResult {
        await tools.http.send(target.request(message, seconds: tools.seconds()))
    }
}

/// Where signed messages go, and what goes along.
public struct WebhookTarget: Sendable {
    public let url: OutboundURL
    /// The newest first.
    public let secrets: [WebhookSecret]
    public let headers: [(name: String, value: String)]
    public let timeout: Duration
    /// A certificate and its key, in PEM, for servers that ask for one.
    public var certificate: String?

    /// What the program calls itself.
    public static let agent = "Sluice/0.1.0 (webhooks)"

    public init(
        url: OutboundURL, secrets: [WebhookSecret], headers: [(name: String, value: String)], timeout: Duration
    ) {
        self.url = url
        self.secrets = secrets
        self.headers = headers
        self.timeout = timeout
    }

    /// The request of one attempt, signed as of now.
    ///
    /// - Parameter attempt: which one it is, from 1.
    public func request(_ message: OutboundMessage, seconds: Int64, attempt: Int64 = 1) -> OutboundRequest {
        var all: [(name: String, value: String)] = [
            ("content-type", "application/json"), ("user-agent", Self.agent), ("accept", "*/*"),
        ]
        // Whoever sets one of these means it.
        all.removeAll { known in headers.contains { $0.name.lowercased() == known.name } }
        all += WebhookSigning.headers(id: message.id, timestamp: seconds, body: message.body, secrets: secrets)
        all.append(("webhook-attempt", String(attempt)))
        // Who writes events back because of it says so, and a loop ends.
        if message.depth > 0 { all.append(("webhook-trigger-depth", String(message.depth))) }
        var request = OutboundRequest(url: url, headers: all + headers, body: message.body, timeout: timeout)
        request.certificate = certificate
        return request
    }
}

/// Headers that somebody sets for an endpoint.
public enum CustomHeaders {
    private static let refused: Set<String> = [
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer",
        "proxy-authorization", "proxy-connection", "expect", "cookie",
    ]

    public static func check(_ headers: [(name: String, value: String)]) throws(ConnectorError) {
        guard headers.count <= 32 else {
            throw ConnectorError(.badSetting, "an endpoint has at most 32 headers of its own")
        }
        var names: Set<String> = []
        for (name, value) in headers {
            let lower = name.lowercased()
            guard !name.isEmpty, name.utf8.count <= 128, name.utf8.allSatisfy(isToken) else {
                throw ConnectorError(.badSetting, "\"\(name.prefix(64))\" is no header's name")
            }
            guard !refused.contains(lower), !lower.hasPrefix("webhook-"), !lower.hasPrefix("svix-") else {
                throw ConnectorError(.badSetting, "the header \(lower) is the sender's own and cannot be set")
            }
            guard names.insert(lower).inserted else {
                throw ConnectorError(.badSetting, "the header \(lower) is given twice")
            }
            guard value.utf8.count <= 4_096, value.utf8.allSatisfy({ $0 == 9 || (0x20...0x7e).contains($0) }) else {
                throw ConnectorError(
                    .badSetting, "the header \(lower) has a value of at most 4096 printable characters")
            }
        }
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || byte &- 65 < 26 || byte &- 97 < 26 || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
