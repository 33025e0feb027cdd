internal import Control
internal import Destinations
internal import Hummingbird
internal import Model
internal import Pipelines

/// A pipeline as the API shows it, with how it fares.
enum PipelineDocument {
    static func json(_ record: PipelineRecord, _ exchange: Exchange) async throws -> JSONValue {
        let (control, now) = (exchange.app.control, exchange.receivedAt)
        let definition = try? PipelineDefinition(
            json: record.definition, registry: exchange.app.pipelines.tools.registry)
        let last = try await control.pipelineRuns(project: record.project, pipeline: record.name, limit: 1).first
        let good = try await control.lastGoodRun(project: record.project, pipeline: record.name)
        let freshness = Freshness(definition?.freshness, good: good, createdAt: record.createdAt, now: now)
        let statistics = try await control.runStatistics(project: record.project, pipeline: record.name)
        let open = try await control.incidents(
            project: record.project, pipeline: record.name, isOpen: true, limit: 20)
        return [
            "name": .string(record.name), "version": JSONValue(record.version), "paused": .bool(record.isPaused),
            "definition": shown(record.definition, exchange), "next_run_at": JSONValue(next(record, definition, now)),
            "last_run": last.map(RunDocument.json) ?? nil,
            "freshness": [
                "loaded_at": JSONValue(freshness.loadedAt), "seq": JSONValue(optional: freshness.seq),
                "age_seconds": JSONValue(freshness.age / 1_000_000),
                "state": JSONValue(freshness.state?.rawValue), "changes_at": JSONValue(freshness.changesAt),
            ],
            "health": [
                "runs": JSONValue(statistics.total), "succeeded": JSONValue(statistics.succeeded),
                "success_rate": decimal(statistics.successRate), "median_seconds": decimal(statistics.medianSeconds),
                "last_seconds": decimal(statistics.lastSeconds),
                "incidents": .array(open.map { incident($0) }),
            ],
            "created_at": .string(record.createdAt.text), "changed_at": .string(record.changedAt.text),
        ]
    }

    /// A definition as the API shows it: settings of destinations without what may be a secret.
    static func shown(_ definition: JSONValue, _ exchange: Exchange) -> JSONValue {
        func map(_ json: JSONValue, _ name: String, _ change: (JSONValue) -> JSONValue) -> JSONValue {
            guard case .object(let members) = json else { return json }
            return .object(members.map { $0.key == name ? .init(name, change($0.value)) : $0 })
        }
        return map(definition, "load") { load in
            map(load, "destination") { settings in
                guard case .object = settings else { return settings }
                return exchange.app.pipelines.tools.registry.shown(settings)
            }
        }
    }

    private static func next(
        _ record: PipelineRecord, _ definition: PipelineDefinition?, _ now: Timestamp
    ) -> Timestamp? {
        guard let schedule = definition?.schedule, !record.isPaused else { return nil }
        return schedule.next(after: max(record.scheduledThrough, now)).map {
            schedule.due($0, pipeline: record.name)
        }
    }

    /// Three digits are enough of a share and of seconds.
    private static func decimal(_ value: Double?) -> JSONValue {
        value.map { .number("\(($0 * 1_000).rounded() / 1_000)") } ?? .null
    }

    static func incident(_ incident: IncidentRecord) -> JSONValue {
        [
            "id": .string(incident.id), "pipeline": .string(incident.pipeline), "kind": .string(incident.kind),
            "severity": .string(incident.severity.rawValue), "what": .string(incident.what),
            "reason": .string(incident.reason), "run": JSONValue(incident.run), "times": JSONValue(incident.times),
            "since": .string(incident.openedAt.text), "until": JSONValue(incident.closedAt),
        ]
    }
}
