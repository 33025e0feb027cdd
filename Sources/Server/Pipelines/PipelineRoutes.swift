internal import Control
internal import Destinations
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import Pipelines

/// Pipelines: listed, run, paused. Their last runs show samples of rows that failed a rule, so that keys with a
/// list of columns are refused.
enum PipelineRoutes {
    static let routes = [
        Route(.get, "/v1/pipelines", .scope(.pipelinesRead), audit: .read("pipelines.list", of: "runs"), list),
        Route(.get, "/v1/pipelines/{name}", .scope(.pipelinesRead), audit: .read("pipelines.show", of: "runs"), show),
        Route(.delete, "/v1/pipelines/{name}", .scope(.pipelinesWrite), audit: .act("pipelines.remove"), remove),
        Route(.post, "/v1/pipelines/{name}/run", .scope(.pipelinesWrite), audit: .act("pipelines.run"), run),
        Route(.post, "/v1/pipelines/{name}/pause", .scope(.pipelinesWrite), audit: .act("pipelines.pause")) {
            try await pause($0, true)
        },
        Route(.post, "/v1/pipelines/{name}/resume", .scope(.pipelinesWrite), audit: .act("pipelines.resume")) {
            try await pause($0, false)
        },
        Route(
            .get, "/v1/destinations", .scope(.pipelinesRead), audit: .read("destinations.list", of: "destinations"),
            destinations),
    ]

    private static func list(_ exchange: Exchange) async throws -> Response {
        let project = try exchange.requireCaller().project
        var rows: [JSONValue] = []
        for record in try await exchange.app.control.pipelines(project: project) {
            rows.append(try await PipelineDocument.json(record, exchange))
        }
        return .page(rows, next: nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        .json(try await PipelineDocument.json(try await exchange.pipelineRecord(), exchange))
    }

    private static func remove(_ exchange: Exchange) async throws -> Response {
        let record = try await exchange.pipelineRecord()
        for run in try await exchange.app.control.openPipelineRuns()
        where run.project == record.project && run.pipeline == record.name {
            _ = try await exchange.app.pipelines.keeper.cancel(run.id, project: record.project)
        }
        _ = try await exchange.app.control.removePipeline(record.name, project: record.project)
        return Response(status: .noContent)
    }

    private static func run(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        guard bytes.isEmpty || (try? JSONValue(bytes.span)) == .object([]) else {
            throw Problem.badRequest("a run takes no settings: send no body, or an empty object")
        }
        return try await Idempotency.run(exchange, body: bytes) {
            let record = try await exchange.pipelineRecord()
            guard
                let run = try await exchange.app.pipelines.keeper.start(
                    project: record.project, pipeline: record.name)
            else { throw Problem.notFound("there is no pipeline \(record.name)") }
            exchange.note.made(run.id)
            return (.accepted, Array(RunDocument.json(run).text.utf8))
        }
    }

    private static func pause(_ exchange: Exchange, _ isPaused: Bool) async throws -> Response {
        let record = try await exchange.pipelineRecord()
        guard
            let now = try await exchange.app.control.pausePipeline(
                record.name, project: record.project, isPaused: isPaused, at: exchange.receivedAt)
        else { throw Problem.notFound("there is no pipeline \(record.name)") }
        exchange.app.pipelines.keeper.poke()
        return .json(try await PipelineDocument.json(now, exchange))
    }

    private static func destinations(_ exchange: Exchange) async throws -> Response {
        let found = try await exchange.app.control.destinations(project: try exchange.requireCaller().project)
        return .page(
            found.map { record in
                [
                    "name": .string(record.name),
                    "settings": exchange.app.pipelines.tools.registry.shown(record.settings),
                    "changed_at": .string(record.changedAt.text),
                ]
            }, next: nil)
    }
}

extension Exchange {
    /// The pipeline that the query asks for: one that there is, or was; nil for all.
    func pipelineAsked() async throws -> String? {
        // A parameter without a value says nothing.
        guard let name = query["pipeline"], !name.isEmpty else { return nil }
        guard try await app.control.hasHadPipeline(name, project: try requireCaller().project) else {
            throw Problem.parameter("pipeline", "there is no pipeline \(name.prefix(64))")
        }
        return name
    }

    /// The pipeline that the path names.
    func pipelineRecord() async throws -> PipelineRecord {
        let name = parameters[0]
        guard let record = try await app.control.pipeline(name, project: try requireCaller().project) else {
            throw Problem.notFound("there is no pipeline \(name.prefix(64))")
        }
        return record
    }
}
