import ArgumentParser
import Model

struct AuditList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what was done and read in a project, newest first.",
        discussion: """
            Examples:
              sluice audit list --data ./data
              sluice audit list --action keys.create --data ./data
              sluice audit list --by key_dr5xqi5pd3zkw --json --data ./data
            """)

    @Option(name: .long, help: ArgumentHelp("Only this action, such as people.search.", valueName: "action"))
    var action: String?

    @Option(
        name: .customLong("by"),
        help: ArgumentHelp(
            "Only what was done with this key; 'owner' for the folder's socket, 'server' for the server itself.",
            valueName: "key id"))
    var by: String?

    @Option(name: .long, help: ArgumentHelp("How many at most.", valueName: "N"))
    var limit = 50

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    mutating func validate() throws {
        if limit < 1 { throw ValidationError("--limit is at least 1.") }
    }

    func run() async throws {
        let query = [("action", action), ("key", by)].compactMap { name, value in value.map { (name, $0) } }
        let entries = try await Session.run(connection) { [limit] client in
            try await client.pages("/v1/audit", query: query, limit: limit)
        }
        if json { return try Terminal.line(entries.json.text) }
        let rows = entries.rows.map { entry in
            [
                Text.plain(entry["number"]), Text.plain(entry["at"]), Text.plain(entry["key"]),
                Text.plain(entry["action"]), Text.plain(entry["rows"]), Text.plain(entry["status"]), Self.filter(entry),
            ]
        }
        try Terminal.line(Text.table([["NUMBER", "AT", "KEY", "ACTION", "ROWS", "STATUS", "ASKED"]] + rows))
    }

    /// What was asked, on one line.
    private static func filter(_ entry: JSONValue) -> String {
        let redacted = Text.plain(entry["redacted_by"])
        let text = redacted.isEmpty ? Text.plain(entry["filter"]) : "[erased, see \(redacted)]"
        return text.count > 100 ? text.prefix(99) + "…" : text
    }
}
