import ArgumentParser
import Model

struct ReportMetric: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metric",
        abstract: "How much there is of something over time.",
        discussion: """
            Examples:
              sluice report metric Purchased --of people --interval week --data ./data
              sluice report metric Purchased --of sum --property amount --interval day --by person.plan --data ./data
            """)

    @Argument(help: ArgumentHelp("The event.", valueName: "EVENT|JSON"))
    var event: String

    @Option(name: .long, help: "What of it: people, events, sum, avg, min, max, median, or a percentile such as p90.")
    var of: String?

    @Option(name: .long, help: ArgumentHelp("Whose numbers: a property of the event.", valueName: "NAME"))
    var property: String?

    @Option(name: .long, help: "How long a point's time is: hour, day, week or month; the whole range without it.")
    var interval: String?

    @Flag(name: .long, help: "Also the period before, as long as from --from to --to.")
    var compare = false

    @OptionGroup var frame: ReportFrame

    func run() async throws {
        guard case .object(var measure) = try JSONArgument.events(event, "the event") else {
            throw Failure(.usage, "the event is a name, or a JSON object")
        }
        if let of { measure.append(.init("of", .string(of))) }
        if let property { measure.append(.init("property", .string(property))) }
        var members: [JSONValue.Member] = [.init("type", "metric"), .init("measure", .object(measure))]
        if let interval { members.append(.init("interval", .string(interval))) }
        if compare { members.append(.init("compare", "previous")) }
        try await frame.ask(members)
    }
}
