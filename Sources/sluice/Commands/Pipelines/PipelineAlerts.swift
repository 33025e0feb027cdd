import ArgumentParser
import Model

struct PipelineAlerts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts", abstract: "List what is wrong with pipelines, who was told, and whether it arrived.",
        discussion: """
            Examples:
              sluice pipeline alerts                what is wrong now
              sluice pipeline alerts --all          what was wrong before, too
              sluice pipeline alerts --test ops     send something to a target, as an alert is sent
            """)

    @Option(name: .long, help: ArgumentHelp("Only those of this pipeline.", valueName: "NAME"))
    var pipeline: String?

    @Flag(name: .long, help: "Those that are over, too.")
    var all = false

    @Option(name: .long, help: ArgumentHelp("Send a test to this target.", valueName: "TARGET"))
    var test: String?

    @Option(name: .long, help: ArgumentHelp("At most that many.", valueName: "N"))
    var limit = 50

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    /// How many seconds it is waited for what becomes of a test.
    private static let patience = 40

    /// Says of everybody whom a test went to whether it was taken.
    private func tell(_ answer: JSONValue) throws {
        let deliveries = answer["deliveries"]?.arrayValue ?? []
        let problem = Text.plain(answer["problem"])
        let isTaken = problem.isEmpty && deliveries.allSatisfy { $0["state"]?.stringValue == "delivered" }
        if json {
            try Terminal.line(answer.text)
        } else {
            for delivery in deliveries { try Terminal.line(Self.line(delivery)) }
        }
        guard problem.isEmpty else { throw Failure(.failed, problem) }
        guard isTaken, !deliveries.isEmpty else { throw Failure(.failed, "the test was not taken by everybody") }
    }

    private static func line(_ delivery: JSONValue) -> String {
        let target = Text.visible(Text.plain(delivery["target"]))
        if delivery["state"]?.stringValue == "delivered" { return "\(target): taken" }
        let status = Text.plain(delivery["status"])
        let parts = [
            status.isEmpty ? "" : "HTTP \(status)", Text.plain(delivery["error"]), Text.plain(delivery["detail"]),
        ]
        let why = parts.filter { !$0.isEmpty }.joined(separator: ": ")
        guard !why.isEmpty else { return "\(target): not tried yet (\(Text.plain(delivery["state"])))" }
        return "\(target): not taken: \(Text.visible(why))"
    }

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
    }

    func run() async throws {
        if let test {
            let path = "/v1/alerts/targets/\(PercentEncoding.encode(test))/test?wait=\(Self.patience)"
            let answer = try await Session.run(connection) { client in try await client.json(.post, path, body: [:]) }
            return try tell(answer)
        }
        var query: [(String, String)] = all ? [] : [("state", "open")]
        if let pipeline { query.append(("pipeline", pipeline)) }
        let found = try await Session.run(connection) { [query, limit] client in
            try await client.pages("/v1/alerts", query: query, limit: limit)
        }
        if json { return try Terminal.line(found.json.text) }
        guard !found.rows.isEmpty else { return try Terminal.line(all ? "nothing was wrong" : "nothing is wrong") }
        for row in found.rows {
            let end = Text.plain(row["until"])
            try Terminal.line(
                "\(Text.plain(row["severity"]))  \(Text.plain(row["pipeline"]))  \(Text.plain(row["kind"])) "
                    + "\(Text.plain(row["what"]))  since \(Text.plain(row["since"]))"
                    + (end.isEmpty ? "" : " until \(end)") + "  \(Text.plain(row["times"])) times")
            try Terminal.line("  \(Text.visible(Text.plain(row["reason"])))")
            for alert in row["alerts"]?.arrayValue ?? [] {
                let states = (alert["deliveries"]?.arrayValue ?? []).map { Text.plain($0["state"]) }
                let problem = Text.plain(alert["problem"])
                try Terminal.line(
                    "  told at \(Text.plain(alert["made_at"])): \(Text.plain(alert["type"])) "
                        + (states.isEmpty ? "" : states.joined(separator: ", "))
                        + (problem.isEmpty ? "" : " (\(Text.visible(problem)))"))
            }
        }
    }
}
