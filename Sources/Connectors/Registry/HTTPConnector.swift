internal import Model

/// Any request over HTTP, its address, headers and body made of the message.
public struct HTTPConnector: Connector {
    public static let kind = "http"
    public static let fields = [
        Field("url", .url, isRequired: true, help: "where requests go, with https"),
        Field(
            "method", .choice(["POST", "PUT", "PATCH", "DELETE", "GET"]), help: "the method; POST if not said"),
        Field("headers", .map, isSecret: true, help: "headers, in whose values {{…}} stands for parts of the message"),
        Field(
            "body", .text,
            help:
                "the body, in which {{data.event}} stands for that part of the message as JSON, and between quotes for its text; all of it if not said"
        ),
        Field("timeout", .number(1...30), help: "seconds for one attempt; 15 if not said"),
    ]
    // Who receives it may count it twice: only its id, in a header, says that it is the same.
    public static let capabilities = Capabilities(isIdempotent: false, signs: false)

    private let url: OutboundURL
    private let method: String
    private let headers: [(name: String, value: Template)]
    private let body: Template?
    private let timeout: Duration
    private let tools: ConnectorTools

    public init(_ settings: Settings, _ tools: ConnectorTools) throws(ConnectorError) {
        url = try OutboundURL(settings.text("url") ?? "")
        try tools.policy.check(url)
        method = settings.text("method") ?? "POST"
        try CustomHeaders.check(settings.map("headers"))
        var headers: [(name: String, value: Template)] = []
        for (name, value) in settings.map("headers") { headers.append((name, try Template(value))) }
        self.headers = headers
        body = if let text = settings.text("body") { try Template(text) } else { nil }
        timeout = .seconds(settings.number("timeout") ?? 15)
        self.tools = tools
    }

    public func check() async throws(ConnectorError) { try tools.policy.check(url) }

    public func deliver(_ message: OutboundMessage) async -> OutboundResult {
        let document = (try? JSONValue(message.body.span)) ?? .null
        var all: [(name: String, value: String)] = [
            ("user-agent", WebhookTarget.agent), ("accept", "*/*"), ("webhook-id", message.id),
        ]
        if !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
            all.append(("content-type", "application/json"))
        }
        for (name, value) in headers {
            guard let line = value.line(document) else { return .tooLong("headers") }
            all.append((name, line))
        }
        var bytes = message.body
        if let body {
            guard let text = body.text(document) else { return .tooLong("body") }
            bytes = Array(text.utf8)
        }
        if method == "GET" { bytes = [] }
        return await tools.http.send(
            OutboundRequest(url: url, method: method, headers: all, body: bytes, timeout: timeout))
    }
}
