import ArgumentParser
import Model

struct WebhooksSeek: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seek",
        abstract: "Put a stream somewhere else: everything after that number is sent next.",
        discussion: """
            Numbers are the events' seq. 0 sends everything from the beginning.

            Example:
              sluice webhooks seek ep_x 120000 --data ./data
            """)

    @OptionGroup var endpoint: EndpointName

    @Argument(help: "The last number that the receiver has.")
    var seq: Int

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let (path, body) = (endpoint.path("/seek"), JSONValue.object([.init("seq", JSONValue(seq))]))
        let answer = try await Session.run(connection) { client in try await client.json(.post, path, body: body) }
        if json { return try Terminal.line(answer.text) }
        try Terminal.line(
            "The stream goes on after \(seq); \(Text.plain(answer["stream"]?["lag_items"])) items are behind it.")
    }
}
