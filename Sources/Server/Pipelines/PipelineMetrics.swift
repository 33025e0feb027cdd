internal import Control
internal import Hummingbird
internal import Journal
internal import Model
internal import Pipelines

/// What pipelines tell at `/metrics`. Where the control database cannot say it now there is nothing.
enum PipelineMetrics {
    private struct Row {
        let labels: [(String, String)]
        let freshness: Freshness
        let lag: Int64?
        let seconds: Double?
        let isPaused: Bool
    }

    static func text(_ exchange: Exchange) async -> String {
        guard let text = try? await render(exchange) else { return "" }
        return text
    }

    private static func render(_ exchange: Exchange) async throws -> String {
        let control = exchange.app.control
        let records = try await control.pipelines(project: nil)
        guard !records.isEmpty else { return "" }
        var rows: [Row] = []
        for record in records { rows.append(try await row(record, exchange)) }
        var out = PrometheusText()
        let known = Set(records.map { $0.project + "/" + $0.name })
        let counts = try await control.runCounts().filter { known.contains($0.project + "/" + $0.pipeline) }
        out.begin("pipeline_runs_total", "counter", "Runs by what became of them.")
        for count in counts where !["queued", "running"].contains(count.status) {
            out.value(
                "pipeline_runs_total",
                [("project", count.project), ("pipeline", count.pipeline), ("status", count.status)], count.runs)
        }
        out.begin("pipeline_open_runs", "gauge", "Runs that wait or run.")
        for count in counts where ["queued", "running"].contains(count.status) {
            out.value(
                "pipeline_open_runs",
                [("project", count.project), ("pipeline", count.pipeline), ("status", count.status)], count.runs)
        }
        out.begin("pipeline_rows_total", "counter", "Rows that were loaded by runs that succeeded.")
        for count in counts where count.status == "succeeded" {
            out.value("pipeline_rows_total", [("project", count.project), ("pipeline", count.pipeline)], count.rows)
        }
        func each(_ name: String, _ help: String, _ number: (Row) -> (any CustomStringConvertible)?) {
            out.begin(name, "gauge", help)
            for row in rows { if let value = number(row) { out.value(name, row.labels, "\(value)") } }
        }
        each("pipeline_last_success_timestamp_seconds", "When the last run began that brought everything there was.") {
            $0.freshness.loadedAt.map { $0.microseconds / 1_000_000 }
        }
        each("pipeline_freshness_seconds", "How old what is loaded is.") { $0.freshness.age / 1_000_000 }
        each("pipeline_freshness_state", "By the definition's limits: 0 fresh, 1 warn, 2 fail.") { row in
            row.freshness.state.map { $0 == .fresh ? 0 : $0 == .warn ? 1 : 2 }
        }
        each("pipeline_run_seconds", "How long the last run that succeeded took.") { $0.seconds }
        each("pipeline_lag_items", "Items on disk that the last verified load did not cover.") { $0.lag }
        each("pipeline_paused", "1 if the schedule rests.") { $0.isPaused ? 1 : 0 }
        let open = try await control.openIncidents()
        out.begin("pipeline_incidents", "gauge", "What is wrong now.")
        for record in records {
            for severity in ["warning", "error"] {
                out.value(
                    "pipeline_incidents",
                    [("project", record.project), ("pipeline", record.name), ("severity", severity)],
                    open.filter {
                        $0.project == record.project && $0.pipeline == record.name
                            && $0.severity.rawValue == severity
                    }.count)
            }
        }
        return out.text
    }

    private static func row(_ record: PipelineRecord, _ exchange: Exchange) async throws -> Row {
        let control = exchange.app.control
        let definition = try? PipelineDefinition(
            json: record.definition, registry: exchange.app.pipelines.tools.registry)
        let good = try await control.lastGoodRun(project: record.project, pipeline: record.name)
        var lag: Int64?
        if definition?.isIncremental ?? false, let runtime = exchange.app.projects.runtime(record.project) {
            lag = max(0, runtime.journal.durableSeq - (good?.seqTo ?? 0))
        }
        let seconds = good.flatMap { run in
            run.startedAt.flatMap { start in
                run.finishedAt.map { Double(max(0, $0.microseconds - start.microseconds)) / 1e6 }
            }
        }
        return Row(
            labels: [("project", record.project), ("pipeline", record.name)],
            freshness: Freshness(
                definition?.freshness, good: good, createdAt: record.createdAt, now: exchange.receivedAt),
            lag: lag, seconds: seconds, isPaused: record.isPaused)
    }
}
