internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import Reports

/// Reports that are kept under a name.
enum SavedReportRoutes {
    static let routes = [
        Route(.get, "/v1/reports", .scope(.reportsRead), columns: .asked, audit: .none, list),
        Route(.post, "/v1/reports", .scope(.reportsWrite), columns: .asked, audit: .act("reports.create"), create),
        Route(.get, "/v1/reports/{id}", .scope(.reportsRead), columns: .asked, audit: .none, show),
        Route(.put, "/v1/reports/{id}", .scope(.reportsWrite), columns: .asked, audit: .act("reports.change"), change),
        Route(
            .delete, "/v1/reports/{id}", .scope(.reportsWrite), columns: .asked, audit: .act("reports.remove"), remove),
        Route(
            .get, "/v1/reports/{id}/result", .scope(.reportsRead), columns: .asked,
            audit: .read("reports.result", of: "reports"), result),
    ]

    private static let longestName = 255

    /// A key with a list of columns finds the reports that it may ask.
    private static func list(_ exchange: Exchange) async throws -> Response {
        let caller = try exchange.requireCaller()
        let limit = try exchange.query.limit()
        var after = try exchange.query.integer("cursor", in: 0...Int64.max) ?? 0
        var found: [SavedReport] = []
        while found.count <= limit {
            let page = try await exchange.app.control.reports(project: caller.project, after: after, limit: 1_000)
            for saved in page where try await exchange.maySee(saved, caller) { found.append(saved) }
            guard page.count == 1_000, let last = page.last else { break }
            after = last.number
        }
        let shown = found.prefix(limit)
        return .page(shown.map(\.json), next: found.count > limit ? shown.last.map { String($0.number) } : nil)
    }

    private static func create(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        let allowed = { _ = try await read(Body.parse(bytes), exchange) }
        return try await Idempotency.run(exchange, body: bytes, allowed: allowed) {
            let (name, report) = try await read(Body.parse(bytes), exchange)
            let saved = try await exchange.app.control.createReport(
                project: exchange.requireCaller().project, name: name, report: report)
            exchange.note.made(saved.id)
            return (.created, Array(saved.json.text.utf8))
        }
    }

    private static func show(_ exchange: Exchange) async throws -> Response { .json(try await allowed(exchange).json) }

    private static func change(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        let old = try await allowed(exchange)
        let (name, report) = try await read(Body.parse(bytes), exchange)
        let project = try exchange.requireCaller().project
        guard
            let saved = try await exchange.app.control.changeReport(
                old.id, project: project, name: name, report: report)
        else { throw Problem.notFound("there is no report \(old.id)") }
        return .json(saved.json)
    }

    private static func remove(_ exchange: Exchange) async throws -> Response {
        let saved = try await allowed(exchange)
        let project = try exchange.requireCaller().project
        guard try await exchange.app.control.removeReport(saved.id, project: project) else {
            throw Problem.notFound("there is no report \(saved.id)")
        }
        return Response(status: .noContent)
    }

    private static func result(_ exchange: Exchange) async throws -> Response {
        try await ReportRoutes.answer(try await exchange.expanded(try await allowed(exchange).report), exchange)
    }

    /// The report that the path names, if the caller may see what it asks for.
    private static func allowed(_ exchange: Exchange) async throws -> SavedReport {
        let saved = try await exchange.savedReport(exchange.parameters[0])
        if try !exchange.requireCaller().grant.isAll {
            let expanded = try await exchange.expanded(saved.report)
            try exchange.requireColumns(try ReportRunner.check(expanded, now: exchange.receivedAt).needs)
        }
        return saved
    }

    /// The name and the question of a body.
    static func read(
        _ body: JSONValue, _ exchange: Exchange
    ) async throws -> (name: String, report: JSONValue) {
        guard case .object(let members) = body, let report = body["report"],
            members.allSatisfy({ $0.key == "name" || $0.key == "report" })
        else { throw Problem.badRequest("send {\"name\": \"…\", \"report\": {…}}") }
        guard let name = body["name"]?.stringValue, (1...longestName).contains(name.utf8.count),
            !name.utf8.contains(0)
        else {
            throw Problem.badRequest("name: a text of 1 to \(longestName) bytes should be here")
        }
        let expanded = try await exchange.expanded(report)
        try exchange.requireColumns(try ReportRunner.check(expanded, now: exchange.receivedAt).needs)
        return (name, report)
    }
}

extension Exchange {
    /// Whether a caller may see all that a report asks for.
    fileprivate func maySee(_ saved: SavedReport, _ caller: Caller) async throws -> Bool {
        if caller.grant.isAll { return true }
        guard let whole = try? await expanded(saved.report),
            let report = try? ReportRunner.check(whole, now: receivedAt)
        else { return false }
        return caller.grant.missing(of: report.needs) == nil
    }
}

extension SavedReport {
    fileprivate var json: JSONValue {
        [
            "id": .string(id), "name": .string(name), "report": report, "created_at": .string(createdAt.text),
            "changed_at": .string(changedAt.text),
        ]
    }
}
