import ArgumentParser
import Model

struct SegmentList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the saved segments.")

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let segments = try await Session.run(connection) { client in
            try await client.pages("/v1/segments", query: [])
        }
        if json { return try Terminal.line(segments.json.text) }
        let rows = segments.rows.map { segment in
            [
                Text.plain(segment["id"]), Text.plain(segment["name"]), Text.plain(segment["version"]),
                Text.plain(segment["updated_at"]), Text.plain(segment["segment"]),
            ]
        }
        try Terminal.line(Text.table([["ID", "NAME", "VERSION", "CHANGED", "CONDITION"]] + rows))
    }
}

struct SegmentShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a saved segment, as JSON.")

    @OptionGroup var segment: SegmentName

    @Option(name: .customLong("at-version"), help: ArgumentHelp("That version, not the newest.", valueName: "N"))
    var version: Int64?

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = segment.path(version.map { "?version=\($0)" } ?? "")
        let found = try await Session.run(connection) { client in try await client.json(.get, path) }
        try Terminal.line(found.text)
    }
}

struct SegmentCount: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "count", abstract: "Count the people in a segment.")

    @OptionGroup var segment: SegmentName

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let path = segment.path("/count")
        let answer = try await Session.run(connection) { client in try await client.json(.get, path) }
        try Terminal.line(json ? answer.text : Text.plain(answer["count"]))
    }
}

struct SegmentPeople: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "people", abstract: "List the people in a segment.")

    @OptionGroup var segment: SegmentName

    @Option(name: .long, help: ArgumentHelp("At most that many people.", valueName: "N"))
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
        let path = segment.path("/people")
        let people = try await Session.run(connection) { [limit, cursor] client in
            try await client.pages(path, query: [], limit: limit, from: cursor)
        }
        if json { return try Terminal.line(people.json.text) }
        let rows = people.rows.map { person in
            [
                Text.plain(person["id"]), Text.plain(person["last_seen"]), Text.plain(person["events_total"]),
                (person["identities"]?.arrayValue ?? []).map { Text.plain($0) }.joined(separator: " "),
            ]
        }
        try Terminal.line(Text.table([["PERSON", "LAST SEEN", "EVENTS", "IDENTITIES"]] + rows))
        if let next = people.next {
            Terminal.note("there is more: give a greater --limit than \(limit), or --cursor \(Text.visible(next))")
        }
    }
}

struct SegmentCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say whether a person is in a segment, and which parts of its condition hold.",
        discussion: """
            Exits with 0 whether the person is in it or not.

            Example:
              sluice segment check seg_bxkqs4dbwkbzu ann@example.com --data ./data
            """)

    @OptionGroup var segment: SegmentName

    @Argument(help: "One of the person's identities, exactly as it was sent.")
    var identity: String

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let path = segment.path("/people" + PercentEncoding.query([("identity", identity)]))
        let verdict = try await Session.run(connection) { client in try await client.json(.get, path) }
        if json { return try Terminal.line(verdict.text) }
        var rows = [[verdict["in_segment"] == true ? "in the segment" : "not in the segment", "", ""]]
        if let why = verdict["why"] { Self.list(why, indent: "", &rows) }
        try Terminal.line(Text.table(rows))
    }

    /// Each part with what was found, those of a part below it.
    private static func list(_ part: JSONValue, indent: String, _ rows: inout [[String]]) {
        let found = part["count"].map { "\(Text.plain($0)) events" } ?? part["value"].map { Text.plain($0) } ?? ""
        let name = part["condition"].map { Text.plain($0) } ?? Text.plain(part["path"])
        rows.append([indent + (part["holds"] == true ? "yes" : "no"), name, found])
        for inner in part["parts"]?.arrayValue ?? [] { list(inner, indent: indent + "  ", &rows) }
    }
}
