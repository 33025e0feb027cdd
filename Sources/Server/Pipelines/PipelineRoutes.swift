internal import Control
internal import Destinations
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import Pipelines

/// Pipelines: applied from files, listed, run, paused. Their last runs show samples of rows that failed a rule, so that keys with a
/// list of columns are refused.
enum PipelineRoutes {
    static let routes = [
        Route(.get, "/v1/pipelines", .scope(.pipelinesRead), audit: .read("pipelines.list", of: "runs"), list),
        Route(.post, "/v1/pipelines", .scope(.pipelinesWrite), audit: .act("pipelines.apply"), apply),
        Route(
            .post, "/v1/pipelines/plan", .scope(.pipelinesRead), audit: .read("pipelines.plan", of: "pipelines"), plan),
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

    /// A file of pipelines, as text.
    private static func file(_ exchange: Exchange) async throws -> (bytes: [UInt8], file: PipelineFile) {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Problem.badRequest("the body is no UTF-8", code: "bad_definition")
        }
        return (bytes, try PipelineFile(text: text, registry: exchange.app.pipelines.tools.registry))
    }

    private static func apply(_ exchange: Exchange) async throws -> Response {
        let (bytes, file) = try await file(exchange)
        return try await Idempotency.run(exchange, body: bytes) {
            let caller = try exchange.requireCaller()
            try await exchange.app.pipelines.check(file, project: caller.project, isTrusted: caller.isOwner)
            let plan = try await difference(file, exchange)
            try await exchange.app.control.applyPipelines(
                project: caller.project, pipelines: file.pipelines.map { ($0.name, $0.json) },
                destinations: file.destinations, alerts: file.alerts, isTrusted: caller.isOwner,
                at: exchange.receivedAt)
            exchange.app.pipelines.keeper.poke()
            return (.ok, Array(plan.text.utf8))
        }
    }

    private static func plan(_ exchange: Exchange) async throws -> Response {
        let (_, file) = try await file(exchange)
        let caller = try exchange.requireCaller()
        try await exchange.app.pipelines.check(file, project: caller.project, isTrusted: caller.isOwner)
        return .json(try await difference(file, exchange))
    }

    /// What applying a file changes.
    private static func difference(_ file: PipelineFile, _ exchange: Exchange) async throws -> JSONValue {
        let project = try exchange.requireCaller().project
        var pipelines: [JSONValue] = []
        for pipeline in file.pipelines {
            let old = try await exchange.app.control.pipeline(pipeline.name, project: project)
            let changes = old.map { PipelineChange.between($0.definition, pipeline.json) } ?? []
            let told = old.map {
                PipelineChange.between(
                    PipelineDocument.shown($0.definition, exchange), PipelineDocument.shown(pipeline.json, exchange))
            }
            let moves = changes.contains { $0.path.hasPrefix("load.destination") }
            pipelines.append([
                "kind": "pipeline", "name": .string(pipeline.name),
                "action": .string(old == nil ? "create" : changes.isEmpty ? "none" : "change"),
                "changes": .array((told ?? []).map(\.json)),
                "notes": moves
                    ? ["rows go to another place: what is not there yet is loaded from the beginning"] : [],
            ])
        }
        let kept = try await exchange.app.control.destinations(project: project)
        for (name, settings) in file.destinations {
            let old = kept.first { $0.name == name }
            let changes = old.map { PipelineChange.between($0.settings, settings) } ?? []
            let registry = exchange.app.pipelines.tools.registry
            let told = old.map { PipelineChange.between(registry.shown($0.settings), registry.shown(settings)) }
            pipelines.append([
                "kind": "destination", "name": .string(name),
                "action": .string(old == nil ? "create" : changes.isEmpty ? "none" : "change"),
                "changes": .array((told ?? []).map(\.json)), "notes": [],
            ])
        }
        let told = try await exchange.app.control.alertTargets(project: project)
        for (name, settings) in file.alerts {
            let old = told.first { $0.name == name }
            let changes = old.map { PipelineChange.between($0.settings, settings) } ?? []
            pipelines.append([
                "kind": "alert", "name": .string(name),
                "action": .string(old == nil ? "create" : changes.isEmpty ? "none" : "change"),
                "changes": .array(changes.map(\.json)), "notes": [],
            ])
        }
        return ["data": .array(pipelines)]
    }

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
    /// The pipeline that the path names.
    func pipelineRecord() async throws -> PipelineRecord {
        let name = parameters[0]
        guard let record = try await app.control.pipeline(name, project: try requireCaller().project) else {
            throw Problem.notFound("there is no pipeline \(name.prefix(64))")
        }
        return record
    }
}
