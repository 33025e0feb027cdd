import ArgumentParser
import Model

struct PeopleHistory: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "List what a person did, newest first.",
        discussion: """
            Examples:
              sluice people history ann@example.com --data ./data
              sluice people history ann@example.com --data ./data --limit 1000 --json
            """)

    @Argument(help: "One of the person's identities, exactly as it was sent.")
    var identity: String

    @Option(name: .long, help: ArgumentHelp("At most that many events.", valueName: "N"))
    var limit = 50

    @Option(name: .long, help: ArgumentHelp("Go on where the list before ended.", valueName: "CURSOR"))
    var cursor: String?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
    }

    func run() async throws {
        let events = try await Session.run(connection) { [identity, limit, cursor] client in
            let person = try await client.person(identity)
            guard let id = person["id"]?.stringValue else {
                throw Failure(.failed, "\(client.name): the person has no id; is that a Sluice server?")
            }
            return try await client.pages("/v1/people/\(id)/events", query: [], limit: limit, from: cursor)
        }
        if json { return try Terminal.line(events.json.text) }
        let rows = events.rows.map { event in
            [
                Text.plain(event["timestamp"]), Text.plain(event["identity"]), Text.plain(event["event"]),
                Text.plain(event["properties"]),
            ]
        }
        try Terminal.line(Text.table([["TIMESTAMP", "IDENTITY", "EVENT", "PROPERTIES"]] + rows))
        if let next = events.next {
            Terminal.note("there is more: give a greater --limit than \(limit), or --cursor \(Text.visible(next))")
        }
    }
}
