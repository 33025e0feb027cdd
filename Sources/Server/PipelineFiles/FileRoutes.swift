internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Logging
internal import Model
internal import Pipelines
internal import Webhooks

/// Files of pipelines and all that belongs to them: applied, or only compared with what is there.
enum FileRoutes {
    static let routes = [
        Route(.post, "/v1/pipelines", .scope(.pipelinesWrite), audit: .act("pipelines.apply"), apply),
        Route(
            .post, "/v1/pipelines/plan", .scope(.pipelinesRead), audit: .read("pipelines.plan", of: "pipelines"), plan),
    ]

    /// A file, as text, of a caller who may do all that it asks for.
    private static func file(
        _ exchange: Exchange, writes: Bool
    ) async throws -> (bytes: [UInt8], file: PipelineFile) {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Problem.badRequest("the body is no UTF-8", code: "bad_definition")
        }
        let file = try PipelineFile(text: text, registry: exchange.app.pipelines.tools.registry)
        let caller = try exchange.requireCaller()
        for kind in FileThing.Kind.allCases where file.things.contains(where: { $0.kind == kind }) {
            let scope = writes ? kind.writing : kind.reading
            guard caller.scopes.allows(scope) else {
                throw Problem.forbidden(
                    "the file has \(kind.section), which needs a key with the scope \(scope.rawValue); nothing was changed"
                )
            }
        }
        return (bytes, file)
    }

    private static func plan(_ exchange: Exchange) async throws -> Response {
        let (_, file) = try await file(exchange, writes: false)
        return .json(try await FilePlan(file, exchange, resolves: false).json)
    }

    private static func apply(_ exchange: Exchange) async throws -> Response {
        let (bytes, file) = try await file(exchange, writes: true)
        return try await Idempotency.run(exchange, body: bytes, kept: withoutSecrets) {
            let plan = try await FilePlan(file, exchange, resolves: true)
            if let error = PipelineError(plan.clashes.map(\.error)) {
                var problem = Problem.conflict("table_taken", error.description)
                problem.members = Problem(mapping: error)?.members ?? []
                throw problem
            }
            try await plan.apply()
            return (.ok, Array(plan.answer(isTold: true).text.utf8))
        }
    }

    /// The answer as it is kept for whoever asks again: a secret is told once.
    private static func withoutSecrets(_ answer: [UInt8]) -> [UInt8] {
        guard let json = try? JSONValue(answer.span), let rows = json["data"]?.arrayValue else { return [] }
        let kept = rows.map { row in
            guard case .object(let members) = row else { return row }
            return JSONValue.object(members.map { $0.key == "secret" ? .init("secret", nil) : $0 })
        }
        return Array(JSONValue.object([.init("data", .array(kept))]).text.utf8)
    }
}

extension FilePlan {
    /// Does it. What the control database keeps is one transaction, what the outbox keeps another, after it: a trigger's segment is there
    /// before it. Where the second one fails, applying the file again does what is left.
    fileprivate func apply() async throws {
        let (app, caller) = (exchange.app, try exchange.requireCaller())
        try await app.control.applyPipelines(
            project: caller.project, pipelines: file.pipelines.map { ($0.name, $0.json) },
            destinations: file.destinations, alerts: file.alerts, segments: segments, reports: reports,
            isTrusted: caller.isOwner, at: exchange.receivedAt)
        if !endpoints.isEmpty || !triggers.isEmpty {
            let runtime = try exchange.project()
            if !triggers.isEmpty { runtime.keepJournal() }
            for step in endpoints { runtime.keepJournal(for: step.draft.definition) }
            try await app.webhooks.store.apply(
                endpoints, triggers, project: caller.project, by: caller.key, now: exchange.receivedAt,
                durable: { runtime.journal.durableSeq })
            try await app.webhooks.sender.reload()
        }
        app.pipelines.keeper.poke()
        let made = changes.filter { $0.action != .none }
        exchange.logger.info(
            "a file of pipelines was applied",
            metadata: ["changes": .array(made.map { "\($0.kind) \($0.name): \($0.action.rawValue)" })])
    }
}

extension FileThing.Kind {
    fileprivate var writing: Scope {
        switch self {
        case .segment: .segmentsWrite
        case .report: .reportsWrite
        case .endpoint, .trigger: .webhooksWrite
        }
    }

    fileprivate var reading: Scope {
        switch self {
        case .segment: .peopleRead
        case .report: .reportsRead
        case .endpoint, .trigger: .webhooksRead
        }
    }
}
