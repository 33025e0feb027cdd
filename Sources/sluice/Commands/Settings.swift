import ArgumentParser
import Model

struct Settings: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a project's settings, or change them.",
        discussion: """
            The time zone says when a day begins for what is computed of people.

            Example:
              sluice settings --timezone Europe/Berlin --data ./data
            """)

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The zone in which the project's days begin.", valueName: "ZONE"))
    var timezone: String?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let body = timezone.map { JSONValue.object([.init("timezone", .string($0))]) }
        let settings = try await Session.run(connection) { client in
            guard let body else { return try await client.json(.get, "/v1/settings") }
            return try await client.json(.put, "/v1/settings", body: body)
        }
        try Terminal.line(json ? settings.text : "timezone: \(Text.plain(settings["timezone"]))")
    }
}
