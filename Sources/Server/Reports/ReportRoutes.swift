internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Model
internal import Reports

/// Questions about what people do, and the people behind the numbers.
enum ReportRoutes {
    static let routes = [
        Route(
            .post, "/v1/reports/query", .scope(.reportsRead), columns: .asked,
            audit: .read("reports.query", of: "reports"), query),
        Route(
            .post, "/v1/reports/people", .scope(.reportsRead), columns: .asked,
            audit: .read("reports.people", of: "people"), people),
    ]

    private static func query(_ exchange: Exchange) async throws -> Response {
        let body = try Body.parse(try await Body.decoded(exchange, limit: Body.documentBytes))
        return try await answer(try await exchange.namedReport(body), exchange)
    }

    /// Answers a report whose columns the caller may see.
    static func answer(_ json: JSONValue, _ exchange: Exchange) async throws -> Response {
        let report = try ReportRunner.check(json, now: exchange.receivedAt)
        try exchange.requireColumns(report.needs)
        let asOfSeq = try await exchange.reportSeq(report)
        let began = SystemClock.monotonicMicroseconds()
        let answer = try await ReportRunner.run(
            json, on: try exchange.project().store, asOfSeq: asOfSeq, now: exchange.receivedAt,
            limit: exchange.app.configuration.reportTime)
        return .json(answer.json(milliseconds: Int64((SystemClock.monotonicMicroseconds() - began) / 1_000)))
    }

    /// The people of one cell of a report, by pages. A cursor keeps the moment as of which the first page answered.
    private static func people(_ exchange: Exchange) async throws -> Response {
        let body = try Body.parse(try await Body.decoded(exchange, limit: Body.documentBytes))
        guard try exchange.requireCaller().scopes.allows(.peopleRead) else {
            throw Problem.forbidden("the people of a report need the scope people:read beside reports:read")
        }
        let fields = ["report", "report_id", "cell", "limit", "cursor"]
        guard case .object(let members) = body else {
            throw Problem.badRequest("send {\"report\": {…}, \"cell\": {…}}")
        }
        for member in members where !fields.contains(member.key) {
            throw Problem.badRequest("there is no \"\(member.key)\"; there are \(fields.joined(separator: ", "))")
        }
        var before: ReportPage?
        if let cursor = body["cursor"], cursor != .null {
            guard let read = ReportPage(cursor.stringValue ?? "") else {
                throw Problem.parameter("cursor", "must be a next_cursor of the same report and cell")
            }
            before = read
        }
        let asked = body["report"] ?? .object(members.filter { $0.key == "report_id" })
        let json = try await exchange.namedReport(asked, definedAt: before?.asOf)
        let report = try ReportRunner.check(json, now: exchange.receivedAt)
        try exchange.requireColumns(report.needs.union([.builtin(.personID), .builtin(.identities)]))
        let limit = body["limit"].map { $0.intValue ?? 0 } ?? 100
        guard (1...1_000).contains(limit) else {
            throw Problem.parameter("limit", "must be a whole number from 1 to 1000")
        }
        let page: ReportPage
        if let before {
            page = before
            _ = try await exchange.project().pin(page.asOfSeq, wait: exchange.app.configuration.readWait)
        } else {
            page = ReportPage(asOfSeq: try await exchange.reportSeq(report), asOf: exchange.receivedAt, after: 0)
        }
        let found = try await ReportRunner.people(
            json, cell: body["cell"] ?? .null, on: try exchange.project().store, page: page, limit: Int(limit),
            within: exchange.app.configuration.reportTime)
        exchange.note.rows(found.people.count)
        return .json([
            "data": .array(
                found.people.map {
                    ["id": .string($0.id.text), "identities": .array($0.identities.map { .string($0) })]
                }),
            "next_cursor": found.next.map { .string($0.text) } ?? .null,
            "as_of": .string(page.asOf.text), "as_of_seq": JSONValue(page.asOfSeq),
        ])
    }
}

extension Exchange {
    /// The report that a body is, or names by `report_id`; what stands beside the id takes the place of what was saved.
    ///
    /// - Parameter definedAt: the moment whose segments and columns are meant; nil for those of now.
    func namedReport(_ body: JSONValue, definedAt: Timestamp? = nil) async throws -> JSONValue {
        guard let id = body["report_id"], case .object(let given) = body else {
            return try await expanded(body, definedAt: definedAt)
        }
        guard let text = id.stringValue else { throw Problem.badRequest("report_id: a text should be here") }
        let saved = try await savedReport(text)
        guard case .object(let members) = saved.report else { return saved.report }
        let changed = given.filter { $0.key != "report_id" }
        let names = Set(changed.map(\.key))
        let fields = ["from", "to", "timezone", "as_of", "as_of_seq"]
        if let other = changed.first(where: { !fields.contains($0.key) }) {
            throw Problem.badRequest(
                "\"\(other.key)\" cannot stand beside report_id; there are \(fields.joined(separator: ", "))")
        }
        return try await expanded(.object(members.filter { !names.contains($0.key) } + changed), definedAt: definedAt)
    }

    /// A report in which saved segments are in their places, as they are now.
    func expanded(_ report: JSONValue, definedAt: Timestamp? = nil) async throws -> JSONValue {
        guard SegmentExpansion.isNeeded(report) else { return report }
        var now = definedAt ?? receivedAt
        if let asOf = report["as_of"]?.stringValue {
            let zone = report["timezone"]?.stringValue ?? "UTC"
            now = try await project().store.moment(asOf, path: "as_of", timezone: zone, now: now)
        }
        return try await expansion(now, definedAt: definedAt).expanded(report, path: "report")
    }

    /// All reports of the caller's project.
    func savedReports() async throws -> [SavedReport] {
        let project = try requireCaller().project
        var found: [SavedReport] = []
        while true {
            let page = try await app.control.reports(project: project, after: found.last?.number ?? 0, limit: 1_000)
            found += page
            if page.count < 1_000 { return found }
        }
    }

    /// A report of the caller's project.
    func savedReport(_ id: String) async throws -> SavedReport {
        if let made = proposed.reports[id] { return made }
        guard let saved = try await app.control.report(id, project: try requireCaller().project) else {
            throw Problem.notFound("there is no report \(id.prefix(64))")
        }
        return saved
    }

    /// The `seq` up to which a report counts: the one that it or the query names, or all that is durable now.
    func reportSeq(_ report: Report) async throws -> Int64 {
        let runtime = try project()
        let named = try query.integer("as_of_seq", in: 0...Int64.max) ?? report.frame.asOfSeq
        if let named {
            // Whoever may ask as of any seq finds out when each row was stored.
            try requireColumns([.builtin(.seq)])
            let durable = runtime.journal.durableSeq
            guard named <= durable else {
                throw Problem.badRequest("as_of_seq is \(named), which is beyond what is stored (\(durable))")
            }
            return try await min(named, runtime.pin(named, wait: app.configuration.readWait))
        }
        return try await runtime.pin(self)
    }
}
