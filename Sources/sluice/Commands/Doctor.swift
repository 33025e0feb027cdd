import ArgumentParser
import Model

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check this machine and a data folder: library, disk, permissions, clock, journal.",
        discussion: """
            Without --data only the machine is checked. A running server is asked; without one the folder is opened \
            for a moment. The exit code is 1 if a check failed; warnings do not count.

            Example:
              sluice doctor --data ./data
            """)

    @Option(name: .long, help: ArgumentHelp("The data folder (or SLUICE_DATA).", valueName: "DIR"))
    var data: String?

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        var checks = [EngineCheck.run(), ClockCheck.run()]
        if let path = data ?? Environment["SLUICE_DATA"] {
            checks += try await OffPool.run { FolderChecks.run(path) }
            if !checks.contains(where: { $0.outcome == .failed && $0.stopsOpening }) {
                checks += await StoreChecks.run(path)
            }
        }
        let failed = checks.contains { $0.outcome == .failed }
        if json {
            try Terminal.line(
                JSONValue.object([
                    .init("ok", .bool(!failed)), .init("checks", .array(checks.map(\.json))),
                ]).text)
        } else {
            let rows = checks.map { [$0.outcome.mark, $0.name, $0.message] }
            try Terminal.line(Text.table(rows))
        }
        if failed { throw ExitCode(Failure.Code.failed.rawValue) }
    }
}
