internal import Connectors
internal import Control
internal import Destinations
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import Pipelines

/// Backfills: a range of time that is loaded again, a window after another, beside the ordinary runs.
enum BackfillRoutes {
    static let routes = [
        Route(
            .post, "/v1/pipelines/{name}/backfills", .scope(.pipelinesWrite), audit: .act("backfills.begin"), begin),
        Route(.get, "/v1/backfills", .scope(.pipelinesRead), audit: .read("backfills.list", of: "backfills"), list),
        Route(
            .get, "/v1/backfills/{id}", .scope(.pipelinesRead), audit: .read("backfills.show", of: "backfills"), show),
        Route(.post, "/v1/backfills/{id}/pause", .scope(.pipelinesWrite), audit: .act("backfills.pause")) {
            try await set($0, .paused)
        },
        Route(.post, "/v1/backfills/{id}/resume", .scope(.pipelinesWrite), audit: .act("backfills.resume")) {
            try await set($0, .running)
        },
        Route(.post, "/v1/backfills/{id}/cancel", .scope(.pipelinesWrite), audit: .act("backfills.cancel")) {
            try await set($0, .cancelled)
        },
    ]

    private static func begin(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        return try await Idempotency.run(exchange, body: bytes) {
            let body = try RequestDocument(try Body.parse(bytes), fields: ["from", "to", "window"])
            let record = try await exchange.pipelineRecord()
            let from = try moment(body, "from", exchange)
            let to = try moment(body, "to", exchange)
            guard from < to else { throw RequestDocument.problem("\"from\" is before \"to\"") }
            let text = try body.text("window") ?? "1d"
            guard let step = Durations.microseconds(text), step >= 60_000_000 else {
                throw RequestDocument.problem("\"window\" is a length of time of at least a minute, such as 1d")
            }
            guard (to.microseconds - from.microseconds) / step <= BackfillPlan.mostWindows else {
                throw RequestDocument.problem(
                    "\"window\": that would be more than \(BackfillPlan.mostWindows) windows; take longer ones")
            }
            try await check(record, exchange)
            let made = try await exchange.app.pipelines.keeper.startBackfill(
                project: record.project, pipeline: record.name, from: from, to: to, step: step)
            guard let backfill = made.backfill else { throw Problem.notFound("there is no such backfill") }
            guard !made.isOther else {
                throw Problem(
                    .conflict, "backfill_open",
                    "the backfill \(backfill.id) of \(record.name) is \(backfill.status.rawValue): cancel it, or wait for its end"
                )
            }
            exchange.note.made(backfill.id)
            return (.accepted, Array(json(backfill).text.utf8))
        }
    }

    private static func moment(_ body: RequestDocument, _ name: String, _ exchange: Exchange) throws -> Timestamp {
        guard let text = try body.time(name), let written = WrittenTime(text) else {
            throw RequestDocument.problem("\"\(name)\" is a time, such as 2026-01-31 or 2026-01-31T12:00:00Z")
        }
        return written.timestamp()
    }

    private static func check(_ record: PipelineRecord, _ exchange: Exchange) async throws {
        let tools = exchange.app.pipelines.tools
        let definition = try PipelineDefinition(json: record.definition, registry: tools.registry)
        let settings = try await tools.settings(
            of: definition, project: record.project, isTrusted: record.isTrusted
        ).settings
        try BackfillPlan.check(definition, try tools.registry.type(settings["type"]?.stringValue ?? ""))
    }

    private static func list(_ exchange: Exchange) async throws -> Response {
        let query = exchange.query
        let limit = try query.limit()
        let rows = try await exchange.app.control.backfills(
            project: try exchange.requireCaller().project, pipeline: query["pipeline"],
            before: try query.integer("cursor", in: 1...Int64.max), limit: limit + 1)
        return .page(
            rows.prefix(limit).map(json), next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        let id = exchange.parameters[0]
        guard let found = try await exchange.app.control.backfill(id, project: try exchange.requireCaller().project)
        else { throw Problem.notFound("there is no backfill \(id.prefix(64))") }
        return .json(json(found))
    }

    private static func set(_ exchange: Exchange, _ status: BackfillRecord.Status) async throws -> Response {
        let id = exchange.parameters[0]
        guard
            let found = try await exchange.app.pipelines.keeper.setBackfill(
                id, project: try exchange.requireCaller().project, status)
        else { throw Problem.notFound("there is no backfill \(id.prefix(64))") }
        return .json(json(found))
    }

    static func json(_ backfill: BackfillRecord) -> JSONValue {
        let plan = BackfillPlan(backfill)
        let left = backfill.status == .running || backfill.status == .paused ? plan.left : nil
        return [
            "id": .string(backfill.id), "pipeline": .string(backfill.pipeline),
            "status": .string(backfill.status.rawValue), "from": .string(backfill.from.text),
            "to": .string(backfill.to.text), "window_seconds": JSONValue(backfill.step / 1_000_000),
            "next_from": .string(backfill.next.text), "windows": JSONValue(plan.windows),
            "windows_done": JSONValue(backfill.windowsDone), "rows": JSONValue(backfill.rows),
            "run": JSONValue(backfill.run), "reason": JSONValue(backfill.reason),
            "seconds_left": JSONValue(optional: left.map { $0 / 1_000_000 }),
            "created_at": .string(backfill.createdAt.text), "finished_at": JSONValue(backfill.finishedAt),
        ]
    }
}
