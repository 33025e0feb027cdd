import ArgumentParser
import Model

struct Columns: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Define what is computed of people, and see how a value came about.",
        subcommands: [
            ColumnsList.self, ColumnsShow.self, ColumnsSet.self, ColumnsRemove.self, ColumnsExplain.self,
        ])

    /// A column's path in the API.
    static func path(_ name: String) -> String { "/v1/computed-columns/\(PercentEncoding.encode(name))" }
}

struct ColumnsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the computed columns.")

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let columns = try await Session.run(connection) { client in
            try await client.pages("/v1/computed-columns", query: [])
        }
        if json { return try Terminal.line(columns.json.text) }
        let rows = columns.rows.map { column in
            [
                Text.plain(column["name"]), Text.plain(column["type"]), Text.plain(column["version"]),
                column["default"] == true ? "default" : "yours", Text.plain(column["description"]),
            ]
        }
        try Terminal.line(Text.table([["NAME", "TYPE", "VERSION", "FORMULA", "DESCRIPTION"]] + rows))
    }
}

struct ColumnsShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a computed column with all versions of its formula, as JSON.")

    @Argument(help: "The column's name.")
    var name: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = Columns.path(name)
        try Terminal.line(try await Session.run(connection) { client in try await client.json(.get, path) }.text)
    }
}

struct ColumnsSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Give a computed column a formula; a new name makes a new column.",
        discussion: """
            A formula has terms, each a number out of a person's events (count, sum, days, since_last, since_first), and a value \
            made of them: one term, a weighted sum, or cases.

            Examples:
              sluice columns set logins --data ./data \\
                --formula '{"terms": {"n": {"measure": "count", "event": "Logged In", "within": "30d"}}, "value": {"term": "n"}}'
              sluice columns set engagement_score --formula @score.json --data ./data
            """)

    @Argument(help: "The column's name: a-z, 0-9 and _.")
    var name: String

    @Option(name: .long, help: ArgumentHelp("A formula, or the file that holds it.", valueName: "JSON|@FILE"))
    var formula: String

    @Option(name: .long, help: "What it says.")
    var description: String?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        var members: [JSONValue.Member] = [.init("formula", try JSONArgument.read(formula, "--formula"))]
        if let description { members.append(.init("description", .string(description))) }
        let (path, body) = (Columns.path(name), JSONValue.object(members))
        let column = try await Session.run(connection) { client in try await client.json(.put, path, body: body) }
        try Terminal.line(
            json
                ? column.text
                : "The column \(Text.plain(column["name"])) is at version \(Text.plain(column["version"])).")
    }
}

struct ColumnsRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a computed column; one that was there from the start goes back to its own formula.")

    @Argument(help: "The column's name.")
    var name: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = Columns.path(name)
        _ = try await Session.run(connection) { client in
            // The answer has no body.
            _ = try await client.open(.delete, path)
        }
        try Terminal.line("The column \(name) is removed, or as it was at the start.")
    }
}

struct ColumnsExplain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say how a person's value of a computed column came about.",
        discussion: """
            Example:
              sluice columns explain engagement_score ann@example.com --data ./data
            """)

    @Argument(help: "The column's name.")
    var name: String

    @Argument(help: "One of the person's identities, exactly as it was sent.")
    var identity: String

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let (identity, column) = (identity, name)
        let parts = try await Session.run(connection) { client in
            let person = try await client.json(.get, "/v1/people" + PercentEncoding.query([("identity", identity)]))
            let id = person["id"]?.stringValue ?? ""
            return try await client.json(.get, "/v1/people/\(id)/computed/\(PercentEncoding.encode(column))")
        }
        if json { return try Terminal.line(parts.text) }
        try Terminal.line(
            "\(Text.plain(parts["name"])) is \(Text.plain(parts["value"])) on \(Text.plain(parts["as_of_day"])) (version \(Text.plain(parts["version"])))."
        )
        let rows = (parts["terms"]?.arrayValue ?? []).map { term in
            [
                Text.plain(term["term"]), Text.plain(term["measure"]), Text.plain(term["value"]),
                Text.plain(term["weight"]), Text.plain(term["contribution"]),
            ]
        }
        try Terminal.line(Text.table([["TERM", "MEASURE", "VALUE", "WEIGHT", "ADDS"]] + rows))
    }
}
