import ArgumentParser
import Model

struct WebhooksChange: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "change",
        abstract: "Change what an endpoint receives, and how; what is not said stays.",
        discussion: """
            A list takes the place of the one before: --event, --header, --include, --notify.

            Example:
              sluice webhooks change ep_x --all --no-thin --timeout 5 --data ./data
            """)

    @OptionGroup var name: EndpointName

    @Option(name: .long, help: "Where messages are posted to. Headers stay behind where that is another host.")
    var url: String?

    @OptionGroup var endpoint: EndpointFlags

    @Flag(inversion: .prefixedNo, help: "Send nothing for a while; what comes waits.")
    var paused: Bool?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        var members = try endpoint.members()
        if let url { members.append(.init("url", .string(url))) }
        if let paused { members.append(.init("paused", .bool(paused))) }
        guard !members.isEmpty else { throw Failure(.usage, "nothing is said that is to be changed") }
        let (path, body) = (name.path(), JSONValue.object(members))
        let changed = try await Session.run(connection) { client in try await client.json(.patch, path, body: body) }
        if json { return try Terminal.line(changed.text) }
        try Terminal.line("The endpoint \(name.id) is changed; it is \(Text.plain(changed["state"])).")
    }
}
