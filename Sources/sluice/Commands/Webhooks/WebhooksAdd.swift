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
              sluice webhooks add https://example.com/crm --name crm --event Purchased --include properties --ordered \
                --retry 5s,1m,10m --notify '{"slack": {"url": "secret://env/SLUICE_SLACK"}}' --data ./data
            """)

    @Argument(help: "Where messages are posted to.")
    var url: String

    @OptionGroup var endpoint: EndpointFlags

    @Option(
        name: .long, help: ArgumentHelp("Your own secret: whsec_ and 24 to 64 bytes in base 64.", valueName: "SECRET"))
    var secret: String?

    @Flag(
        name: .long,
        help: "Send events many at once and in their order, from where the stream stands; see 'sluice webhooks seek'.")
    var stream = false

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        var members = [JSONValue.Member("url", .string(url))] + (try endpoint.members())
        if let secret { members.append(.init("secret", .string(secret))) }
        if stream { members.append(.init("mode", "stream")) }
        let body = JSONValue.object(members)
        let made = try await Session.run(connection) { client in
            try await client.json(.post, "/v1/webhooks/endpoints", body: body)
        }
        if json { return try Terminal.line(made.text) }
        let takesEvents = made["events"]?.arrayValue?.isEmpty == false
        try Terminal.line(
            """
            The endpoint \(Text.plain(made["id"])) receives \(takesEvents
                ? "what is collected from now on"
                : "what triggers send to it, and no events: --all or --event NAME says which"). Its secret is shown once, keep it.

            \(Text.plain(made["secret"]))
            """)
    }
}
