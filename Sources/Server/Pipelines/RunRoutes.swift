internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import Pipelines

/// Runs of pipelines: listed, looked at, cancelled. They show samples of rows that failed a rule.
enum RunRoutes {
    static let routes = [
        Route(.get, "/v1/runs", .scope(.pipelinesRead), audit: .read("runs.list", of: "runs"), list),
        Route(
            .get, "/v1/runs/{id}", .scope(.pipelinesRead), audit: .read("runs.show", of: "runs"), show),
        Route(.get, "/v1/runs/{id}/file", .scope(.exportsRead), audit: .read("runs.file", of: "runs"), file),
        Route(.post, "/v1/runs/{id}/cancel", .scope(.pipelinesWrite), audit: .act("runs.cancel"), cancel),
    ]

    private static func list(_ exchange: Exchange) async throws -> Response {
        let query = exchange.query
        let limit = try query.limit()
        var status: PipelineRunRecord.Status?
        if let text = query["status"] {
            guard let known = PipelineRunRecord.Status(rawValue: text) else {
                let all = PipelineRunRecord.Status.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem.parameter("status", "must be one of \(all)")
            }
            status = known
        }
        let rows = try await exchange.app.control.pipelineRuns(
            project: try exchange.requireCaller().project, pipeline: try await exchange.pipelineAsked(), status: status,
            before: try query.integer("cursor", in: 1...Int64.max), limit: limit + 1)
        return .page(
            rows.prefix(limit).map { RunDocument.json($0) },
            next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        let run = try await run(exchange)
        guard case .object(let members) = RunDocument.json(run) else { return .json(RunDocument.json(run)) }
        let kept = try await kept(run, exchange).map { file -> JSONValue in
            [
                "name": .string(file.name), "bytes": JSONValue(file.bytes), "encrypted": .bool(file.isEncrypted),
                "kept_until": .string(file.until.text),
            ]
        }
        return .json(
            .object(members + [.init("file", kept ?? .null), .init("lineage", try await lineage(run, exchange))]))
    }

    /// The file that was loaded, as long as it is kept.
    private static func file(_ exchange: Exchange) async throws -> Response {
        let run = try await run(exchange)
        guard let file = try await kept(run, exchange) else {
            throw Problem(
                .gone, "file_gone",
                "the run's file is not there: \"retain: { files: 7d }\" of a pipeline says how long files are kept after they were loaded"
            )
        }
        exchange.note.rows(run.rows ?? 0)
        let headers: HTTPFields = [
            .contentType: "application/octet-stream",
            .contentDisposition: "attachment; filename=\"\(file.name)\"", .cacheControl: "private, no-cache",
        ]
        let body = try await FileIO().loadFile(path: file.path, context: exchange.context)
        return Response(status: .ok, headers: headers, body: body)
    }

    private static func run(_ exchange: Exchange) async throws -> PipelineRunRecord {
        let id = exchange.parameters[0]
        guard let run = try await exchange.app.control.pipelineRun(id, project: try exchange.requireCaller().project)
        else { throw Problem.notFound("there is no run \(id.prefix(64))") }
        return run
    }

    private static func kept(_ run: PipelineRunRecord, _ exchange: Exchange) async throws -> KeptRunFiles.File? {
        let folder = try exchange.project().directory + "/pipelines/" + run.pipeline
        return try await Blocking.run { KeptRunFiles(pipeline: folder).find(run.id) }
    }

    private static func lineage(_ run: PipelineRunRecord, _ exchange: Exchange) async throws -> JSONValue {
        let (control, registry) = (exchange.app.control, exchange.app.pipelines.tools.registry)
        var followers: [(name: String, good: PipelineRunRecord?)] = []
        for record in try await control.pipelines(project: run.project) {
            let definition = try? PipelineDefinition(json: record.definition, registry: registry)
            guard definition?.after.contains(run.pipeline) ?? false else { continue }
            followers.append(
                (record.name, try await control.lastGoodRun(project: run.project, pipeline: record.name)))
        }
        let open = try await control.incidents(
            project: run.project, pipeline: run.pipeline, isOpen: true, limit: 20)
        return RunLineage.json(run, followers: followers, incident: open.first { $0.kind == "run" })
    }

    private static func cancel(_ exchange: Exchange) async throws -> Response {
        let id = exchange.parameters[0]
        guard
            let run = try await exchange.app.pipelines.keeper.cancel(
                id, project: try exchange.requireCaller().project)
        else { throw Problem.notFound("there is no run \(id.prefix(64))") }
        return .json(RunDocument.json(run))
    }
}
