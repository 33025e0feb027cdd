internal import Control
internal import EventStore
internal import Exports
internal import Hummingbird
internal import Model

/// What an export will come to, before it is asked for.
enum ExportEstimates {
    /// So many of the last runs are looked at for their pace.
    private static let runs = 50

    static func estimate(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        let runtime = try exchange.project()
        let asked = try await ExportRoutes.request(try await exchange.exportBody(bytes), exchange)
        let seq = try await runtime.pin(exchange)
        let resolved = try await runtime.resolve(asked.spec, durableSeq: seq, now: exchange.receivedAt)
        exchange.note.of(resolved.dataset.rawValue)
        try exchange.requireColumns(resolved.needs.union(asked.spec.namesSeq ? [.builtin(.seq)] : []))
        let estimate = try await ExportRunner.estimate(resolved, on: runtime.store)
        let pace = try await pace(of: resolved, project: runtime.name, exchange.app.control)
        let milliseconds = (estimate.seconds(pace) * 1_000).rounded()
        return .json([
            "rows": JSONValue(estimate.rows), "bytes": JSONValue(estimate.bytes),
            "seconds": .number("\(milliseconds / 1_000)"), "exact": .bool(estimate.isExact),
            "sampled_rows": JSONValue(estimate.sampledRows), "as_of_seq": JSONValue(resolved.asOfSeq),
        ])
    }

    /// How fast the project's last exports of the same dataset and form were, those that looked for something set aside.
    private static func pace(
        of spec: ResolvedSpec, project: String, _ control: ControlStore
    ) async throws -> ExportPace {
        let kind = Self.kind(spec.json)
        var runs: [(bytes: Int64, seconds: Double)] = []
        for record in try await control.exports(project: project, before: nil, limit: Self.runs) {
            guard record.status == .succeeded, let started = record.startedAt, let finished = record.finishedAt,
                let resolved = try? JSONValue(text: record.resolved), resolved["where"] == nil,
                Self.kind(resolved) == kind, let manifest = record.manifest.flatMap({ try? JSONValue(text: $0) }),
                let bytes = manifest["bytes"]?.intValue
            else { continue }
            runs.append((bytes, Double(finished.microseconds - started.microseconds) / 1_000_000))
        }
        return ExportPace(runs, of: spec)
    }

    /// What makes exports alike.
    private static func kind(_ spec: JSONValue) -> [JSONValue?] {
        ["dataset", "format", "compression"].map { spec[$0] }
    }
}
