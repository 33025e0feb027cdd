internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Model

/// How long what is stored is kept.
enum RetentionRoutes {
    static let routes = [
        Route(.get, "/v1/privacy/retention", .scope(.privacyWrite), audit: .none, show),
        Route(.put, "/v1/privacy/retention", .scope(.privacyWrite), audit: .act("retention.change"), replace),
        Route(.post, "/v1/privacy/retention/runs", .scope(.privacyWrite), audit: .act("retention.run"), applyNow),
        Route(.get, "/v1/privacy/retention/runs/{id}", .scope(.privacyWrite), audit: .none, showRun),
    ]

    private static func show(_ exchange: Exchange) async throws -> Response {
        let (control, project) = (exchange.app.control, try exchange.requireCaller().project)
        let last = try await control.privacyRecords(project: project, kind: .retention, before: nil, limit: 1).first
        return .json([
            "rules": try await control.retentionRules(project: project) ?? [],
            "last_run": last.map(ErasureRoutes.document) ?? .null,
        ])
    }

    private static func replace(_ exchange: Exchange) async throws -> Response {
        let body = try Body.parse(try await Body.decoded(exchange, limit: Body.documentBytes))
        guard case .object(let members) = body, let given = body["rules"], members.count == 1 else {
            throw Problem.badRequest(
                "send {\"rules\": [{\"older_than\": \"400d\"}, {\"event\": \"…\", \"older_than\": \"30d\"}]}",
                code: "invalid_retention")
        }
        let rules = try RetentionRules(json: given)
        try await exchange.app.control.setRetentionRules(rules.json, project: try exchange.requireCaller().project)
        return try await show(exchange)
    }

    /// Applies the rules now; the server does it once a day by itself.
    private static func applyNow(_ exchange: Exchange) async throws -> Response {
        let app = exchange.app
        let record = try await apply(try exchange.project(), app.control, app.erasures, now: exchange.receivedAt)
        guard let record else {
            throw Problem.conflict(
                "no_rules", "there are no rules of retention; PUT some to /v1/privacy/retention first")
        }
        exchange.note.made(record.id)
        return .json(ErasureRoutes.document(record), status: .accepted)
    }

    private static func showRun(_ exchange: Exchange) async throws -> Response {
        let id = exchange.parameters[0]
        let project = try exchange.requireCaller().project
        guard let record = try await exchange.app.control.privacyRecord(id, project: project), record.kind == .retention
        else { throw Problem.notFound("there is no run of retention \(id.prefix(64))") }
        return .json(ErasureRoutes.document(record))
    }

    /// Queues a run; nil where there are no rules.
    static func apply(
        _ runtime: ProjectRuntime, _ control: ControlStore, _ erasures: ErasureService, now: Timestamp
    ) async throws -> PrivacyRecord? {
        guard let stored = try await control.retentionRules(project: runtime.name) else { return nil }
        let rules = try RetentionRules(json: stored)
        guard !rules.rules.isEmpty else { return nil }
        return try await erasures.enqueue(ErasureRequest(rules: rules.aged(at: now)), .retention, runtime: runtime)
    }
}
