import ArgumentParser
import Model

struct ReportFunnel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "funnel",
        abstract: "How many people do several things one after another.",
        discussion: """
            A step is an event's name, or JSON with a condition: '{"event":"Purchased","where":{"property":"amount","gt":10}}'. \
            Steps follow one another with anything between; with --order strict nothing of the person's lies between.

            Examples:
              sluice report funnel 'Signed Up' 'Added to Cart' 'Purchased' --window 7d --data ./data
              sluice report funnel 'Signed Up' 'Purchased' --by person.plan --from -90d --data ./data --json
            """)

    @Argument(help: ArgumentHelp("The steps, in order; 2 to 20.", valueName: "EVENT|JSON"))
    var steps: [String]

    @Option(name: .long, help: ArgumentHelp("The longest time from the first step, such as 7d.", valueName: "DURATION"))
    var window: String?

    @Option(name: .long, help: "What may lie between steps: any or strict.")
    var order: String?

    @Option(name: .long, help: "What shares are of: people or times.")
    var count: String?

    @OptionGroup var frame: ReportFrame

    func validate() throws {
        guard (2...20).contains(steps.count) else { throw ValidationError("A funnel has 2 to 20 steps.") }
    }

    func run() async throws {
        var members: [JSONValue.Member] = [.init("type", "funnel")]
        members.append(.init("steps", .array(try steps.map { try JSONArgument.events($0, "a step") })))
        if let window { members.append(.init("window", .string(window))) }
        if let order { members.append(.init("order", .string(order))) }
        if let count { members.append(.init("count", .string(count))) }
        try await frame.ask(members)
    }
}
