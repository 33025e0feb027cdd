import ArgumentParser
import Model

struct Segment: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Save conditions on people, and ask who they are true of.",
        subcommands: [
            SegmentCreate.self, SegmentList.self, SegmentShow.self, SegmentCount.self, SegmentPeople.self,
            SegmentCheck.self, SegmentDelete.self,
        ])
}

struct SegmentCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Save a condition on people under a name.",
        discussion: """
            Examples:
              sluice segment create "Slipping away" --timezone Europe/Berlin --data ./data \\
                --where '{"all": [{"did": "Purchased"}, {"did_not": "Logged In", "within": "30d"}]}'
              sluice segment create "In order" --where @tree.json --data ./data
            """)

    @Argument(help: "What it is called.")
    var name: String

    @Option(
        name: .customLong("where"),
        help: ArgumentHelp("A condition, or the file that holds it.", valueName: "JSON|@FILE"))
    var condition: String

    @Option(name: .long, help: "What it is good for.")
    var description: String?

    @Option(name: .long, help: ArgumentHelp("The zone of times that name none; UTC if not said.", valueName: "ZONE"))
    var timezone: String?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        var members: [JSONValue.Member] = [
            .init("name", .string(name)), .init("segment", try JSONArgument.read(condition, "--where")),
        ]
        if let description { members.append(.init("description", .string(description))) }
        if let timezone { members.append(.init("timezone", .string(timezone))) }
        let body = JSONValue.object(members)
        let segment = try await Session.run(connection) { client in
            try await client.json(.post, "/v1/segments", body: body)
        }
        try Terminal.line(json ? segment.text : "The segment \(Text.plain(segment["id"])) is saved.")
    }
}

struct SegmentDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Remove a segment with all its versions.")

    @OptionGroup var segment: SegmentName

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = segment.path()
        _ = try await Session.run(connection) { client in
            // The answer has no body.
            _ = try await client.open(.delete, path)
        }
        try Terminal.line("The segment \(segment.id) is removed.")
    }
}

/// Which segment a command is about.
struct SegmentName: ParsableArguments {
    @Argument(help: "The segment's id, as 'sluice segment list' shows it.")
    var id: String

    /// The segment's path in the API, or that of something of it.
    func path(_ rest: String = "") -> String { "/v1/segments/\(PercentEncoding.encode(id))\(rest)" }
}
