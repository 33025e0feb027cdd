import ArgumentParser
import Model

struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make, list, rotate and revoke the keys of a project.",
        subcommands: [KeysCreate.self, KeysList.self, KeysRotate.self, KeysRevoke.self])
}

struct KeysCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a secret key that can do what you name, and nothing else.",
        discussion: """
            It is shown now and never again. A key makes keys with scopes that it has itself.

            Scopes: collect, imports:write, people:read, events:read, segments:write, reports:read, reports:write, \
            exports:read, exports:write, webhooks:read, webhooks:write, pipelines:read, pipelines:write, privacy:write, \
            admin. What writes also reads the same; admin is all of them.

            Examples:
              sluice keys create "CRM sidebar" --scope people:read --scope events:read --data ./data
              sluice keys create nightly --scope exports:write --expires 2027-06-30 --data ./data
              sluice keys create dashboard --scope reports:read --rate-limit 5 --rate-burst 20 --data ./data
            """)

    @Argument(help: "What it is for.")
    var name: String

    @Option(
        name: .customLong("scope"),
        help: ArgumentHelp("What it may do; give the flag once for each.", valueName: "scope"))
    var scopes: [String]

    @Option(
        name: .customLong("column"),
        help: ArgumentHelp(
            "A column of people or events that it may read, such as person.plan; once for each. All if not said.",
            valueName: "column"))
    var columns: [String] = []

    @Option(name: .long, help: ArgumentHelp("When it ends: a date or a time. Never if not said.", valueName: "time"))
    var expires: String?

    @Option(
        name: .long,
        help: ArgumentHelp("How many requests a second it may make. Any number if not said.", valueName: "N"))
    var rateLimit: Int?

    @Option(
        name: .long,
        help: ArgumentHelp("How many at once after a pause; N of --rate-limit if not said.", valueName: "N"))
    var rateBurst: Int?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    mutating func validate() throws {
        if scopes.isEmpty { throw ValidationError("--scope says what the key may do; give it at least once.") }
    }

    func run() async throws {
        var members: [JSONValue.Member] = [
            .init("name", .string(name)), .init("scopes", .array(scopes.map { .string($0) })),
        ]
        if !columns.isEmpty { members.append(.init("columns", .array(columns.map { .string($0) }))) }
        if let expires { members.append(.init("expires_at", .string(expires))) }
        if let rateLimit { members.append(.init("rate_limit", JSONValue(rateLimit))) }
        if let rateBurst { members.append(.init("rate_burst", JSONValue(rateBurst))) }
        let body = JSONValue.object(members)
        let key = try await Session.run(connection) { client in
            try await client.json(.post, "/v1/keys", body: body)
        }
        if json { return try Terminal.line(key.text) }
        try Terminal.line(
            """
            The key \(Text.plain(key["id"])) is ready; it is shown once, keep it.

            \(Text.plain(key["key"]))
            """)
    }
}
