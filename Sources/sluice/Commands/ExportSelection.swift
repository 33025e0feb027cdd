import ArgumentParser
import EventStore
import Model

/// Which rows and columns an export has.
struct ExportSelection: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The columns, as one line of CSV.", valueName: "a,b"))
    var columns: String?

    @Option(
        name: .customLong("where"),
        help: ArgumentHelp("A condition, or the file that holds it.", valueName: "JSON|@FILE"))
    var condition: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("From this time on: a date, a time, or back from now (-7d, -12h).", valueName: "T"))
    var from: String?

    @Option(name: .long, parsing: .unconditional, help: ArgumentHelp("Before this time.", valueName: "T"))
    var to: String?

    @Option(name: .long, help: ArgumentHelp("Only what was stored after this sequence number.", valueName: "SEQ"))
    var seqFrom: Int64?

    @Option(name: .long, help: ArgumentHelp("Only what was stored up to this sequence number.", valueName: "SEQ"))
    var seqTo: Int64?

    @Option(
        name: .long,
        help: ArgumentHelp("As of this sequence number: nothing that was stored after it counts.", valueName: "SEQ"))
    var asOfSeq: Int64?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The moment that -7d and the like count back from; now if not said.", valueName: "T"))
    var asOf: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The zone of times here that name none, and of times in a CSV (see above); UTC if not said.",
            valueName: "ZONE"))
    var timezone: String?

    @Option(name: .long, help: "The rows' order: storage, timestamp or seq.")
    var order: Order?

    @Flag(name: .long, help: "Only people with an identity that an identify or an alias named.")
    var identified = false

    enum Order: String, CaseIterable, ExpressibleByArgument { case storage, timestamp, seq }

    /// The specification's members that these flags give.
    func members() throws -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        if let columns {
            let names: [String]
            do throws(QueryError) { names = try ColumnExpression.split(line: columns, path: "--columns") } catch {
                throw Failure(.usage, "\(error)")
            }
            members.append(.init("columns", .array(names.map { .string($0) })))
        }
        if let condition { members.append(.init("where", try JSONArgument.read(condition, "--where"))) }
        if let from { members.append(.init("from", .string(from))) }
        if let to { members.append(.init("to", .string(to))) }
        if let seqFrom { members.append(.init("seq_from", JSONValue(seqFrom))) }
        if let seqTo { members.append(.init("seq_to", JSONValue(seqTo))) }
        if let asOfSeq { members.append(.init("as_of_seq", JSONValue(asOfSeq))) }
        if let asOf { members.append(.init("as_of", .string(asOf))) }
        if let timezone { members.append(.init("timezone", .string(timezone))) }
        if let order { members.append(.init("order", .string(order.rawValue))) }
        if identified { members.append(.init("identified", true)) }
        return members
    }
}
