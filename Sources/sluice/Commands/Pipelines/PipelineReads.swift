import ArgumentParser
import Model

struct PipelineShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a run with its steps, or a pipeline with how it fares.")

    @Argument(help: "A run's id (run_…), or a pipeline's name.")
    var id: String

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let isRun = id.hasPrefix("run_")
        let path = (isRun ? "/v1/runs/" : "/v1/pipelines/") + PercentEncoding.encode(id)
        let found = try await Session.run(connection) { client in try await client.json(.get, path) }
        guard isRun, !json else { return try Terminal.line(found.text) }
        for line in PipelineText.run(found) { try Terminal.line(line) }
    }
}

struct PipelineList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the pipelines.")

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let found = try await Session.run(connection) { client in try await client.pages("/v1/pipelines", query: []) }
        if json { return try Terminal.line(found.json.text) }
        let rows = found.rows.map { row in
            [
                Text.plain(row["name"]), Text.plain(row["version"]), row["paused"] == true ? "paused" : "",
                Text.plain(row["next_run_at"]), Text.plain(row["last_run"]?["status"]),
                Text.plain(row["freshness"]?["state"]), Text.plain(row["freshness"]?["loaded_at"]),
                Text.plain(row["health"]?["success_rate"]), Self.wrong(row["health"]?["incidents"]),
            ]
        }
        try Terminal.line(
            Text.table(
                [["NAME", "VERSION", "", "NEXT RUN", "LAST RUN", "FRESHNESS", "LOADED AS OF", "SUCCESS", "WRONG"]]
                    + rows))
    }
}

extension PipelineList {
    /// What is wrong with a pipeline now, in a few words.
    private static func wrong(_ incidents: JSONValue?) -> String {
        (incidents?.arrayValue ?? []).map { "\(Text.plain($0["kind"])) \(Text.plain($0["what"]))" }.joined(
            separator: ", ")
    }
}

struct PipelineCancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel a run that waits or runs.")

    @Argument(help: "The run's id.") var id: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = "/v1/runs/\(PercentEncoding.encode(id))/cancel"
        let run = try await Session.run(connection) { client in try await client.json(.post, path, body: [:]) }
        for line in PipelineText.run(run) { try Terminal.line(line) }
    }
}

struct PipelinePause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Let a pipeline's schedule rest; it can be run by hand all the same.")

    @OptionGroup var pipeline: PipelineName
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = pipeline.path("/pause")
        _ = try await Session.run(connection) { client in try await client.json(.post, path, body: [:]) }
        try Terminal.line("\(pipeline.name) is paused")
    }
}

struct PipelineResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let a pipeline follow its schedule again.")

    @OptionGroup var pipeline: PipelineName
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = pipeline.path("/resume")
        _ = try await Session.run(connection) { client in try await client.json(.post, path, body: [:]) }
        try Terminal.line("\(pipeline.name) follows its schedule")
    }
}

struct PipelineRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a pipeline. What it loaded stays, and so do its runs and how far it came.")

    @OptionGroup var pipeline: PipelineName
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = pipeline.path()
        _ = try await Session.run(connection) { client in try await client.open(.delete, path) }
        try Terminal.line("\(pipeline.name) is removed")
    }
}
