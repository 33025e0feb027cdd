internal import Model

/// A line in a Slack channel, by an incoming webhook of it.
public struct SlackConnector: Connector {
    public static let kind = "slack"
    public static let fields = [
        Field(
            "url", .url, isSecret: true, isRequired: true,
            help: "the channel's incoming webhook, https://hooks.slack.com/services/…"),
        Field("text", .text, help: "what is said, in which {{data.event}} stands for that part of the message"),
        Field("timeout", .number(1...30), help: "seconds for one attempt; 15 if not said"),
    ]
    // Slack knows no ids: who asks twice says it twice.
    public static let capabilities = Capabilities(isIdempotent: false, signs: false, mostBytes: 40_000)

    private let url: OutboundURL
    private let text: Template?
    private let timeout: Duration
    private let tools: ConnectorTools

    public init(_ settings: Settings, _ tools: ConnectorTools) throws(ConnectorError) {
        url = try OutboundURL(settings.text("url") ?? "")
        try tools.policy.check(url)
        text = if let given = settings.text("text") { try Template(given) } else { nil }
        timeout = .seconds(settings.number("timeout") ?? 15)
        self.tools = tools
    }

    public func check() async throws(ConnectorError) { try tools.policy.check(url) }

    public func deliver(_ message: OutboundMessage) async -> OutboundResult {
        let document = (try? JSONValue(message.body.span)) ?? .null
        var said = MessageSummary.line(document)
        if let text {
            guard let filled = text.plain(document) else { return .tooLong("text") }
            said = filled
        }
        let body: JSONValue = ["text": .string(Self.escaped(said))]
        return await tools.http.send(
            OutboundRequest(
                url: url, headers: [("content-type", "application/json"), ("user-agent", WebhookTarget.agent)],
                body: Array(body.text.utf8), timeout: timeout))
    }

    /// What was collected must not call people or make links: Slack's own marks lose their meaning.
    private static func escaped(_ text: String) -> String {
        var out = ""
        for character in text.prefix(3_000) {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            default: out.append(character)
            }
        }
        return out
    }
}
