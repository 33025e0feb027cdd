import ArgumentParser
import Model

struct KeysList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the keys of a project: what they may do, and when they were last used.")

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: "Those that were revoked, too.")
    var revoked = false

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let query = revoked ? [("revoked", "true")] : []
        let keys = try await Session.run(connection) { client in try await client.pages("/v1/keys", query: query) }
        if json { return try Terminal.line(keys.json.text) }
        let rows = keys.rows.map { key in
            [
                Text.plain(key["id"]), Text.plain(key["name"]), Self.list(key["scopes"]),
                Self.list(key["columns"]), Text.plain(key["last_used_at"]), Self.end(key),
            ]
        }
        try Terminal.line(Text.table([["ID", "NAME", "SCOPES", "COLUMNS", "LAST USED", "ENDS"]] + rows))
    }

    private static func list(_ value: JSONValue?) -> String {
        (value?.arrayValue ?? []).map { Text.plain($0) }.joined(separator: " ")
    }

    /// When the key ends or has ended.
    private static func end(_ key: JSONValue) -> String {
        let revoked = Text.plain(key["revoked_at"])
        return revoked.isEmpty ? Text.plain(key["expires_at"]) : "revoked \(revoked)"
    }
}
