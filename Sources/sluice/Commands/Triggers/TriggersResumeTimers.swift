import ArgumentParser
import Model

struct TriggersResumeTimers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume-timers",
        abstract: "Let timers go on that are held since the machine's clock leapt ahead: the clock is right.",
        discussion: """
            Where the clock leaps ahead by more than five minutes, what triggers wait for goes on as if it had not, until the clock is \
            put back or has stayed so for a while (serve --hold-timers). 'sluice doctor' says whether that is so.
            """)

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let answer = try await Session.run(connection) { client in
            try await client.json(.post, "/v1/triggers/resume-timers")
        }
        if json { return try Terminal.line(answer.text) }
        try Terminal.line(answer["resumed"] == true ? "Timers go on by the clock as it is." : "No timers were held.")
    }
}
