import ArgumentParser
import Model

struct PipelineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pipeline",
        abstract: "Send what is new to other systems, by a schedule: exports that are validated, loaded and verified.",
        discussion: """
            A pipeline is a YAML file:
              name: warehouse
              schedule: { cron: "0 6 * * *", timezone: America/New_York }
              export: { dataset: events }
              load: { destination: { type: postgres, url: secret://env/WAREHOUSE_URL, table: events } }

            Examples:
              sluice pipeline check warehouse.yaml
              sluice pipeline apply warehouse.yaml --data ./data
              sluice pipeline run warehouse --wait --data ./data
            """,
        subcommands: [
            PipelineCheck.self, PipelinePlan.self, PipelineApply.self, PipelineRunNow.self, PipelineRuns.self,
            PipelineShow.self, PipelineKeptFile.self, PipelineList.self, PipelineCancel.self, PipelinePause.self,
            PipelineResume.self,
            PipelineRemove.self, PipelineBackfill.self, PipelineAlerts.self,
        ])
}

/// Which pipeline a command is about.
struct PipelineName: ParsableArguments {
    @Argument(help: "The pipeline's name.")
    var name: String

    /// The pipeline's path in the API, or that of something of it.
    func path(_ rest: String = "") -> String { "/v1/pipelines/\(PercentEncoding.encode(name))\(rest)" }
}

/// How pipelines and runs are shown to a person.
enum PipelineText {
    /// - Parameter tellsWhy: whether the reason of a run that failed is among the lines; each is said once.
    static func run(_ run: JSONValue, tellsWhy: Bool = true) -> [String] {
        var lines = [
            "\(Text.plain(run["id"]))  \(Text.plain(run["pipeline"]))  \(Text.plain(run["status"]))"
                + (run["window"].map { $0 == .null } ?? true
                    ? "" : "  seq \(Text.plain(run["window"]?["seq_from"])) to \(Text.plain(run["window"]?["seq_to"]))")
                + (run["rows"].map { $0 == .null } ?? true ? "" : "  \(Text.plain(run["rows"])) rows")
        ]
        let reason = Text.plain(run["reason"])
        if tellsWhy, !reason.isEmpty { lines.append("  \(Text.visible(reason))") }
        if let file = run["file"], file != .null {
            lines.append("  \(Text.plain(file["name"])) is kept until \(Text.plain(file["kept_until"]))")
        }
        if let next = run["next_attempt_at"], next != .null { lines.append("  tried again at \(Text.plain(next))") }
        for step in run["steps"]?.arrayValue ?? [] {
            let said = Text.plain(step["reason"])
            let note = said.isEmpty || reason.hasSuffix(said) ? "" : said
            lines.append(
                "  \(Text.plain(step["name"])): \(Text.plain(step["status"]))"
                    + (step["rows_out"] == .null ? "" : ", \(Text.plain(step["rows_out"])) rows")
                    + (note.isEmpty ? "" : " (\(Text.visible(note)))"))
            for check in step["checks"]?.arrayValue ?? []
            where check["status"]?.stringValue != "passed" && !reason.contains(Text.plain(check["message"])) {
                lines.append(
                    "    \(Text.plain(check["status"])): \(Text.visible(Text.plain(check["message"])))")
            }
        }
        return lines
    }

    static func plan(_ plan: JSONValue) -> [String] {
        var lines: [String] = []
        for entry in plan["data"]?.arrayValue ?? [] {
            let action = Text.plain(entry["action"])
            lines.append(
                "\(Text.plain(entry["kind"])) \(Text.visible(Text.plain(entry["name"]))): "
                    + (action == "none" ? "unchanged" : action))
            for change in entry["changes"]?.arrayValue ?? [] {
                let (old, new) = (change["old"] ?? .null, change["new"] ?? .null)
                let sign = old == .null ? "+" : new == .null ? "-" : "~"
                let values = old == .null ? new.text : new == .null ? old.text : "\(old.text) -> \(new.text)"
                lines.append("  \(sign) \(Text.plain(change["path"])): \(Text.visible(values))")
            }
            for note in entry["notes"]?.arrayValue ?? [] { lines.append("  note: \(Text.visible(Text.plain(note)))") }
            if let secret = entry["secret"]?.stringValue {
                lines.append("  secret: \(secret)   (it is shown this once)")
            }
        }
        return lines
    }
}
