internal import Model

/// A mail by SMTP, as text and perhaps as HTML.
///
/// Whom it goes to is fixed: were it made of what is collected, anybody could have mail sent to anybody.
public struct EmailConnector: Connector {
    public static let kind = "email"
    public static let fields = [
        Field("server", .text, isRequired: true, help: "the mail server, with a port if need be: smtp.example.com:587"),
        Field(
            "security", .choice(["starttls", "tls", "none"]),
            help:
                "how it is encrypted: starttls (if not said), tls from the first byte, or none where the operator allows it"
        ),
        Field("username", .text, isSecret: true, help: "who logs in; nobody if not said"),
        Field("password", .text, isSecret: true, help: "what they log in with"),
        Field("from", .text, isRequired: true, help: "who it is from: Sluice <sluice@example.com>"),
        Field("to", .text, isRequired: true, help: "whom it goes to, with commas between several; at most 50"),
        Field("subject", .text, help: "the subject, in which {{data.event}} stands for that part of the message"),
        Field("text", .text, help: "what it says, with the same marks; the message itself if not said"),
        Field("html", .text, help: "the same as HTML, for readers that show it"),
        Field("timeout", .number(1...30), help: "seconds for one attempt; 15 if not said"),
    ]
    // Mail has an id of the message's, but who reads it does not look at it.
    public static let capabilities = Capabilities(isIdempotent: false, signs: false)

    private let server: MailServer
    private let from: MailAddress
    private let to: [MailAddress]
    private let subject: Template?
    private let text: Template?
    private let html: Template?
    private let timeout: Duration
    private let tools: ConnectorTools

    public init(_ settings: Settings, _ tools: ConnectorTools) throws(ConnectorError) {
        let security = MailServer.Security(rawValue: settings.text("security") ?? "") ?? .startTLS
        server = try MailServer(
            settings.text("server") ?? "", security: security, username: settings.text("username"),
            password: settings.text("password"))
        guard server.password == nil || server.username != nil else {
            throw ConnectorError(.badSetting, "\"password\" needs \"username\"")
        }
        for secret in [server.username, server.password] {
            guard secret?.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) ?? true else {
                throw ConnectorError(.badSetting, "\"username\" and \"password\" are each one line of text")
            }
        }
        guard let from = MailAddress(settings.text("from") ?? "") else {
            throw ConnectorError(.badSetting, "\"from\" is a mail address: Sluice <sluice@example.com>")
        }
        guard let to = MailAddress.list(settings.text("to") ?? ""), to.count <= 50 else {
            throw ConnectorError(.badSetting, "\"to\" is a mail address, or several with commas between; at most 50")
        }
        (self.from, self.to) = (from, to)
        subject = try Self.template(settings, "subject")
        text = try Self.template(settings, "text")
        html = try Self.template(settings, "html")
        timeout = .seconds(settings.number("timeout") ?? 15)
        self.tools = tools
        try checkPlace()
    }

    private static func template(_ settings: Settings, _ name: String) throws(ConnectorError) -> Template? {
        guard let given = settings.text(name) else { return nil }
        return try Template(given)
    }

    /// What can be known before the name is looked up.
    private func checkPlace() throws(ConnectorError) {
        let known = server.address.map { [$0] } ?? []
        try tools.policy.check(known, ofHost: server.host)
        try tools.policy.checkMail(known, server)
        guard server.security != .none || !tools.policy.allowed.isEmpty else {
            throw ConnectorError(
                .badSetting,
                "\"security\": mail goes in clear to addresses that the operator allows with --allow-private, and nowhere else"
            )
        }
    }

    /// Connects and logs in.
    public func check() async throws(ConnectorError) {
        let result = await tools.mail.send(nil, by: server, sender: from, timeout: timeout)
        if let failure = result.failure {
            throw ConnectorError(
                failure.code == .refused || failure.code == .login ? .refused : .unreachable, failure.message,
                isTransient: failure.code != .refused)
        }
    }

    public func deliver(_ message: OutboundMessage) async -> OutboundResult {
        let document = (try? JSONValue(message.body.span)) ?? .null
        let summary = MailText.line(MessageSummary.line(document))
        var mail = MailMessage(
            id: message.id, from: from, to: to, subject: "[Sluice] \(summary)",
            text: "\(summary)\n\n\(document.text)\n", seconds: tools.seconds())
        if let subject {
            guard let filled = subject.subject(document) else { return .tooLong("subject") }
            mail.subject = filled
        }
        if let text {
            guard let filled = text.plain(document) else { return .tooLong("text") }
            mail.text = filled
        }
        if let html {
            guard let filled = html.html(document) else { return .tooLong("html") }
            mail.html = filled
        }
        return await tools.mail.send(mail, by: server, sender: from, timeout: timeout)
    }
}
