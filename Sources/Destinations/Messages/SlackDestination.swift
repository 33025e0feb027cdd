public import Connectors
internal import Crypto
public import Model

/// A message in a Slack channel for each load: what came of it, or its first rows as a table.
///
/// Slack tells no message from another: what was sent is noted, so that the same load sends one.
public struct SlackDestination: Destination {
    public static let kind = "slack"
    public static let fields = [
        Field(
            "url", .url, isSecret: true,
            help: "the channel's incoming webhook, https://hooks.slack.com/services/…; or a token"),
        Field(
            "token", .text, isSecret: true, help: "a bot's token, xoxb-…, that may post to the channel; or a webhook"),
        Field("channel", .text, help: "the channel, with a token: C0123456789 or #name"),
        Field(
            "show", .choice(["summary", "table"]), help: "what is said: a summary (if not said), or rows as a table"),
        Field("rows", .number(1...50), help: "rows of a table at most; 20 if not said"),
        Field(
            "text", .text,
            help: "what is said first, in which {{pipeline}}, {{rows}}, {{seq_to}} stand for what they are"),
        Field(
            "send_empty", .choice(Field.truths), help: "whether it is said where there are no rows; false if not said"),
        Field("api", .url, help: "the service; https://slack.com/api if not said"),
        PlainText.field,
    ]
    public static let abilities = Abilities(
        modes: [.append, .replace], formats: ["ndjson"], takesCompression: false, hasSchema: false)

    /// What a block of a message may have.
    private static let mostTable = 2_800

    private let url: OutboundURL
    private let token: String?
    private let channel: String
    private let shows: Int?
    private let text: Template?
    private let sendsEmpty: Bool
    private let tools: DestinationTools

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        token = settings.text("token")
        channel = settings.text("channel") ?? ""
        guard (settings.text("url") == nil) != (token == nil) else {
            throw ConnectorError(
                .badSetting, "\"url\" (a webhook) or \"token\" says how to post, and one of them alone")
        }
        guard token == nil || !channel.isEmpty else {
            throw ConnectorError(.badSetting, "\"channel\" is missing: where the token posts to")
        }
        guard token?.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) ?? true else {
            throw ConnectorError(.badSetting, "\"token\" is one word of printable characters")
        }
        let api = settings.text("api") ?? "https://slack.com/api"
        url = try OutboundURL(settings.text("url") ?? "\(api)/chat.postMessage")
        try tools.policy.check(url)
        try PlainText.check(url, settings, tools)
        shows = settings.text("show") == "table" ? Int(settings.number("rows") ?? 20) : nil
        text = if let given = settings.text("text") { try Template(given) } else { nil }
        sendsEmpty = settings.text("send_empty") == "true"
        self.tools = tools
    }

    public static func plainSecret(_ settings: JSONValue) -> String? {
        ["url", "token"].first { name in
            settings[name]?.stringValue.map { !SecretReference.isReference($0) } ?? false
        }
    }

    /// Of a webhook, whose path is its secret, a sum that says no more than whether it is another one.
    public var location: String {
        let place = token == nil ? Hex.text(SHA256.hash(data: Array(url.target.utf8)).prefix(4)) : channel
        return "slack:\(url.host)/\(place)"
    }

    public func check() async throws(ConnectorError) { try tools.policy.check(url) }

    public func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition { .unknown }

    public func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt {
        let (ledger, name) = (tools.ledger, SentLedger.name(batch, to: location))
        guard try await blocking({ !ledger.has(name) }) else { return LoadReceipt(rows: batch.rows, wasThere: true) }
        guard batch.rows > 0 || sendsEmpty else {
            return LoadReceipt(rows: 0, changes: ["nothing was said, since there were no rows"])
        }
        let shows = shows
        let table = try await blocking { () throws -> String? in
            guard let shows else { return nil }
            return try Self.table(batch, rows: shows)
        }
        let line = text?.plain(LoadSummary.document(batch)) ?? LoadSummary.line(batch)
        var said = Self.escaped(line)
        if let table { said += "\n```\n\(Self.escaped(table))\n```" }
        try await post(said)
        try await blocking { try ledger.note(name, batch) }
        return LoadReceipt(rows: batch.rows)
    }

    private func post(_ text: String) async throws(ConnectorError) {
        var members: [JSONValue.Member] = [.init("text", .string(text))]
        var headers: [(name: String, value: String)] = [
            ("content-type", "application/json; charset=utf-8"), ("user-agent", "sluice"),
        ]
        if let token {
            members.append(.init("channel", .string(channel)))
            headers.append(("authorization", "Bearer \(token)"))
        }
        let body = JSONValue.object(members + [.init("unfurl_links", false)])
        let result = await tools.http.send(
            OutboundRequest(url: url, headers: headers, body: Array(body.text.utf8), timeout: .seconds(30)))
        guard let answer = result.answer else {
            throw ConnectorError(
                result.failure?.code == .blockedAddress ? .blockedAddress : .unreachable,
                result.failure?.message ?? "Slack did not answer", isTransient: true)
        }
        let status = answer.status
        let document = (try? JSONValue(answer.body.span)) ?? .null
        // The API answers 200 to what it refuses; a webhook says so by the status.
        let refusal = document["ok"] == .bool(false) ? document["error"]?.stringValue ?? "unknown" : nil
        if (200..<300).contains(status), refusal == nil { return }
        let passing = [
            "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
        ]
        let isTransient = refusal.map(passing.contains) ?? (status >= 500 || status == 408 || status == 429)
        let reason = refusal ?? String(decoding: answer.body.prefix(100), as: UTF8.self)
        throw ConnectorError(
            isTransient ? .unreachable : .refused, "Slack answered \(status): \(reason)", isTransient: isTransient)
    }

    /// The first rows, a column under another. Blocks.
    static func table(_ batch: LoadBatch, rows: Int) throws(ConnectorError) -> String {
        var lines = LineBatches(batch, rows: rows, bytes: 256 << 10, isBySeq: false)
        let names = batch.columns.map(\.name)
        var cells = [names.map(cell)]
        if let piece = try lines.next() {
            for line in piece.body.split(separator: 0x0a) {
                let bytes = Array(line)
                guard let row = try? JSONValue(bytes.span) else { continue }
                cells.append(
                    names.map { name in cell(row[name].map { $0.stringValue ?? ($0 == .null ? "" : $0.text) } ?? "") })
            }
        }
        let widths = names.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        var out = ""
        var shown = 0
        for row in cells {
            var line = ""
            for (text, width) in zip(row, widths) {
                line += text + String(repeating: " ", count: width - text.count + 2)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            guard out.count + line.count < mostTable else { break }
            out += line + "\n"
            shown += 1
        }
        let left = batch.rows - Int64(shown - 1)
        return left > 0 ? out + "… and \(left) more" : String(out.dropLast())
    }

    /// One cell: what would end a line or the block is something else.
    private static func cell(_ text: String) -> String {
        let plain = text.prefix(60).map { $0.isNewline || $0 == "\t" ? " " : $0 == "`" ? "'" : $0 }
        return String(plain) + (text.count > 60 ? "…" : "")
    }

    /// What was collected must not call people or make links: Slack's own marks lose their meaning.
    private static func escaped(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            default: out.append(character)
            }
        }
        return out
    }

    public func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        let (ledger, name) = (tools.ledger, SentLedger.name(batch, to: location))
        let isWanted = batch.rows > 0 || sendsEmpty
        let has = try await blocking { ledger.has(name) }
        return LoadVerification(
            what: "messages that Slack took", expected: isWanted ? 1 : 0, found: isWanted && has ? 1 : 0)
    }
}
