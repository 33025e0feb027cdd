import ArgumentParser
import Model

struct ReportRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Answer a saved report, or one that is written as JSON.",
        discussion: """
            Examples:
              sluice report run rep_bxkqs4dbwkbzu --data ./data
              sluice report run @funnel.json --data ./data --json
            """)

    @Argument(help: ArgumentHelp("A saved report's id, or the report.", valueName: "ID|JSON|@FILE"))
    var report: String

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: "Print the answer as one JSON document.")
    var json = false

    func run() async throws {
        let isID = !report.hasPrefix("{") && !report.hasPrefix("@")
        let body = isID ? ["report_id": .string(report)] : try JSONArgument.read(report, "the report")
        let answer = try await Session.run(connection) { client in
            try await client.patiently { try await client.json(.post, "/v1/reports/query", body: body) }
        }
        try Terminal.line(json ? answer.text : ReportTable.text(answer))
    }
}

struct ReportList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List saved reports.")

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: "Print them as one JSON document.")
    var json = false

    func run() async throws {
        let list = try await Session.run(connection) { client in
            try await client.pages("/v1/reports", query: [])
        }
        if json { return try Terminal.line(list.json.text) }
        let rows = list.rows.map { saved in
            [
                Text.plain(saved["id"]), Text.plain(saved["report"]?["type"]), Text.plain(saved["changed_at"]),
                Text.plain(saved["name"]),
            ]
        }
        try Terminal.line(Text.table([["ID", "TYPE", "CHANGED", "NAME"]] + rows))
    }
}

struct ReportDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Remove a saved report.")

    @Argument(help: "Its id.")
    var id: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        _ = try await Session.run(connection) { [id] client in
            try await client.open(.delete, "/v1/reports/" + PercentEncoding.encode(id))
        }
    }
}
