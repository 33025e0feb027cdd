import ArgumentParser
import Model

struct WebhooksAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Send events to a URL from now on.",
        discussion: """
            The secret that messages are signed with is shown now and never again. Messages follow Standard Webhooks: any of its \
            libraries checks them.

            Examples:
              sluice webhooks add https://example.com/hooks --event Purchased --event "Signed Up" --data ./data
              sluice webhooks add https://example.com/copy --all --stream --data ./data
              sluice webhooks add https://example.com/hooks --all --where '{"property": "amount", "gt": 100}' --data ./data
            """)

    @Argument(help: "Where messages are posted to.")
    var url: String

    @Option(
        name: .customLong("event"),
        help: ArgumentHelp("An event to send; give the flag once for each.", valueName: "NAME"))
    var events: [String] = []

    @Flag(name: .long, help: "Send every event.")
    var all = false

    @Option(
        name: .customLong("where"),
        help: ArgumentHelp(
            "What is asked of each event: a condition, or the file that holds it.", valueName: "JSON|@FILE"))
    var condition: String?

    @Option(name: .long, help: "What it is for.")
    var description: String?

    @Option(
        name: .long, help: ArgumentHelp("Your own secret: whsec_ and 24 to 64 bytes in base 64.", valueName: "SECRET"))
    var secret: String?

    @Option(
        name: .customLong("header"),
        help: ArgumentHelp("A header to send along; once for each.", valueName: "NAME:VALUE"))
    var headers: [String] = []

    @Flag(name: .long, help: "Send ids and the type alone, nothing personal.")
    var thin = false

    @Flag(name: .customLong("ordered"), help: "Send each person's messages one after another.")
    var isOrdered = false

    @Option(
        name: .customLong("include"),
        help: ArgumentHelp("Tell of the person, too: properties, identities.", valueName: "WHAT"))
    var include: [String] = []

    @Flag(
        name: .long,
        help: "Send events many at once and in their order, from where the stream stands; see 'sluice webhooks seek'.")
    var stream = false

    @Option(name: .long, help: ArgumentHelp("The most events of a stream's batch; 100 if not said.", valueName: "N"))
    var batch: Int?

    @Option(name: .long, help: ArgumentHelp("At most so many messages a second.", valueName: "N"))
    var rateLimit: Int?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func validate() throws {
        guard !all || events.isEmpty else { throw ValidationError("--all and --event: one of both.") }
    }

    func run() async throws {
        var members: [JSONValue.Member] = [
            .init("url", .string(url)), .init("events", .array((all ? ["*"] : events).map { .string($0) })),
        ]
        if let condition { members.append(.init("where", try JSONArgument.read(condition, "--where"))) }
        if let description { members.append(.init("description", .string(description))) }
        if let secret { members.append(.init("secret", .string(secret))) }
        if thin { members.append(.init("payload", "thin")) }
        if isOrdered { members.append(.init("order", "person")) }
        if !include.isEmpty { members.append(.init("include", .array(include.map { .string($0) }))) }
        if stream { members.append(.init("mode", "stream")) }
        if let batch { members.append(.init("batch", JSONValue(batch))) }
        if let rateLimit { members.append(.init("rate_limit", JSONValue(rateLimit))) }
        if !headers.isEmpty { members.append(.init("headers", .object(try headers.map(Self.header)))) }
        let body = JSONValue.object(members)
        let endpoint = try await Session.run(connection) { client in
            try await client.json(.post, "/v1/webhooks/endpoints", body: body)
        }
        if json { return try Terminal.line(endpoint.text) }
        let takesEvents = endpoint["events"]?.arrayValue?.isEmpty == false
        try Terminal.line(
            """
            The endpoint \(Text.plain(endpoint["id"])) receives \(takesEvents
                ? "what is collected from now on"
                : "what triggers send to it, and no events: --all or --event NAME says which"). Its secret is shown once, keep it.

            \(Text.plain(endpoint["secret"]))
            """)
    }

    private static func header(_ text: String) throws -> JSONValue.Member {
        guard let colon = text.firstIndex(of: ":") else { throw Failure(.usage, "--header \(text): give NAME:VALUE") }
        let value = text[text.index(after: colon)...].drop { $0 == " " }
        return .init(String(text[..<colon]), .string(String(value)))
    }
}
