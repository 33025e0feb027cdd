import ArgumentParser
import Model

struct ReportCohort: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cohort",
        abstract: "How many people come back, by when they started.",
        discussion: """
            Example:
              sluice report cohort --start 'Signed Up' --return 'Logged In' --interval week --mode every --data ./data
            """)

    @Option(name: .long, help: ArgumentHelp("The event by which people start.", valueName: "EVENT|JSON"))
    var start: String

    @Option(
        name: .customLong("return"), help: ArgumentHelp("The event by which they come back.", valueName: "EVENT|JSON"))
    var comeback: String

    @Option(name: .long, help: "How long a period is: hour, day, week or month.")
    var interval: String?

    @Option(name: .long, help: ArgumentHelp("How many periods to show.", valueName: "N"))
    var periods: Int?

    @Option(name: .long, help: "Which returns count: first or every.")
    var mode: String?

    @Option(name: .long, help: "From when periods count: calendar or relative.")
    var bucket: String?

    @OptionGroup var frame: ReportFrame

    func run() async throws {
        var members: [JSONValue.Member] = [
            .init("type", "cohort"), .init("start", try JSONArgument.events(start, "--start")),
            .init("return", try JSONArgument.events(comeback, "--return")),
        ]
        if let interval { members.append(.init("interval", .string(interval))) }
        if let periods { members.append(.init("periods", JSONValue(periods))) }
        if let mode { members.append(.init("mode", .string(mode))) }
        if let bucket { members.append(.init("bucket", .string(bucket))) }
        try await frame.ask(members)
    }
}
