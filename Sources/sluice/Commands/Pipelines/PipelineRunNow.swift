import ArgumentParser
import Model

struct PipelineRunNow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a pipeline now.",
        discussion: """
            Without --wait it only begins, and 'sluice pipeline show RUN' tells how it goes. With --wait the command ends with the run: \
            0 if it has succeeded, 1 if not.
            """)

    @OptionGroup var pipeline: PipelineName

    @Flag(name: .long, help: "Wait until the run is over.")
    var wait = false

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    /// How often it is looked whether the run is over.
    private static let look = Duration.milliseconds(150)

    func run() async throws {
        let (path, waits) = (pipeline.path("/run"), wait)
        let run = try await interruptible { [connection] in
            try await Session.run(connection) { client in
                var run = try await client.json(.post, path, body: [:])
                while waits, Self.isOpen(run) {
                    try await Task.sleep(for: Self.look)
                    run = try await client.json(.get, "/v1/runs/\(Text.plain(run["id"]))")
                }
                return run
            }
        }
        let isWrong = wait && run["status"]?.stringValue != "succeeded"
        if json {
            try Terminal.line(run.text)
        } else {
            for line in PipelineText.run(run, tellsWhy: !isWrong) { try Terminal.line(line) }
        }
        if isWrong {
            throw Failure(
                .failed, "the run is \(Text.plain(run["status"])): \(Text.visible(Text.plain(run["reason"])))")
        }
    }

    private static func isOpen(_ run: JSONValue) -> Bool {
        ["queued", "running"].contains(run["status"]?.stringValue ?? "")
    }
}

struct PipelineRuns: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "List a pipeline's runs, newest first.")

    @OptionGroup var pipeline: PipelineName

    @Option(name: .long, help: ArgumentHelp("Only those of this status.", valueName: "STATUS"))
    var status: String?

    @Option(name: .long, help: ArgumentHelp("At most that many.", valueName: "N"))
    var limit = 50

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
    }

    func run() async throws {
        var query = [("pipeline", pipeline.name)]
        if let status { query.append(("status", status)) }
        let runs = try await Session.run(connection) { [limit, query] client in
            try await client.pages("/v1/runs", query: query, limit: limit)
        }
        if json { return try Terminal.line(runs.json.text) }
        let rows = runs.rows.map { run in
            [
                Text.plain(run["id"]), Text.plain(run["status"]), Text.plain(run["cause"]),
                Text.plain(run["created_at"]), Text.plain(run["rows"]), Text.plain(run["window"]?["seq_to"]),
                Text.plain(run["reason"]),
            ]
        }
        try Terminal.line(Text.table([["RUN", "STATUS", "CAUSE", "AT", "ROWS", "UP TO SEQ", "REASON"]] + rows))
    }
}
