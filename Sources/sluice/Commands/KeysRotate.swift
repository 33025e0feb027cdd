import ArgumentParser
import Model

struct KeysRotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Give a key a new text; the old one opens for a while longer.",
        discussion: """
            The new text is shown now and never again. Its id, scopes, columns and expiry stay.

            Example:
              sluice keys rotate key_fpqlyrq3nbm3s --overlap 24h --data ./data
            """)

    @Argument(help: "The key's id, as 'sluice keys list' shows it.")
    var id: String

    @Option(
        name: .long,
        help: ArgumentHelp("How long the old text opens as well: 30m, 24h, 7d; 0s for not at all.", valueName: "time"))
    var overlap = "24h"

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let path = "/v1/keys/\(PercentEncoding.encode(id))/rotate"
        let body: JSONValue = ["overlap": .string(overlap)]
        let key = try await Session.run(connection) { client in try await client.json(.post, path, body: body) }
        if json { return try Terminal.line(key.text) }
        let end = Text.plain(key["old_until"])
        try Terminal.line(
            """
            The key \(Text.plain(key["id"])) has a new text; it is shown once, keep it. \
            \(end.isEmpty ? "The old one opens nothing any more." : "The old one opens until \(end).")

            \(Text.plain(key["key"]))
            """)
    }
}
