import ArgumentParser
import Model

/// What every report takes, and what is done with it.
struct ReportFrame: ParsableArguments {
    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("From this time on: a date, a time, or back from now (-7d, -12h).", valueName: "T"))
    var from: String?

    @Option(name: .long, parsing: .unconditional, help: ArgumentHelp("Before this time.", valueName: "T"))
    var to: String?

    @Option(name: .long, help: ArgumentHelp("The zone of days, and of times that name none.", valueName: "ZONE"))
    var timezone: String?

    @Option(
        name: .customLong("where"),
        help: ArgumentHelp("A condition on all events, or the file that holds it.", valueName: "JSON|@FILE"))
    var condition: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Divide by a property: properties.NAME of events, person.NAME of people.", valueName: "COLUMN"))
    var by: String?

    @Option(name: .long, help: "With --by, which of its values: first, last or at_step.")
    var value: String?

    @Option(name: .long, help: ArgumentHelp("With --by, how many values to show.", valueName: "N"))
    var top: Int?

    @Option(
        name: .long,
        help: ArgumentHelp("As of this sequence number: nothing that was stored after it counts.", valueName: "SEQ"))
    var asOfSeq: Int64?

    @Option(name: .long, help: ArgumentHelp("Save the report under this name, and print its id.", valueName: "NAME"))
    var save: String?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: "Print the answer as one JSON document.")
    var json = false

    /// The members that these flags give.
    private func members() throws -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        if let from { members.append(.init("from", .string(from))) }
        if let to { members.append(.init("to", .string(to))) }
        if let timezone { members.append(.init("timezone", .string(timezone))) }
        if let condition { members.append(.init("where", try JSONArgument.read(condition, "--where"))) }
        if let asOfSeq { members.append(.init("as_of_seq", JSONValue(asOfSeq))) }
        if let by { members.append(.init("breakdown", try breakdown(by))) }
        return members
    }

    private func breakdown(_ by: String) throws -> JSONValue {
        var members: [JSONValue.Member] = []
        if by.hasPrefix("properties.") {
            members.append(.init("event_property", .string(String(by.dropFirst(11)))))
        } else if by.hasPrefix("person.") {
            members.append(.init("person_property", .string(String(by.dropFirst(7)))))
        } else {
            throw Failure(.usage, "--by: write properties.NAME or person.NAME, not \(by)")
        }
        if let value { members.append(.init("value", .string(value))) }
        if let top { members.append(.init("top", JSONValue(top))) }
        return .object(members)
    }

    /// Asks, or saves, the report with these members of its own.
    func ask(_ own: [JSONValue.Member]) async throws {
        let report = JSONValue.object(own + (try members()))
        if let save {
            let body: JSONValue = ["name": .string(save), "report": report]
            let saved = try await Session.run(connection) { client in
                try await client.json(.post, "/v1/reports", body: body)
            }
            return try Terminal.line(json ? saved.text : Text.plain(saved["id"]))
        }
        try await show(report)
    }

    /// Asks a report and prints its answer.
    func show(_ report: JSONValue) async throws {
        let answer = try await Session.run(connection) { client in
            try await client.patiently { try await client.json(.post, "/v1/reports/query", body: report) }
        }
        try Terminal.line(json ? answer.text : ReportTable.text(answer))
    }
}
