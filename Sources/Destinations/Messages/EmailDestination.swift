public import Connectors
internal import Glibc
internal import Model

/// A mail for each load, with the file attached, or with a link to it that expires where it is larger.
///
/// Whom it goes to is fixed in the settings. Mail cannot be asked for again: what was sent is noted, so that the same load sends one.
public struct EmailDestination: Destination {
    public static let kind = "email"
    public static let fields = [
        Field("server", .text, isRequired: true, help: "the mail server, with a port if need be: smtp.example.com:587"),
        Field(
            "security", .choice(["starttls", "tls", "none"]),
            help: "how it is encrypted: starttls (if not said), tls from the first byte, or none"),
        Field("username", .text, isSecret: true, help: "who logs in; nobody if not said"),
        Field("password", .text, isSecret: true, help: "what they log in with"),
        Field("from", .text, isRequired: true, help: "who it is from: Sluice <sluice@example.com>"),
        Field("to", .text, isRequired: true, help: "whom it goes to, with commas between several; at most 50"),
        Field("subject", .text, help: "the subject, in which {{pipeline}}, {{rows}}, {{file}} stand for what they are"),
        Field("text", .text, help: "what it says, with the same marks; what came of the run if not said"),
        Field(
            "attach_up_to", .number(0...25),
            help: "MiB of a file that is attached; 8 if not said. A larger one is a link"),
        Field("link_days", .number(1...30), help: "days after which a link expires; 7 if not said"),
        Field(
            "send_empty", .choice(Field.truths),
            help: "whether a mail goes out where there are no rows; false if not said"),
        PlainText.field,
    ]
    public static let abilities = Abilities(
        modes: [.append, .replace], formats: ["csv", "ndjson", "parquet"], takesCompression: true, hasSchema: false)

    private let server: MailServer
    private let from: MailAddress
    private let to: [MailAddress]
    private let subject: Template?
    private let text: Template?
    private let mostAttached: Int64
    private let linkDays: Int64
    private let sendsEmpty: Bool
    private let tools: DestinationTools

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        // The connector's own reading of server and addresses says what is wrong with them.
        server = try MailServer(
            settings.text("server") ?? "",
            security: MailServer.Security(rawValue: settings.text("security") ?? "") ?? .startTLS,
            username: settings.text("username"), password: settings.text("password"))
        guard let from = MailAddress(settings.text("from") ?? "") else {
            throw ConnectorError(.badSetting, "\"from\" is a mail address: Sluice <sluice@example.com>")
        }
        guard let to = MailAddress.list(settings.text("to") ?? ""), to.count <= 50 else {
            throw ConnectorError(.badSetting, "\"to\" is a mail address, or several with commas between; at most 50")
        }
        for secret in [server.username, server.password] {
            guard secret?.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) ?? true else {
                throw ConnectorError(.badSetting, "\"username\" and \"password\" are each one line of text")
            }
        }
        guard server.password == nil || server.username != nil else {
            throw ConnectorError(.badSetting, "\"password\" needs \"username\"")
        }
        (self.from, self.to) = (from, to)
        subject = if let given = settings.text("subject") { try Template(given) } else { nil }
        text = if let given = settings.text("text") { try Template(given) } else { nil }
        mostAttached = (settings.number("attach_up_to") ?? 8) << 20
        linkDays = settings.number("link_days") ?? 7
        sendsEmpty = settings.text("send_empty") == "true"
        self.tools = tools
        try tools.policy.check(server.address.map { [$0] } ?? [], ofHost: server.host)
        if server.security == .none {
            try PlainText.check(try OutboundURL("http://\(settings.text("server") ?? "")/"), settings, tools)
        }
    }

    public var location: String { "email:\(to.map(\.address).joined(separator: ","))" }

    private func mail() throws(ConnectorError) -> any MailSending {
        guard let mail = tools.mail else { throw ConnectorError(.badSetting, "no mail is sent from here") }
        return mail
    }

    /// Connects and logs in.
    public func check() async throws(ConnectorError) {
        let result = try await mail().send(nil, by: server, sender: from, timeout: .seconds(30))
        if let failure = result.failure { throw Self.error(failure) }
    }

    public func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition { .unknown }

    public func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt {
        let (ledger, name) = (tools.ledger, SentLedger.name(batch, to: location))
        guard try await blocking({ !ledger.has(name) }) else { return LoadReceipt(rows: batch.rows, wasThere: true) }
        guard batch.rows > 0 || sendsEmpty else {
            return LoadReceipt(rows: 0, changes: ["no mail was sent, since there were no rows"])
        }
        let message = try await message(batch, id: "load_" + name)
        let result = try await mail().send(message, by: server, sender: from, timeout: .seconds(120))
        if let failure = result.failure { throw Self.error(failure) }
        try await blocking { try ledger.note(name, batch) }
        return LoadReceipt(rows: batch.rows)
    }

    private func message(_ batch: LoadBatch, id: String) async throws(ConnectorError) -> MailMessage {
        let document = LoadSummary.document(batch)
        let file = WindowName(batch).file
        var body = text?.plain(document) ?? LoadSummary.line(batch) + ".\n"
        var attachments: [MailAttachment] = []
        if batch.bytes <= mostAttached {
            let (path, count) = (batch.file, Int(batch.bytes))
            let bytes = try await blocking { try FilePieces.part(path, 0, count) }
            attachments = [MailAttachment(name: file, type: FileType.of(file), bytes: bytes)]
        } else {
            guard let shelf = tools.shelf else {
                throw ConnectorError(
                    .badSetting, "the file is too large to be attached, and no links are given out here")
            }
            // Mail has the time of day, whatever a test's clock says, and so have those who open a link.
            let now = tools.seconds()
            let expires = now + linkDays * 86_400
            let (path, linkID) = (batch.file, String(id.dropFirst("load_".count).prefix(32)))
            let link = try await blocking { try shelf.keep(path, as: file, id: linkID, until: expires, now: now) }
            body +=
                "\n\(file), \(batch.bytes) bytes, until \(Timestamp(microseconds: expires * 1_000_000).text):\n\(link)\n"
        }
        return MailMessage(
            id: id, from: from, to: to, subject: subject?.subject(document) ?? "[Sluice] \(LoadSummary.line(batch))",
            text: body, attachments: attachments, seconds: tools.seconds())
    }

    public func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        let (ledger, name) = (tools.ledger, SentLedger.name(batch, to: location))
        let isWanted = batch.rows > 0 || sendsEmpty
        let has = try await blocking { ledger.has(name) }
        return LoadVerification(
            what: "mails that the server took", expected: isWanted ? 1 : 0, found: isWanted && has ? 1 : 0)
    }

    private static func error(_ failure: OutboundFailure) -> ConnectorError {
        let isRefused = failure.code == .refused || failure.code == .login
        return ConnectorError(
            failure.code == .blockedAddress ? .blockedAddress : isRefused ? .refused : .unreachable, failure.message,
            isTransient: !isRefused)
    }
}
