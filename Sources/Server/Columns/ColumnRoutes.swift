internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Model
internal import Webhooks

/// Computed columns of people: how each is defined, now and before.
enum ColumnRoutes {
    static let routes = [
        Route(.get, "/v1/computed-columns", .scope(.peopleRead), columns: .asked, audit: .none, list),
        Route(.get, "/v1/computed-columns/{name}", .scope(.peopleRead), columns: .asked, audit: .none, show),
        Route(
            .put, "/v1/computed-columns/{name}", .scope(.segmentsWrite), columns: .asked,
            audit: .act("columns.define"), define),
        Route(
            .delete, "/v1/computed-columns/{name}", .scope(.segmentsWrite), columns: .asked,
            audit: .act("columns.remove"), remove),
        Route(.get, "/v1/settings", .scope(.peopleRead), columns: .none, audit: .none, settings),
        Route(.put, "/v1/settings", .scope(.admin), audit: .act("settings.change"), changeSettings),
    ]

    /// There are few, so that all are on one page. A key with a list of columns hears of those that it reads.
    private static func list(_ exchange: Exchange) async throws -> Response {
        let grant = try exchange.requireCaller().grant
        let entries = try exchange.project().columns.entries.filter { grant.allows(.computed($0.name)) }
        return .page(entries.map(document), next: nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        let name = exchange.parameters[0]
        guard let entry = try exchange.project().columns.entry(name) else { throw Problem.noColumn(name) }
        try exchange.requireColumns([.computed(name)])
        let versions = try await exchange.app.control.computedColumn(name, project: try exchange.project().name)
        let standard = ComputedFormula.defaults.first { $0.name == name }
        var history = standard.map { [version(1, $0.formula.json, nil)] } ?? []
        history += versions.map { record in
            version(record.version, record.formula.flatMap { try? JSONValue(text: $0) }, record.madeAt)
        }
        guard case .object(let members) = document(entry) else { throw Problem.noColumn(name) }
        var response = Response.json(.object(members + [.init("versions", .array(history))]))
        response.headers[.eTag] = etag(entry.version)
        return response
    }

    private static func version(_ number: Int64, _ formula: JSONValue?, _ madeAt: Timestamp?) -> JSONValue {
        ["version": JSONValue(number), "formula": formula ?? .null, "made_at": JSONValue(madeAt)]
    }

    /// Gives a column a formula; it is a further version, and everything that asks from here on has its values.
    private static func define(_ exchange: Exchange) async throws -> Response {
        let body = try await RequestDocument(exchange, fields: ["description", "formula"])
        let (runtime, name) = (try exchange.project(), exchange.parameters[0])
        guard ComputedColumn.isName(name) else { throw RequestDocument.problem(ComputedColumn.nameRule) }
        guard let json = body["formula"] else {
            throw RequestDocument.problem("\"formula\" is missing: {\"terms\": {…}, \"value\": {…}}")
        }
        let formula = try ComputedFormula(json)
        // Whoever defines a column finds out what it reads; whoever puts another in its place could read it before.
        try exchange.requireColumns(formula.needs.union([.computed(name)]))
        let known = runtime.columns.entry(name)
        if let known { try exchange.requireColumns(known.formula.needs) }
        guard known != nil || runtime.columns.entries.count < ComputedColumn.most else {
            throw RequestDocument.problem("a project has at most \(ComputedColumn.most) computed columns")
        }
        let description = try body.text("description", atMost: 4_096) ?? known?.description ?? ""
        let change = try await exchange.app.control.defineColumn(
            name, description: description, formula: formula.json.text, least: known == nil ? 0 : 1,
            project: runtime.name, expected: try expected(exchange))
        let record = try done(change, name)
        try await runtime.columns.reload(exchange.app.control)
        exchange.logger.info("a computed column was defined", metadata: ["column": "\(name)"])
        guard let entry = runtime.columns.entry(name) else { throw Problem.noColumn(name) }
        var response = Response.json(document(entry), status: known == nil ? .created : .ok)
        response.headers[.eTag] = etag(record.version)
        return response
    }

    /// Takes a column away; one that every project begins with goes back to what it was then.
    private static func remove(_ exchange: Exchange) async throws -> Response {
        let (runtime, name) = (try exchange.project(), exchange.parameters[0])
        guard let known = runtime.columns.entry(name) else { throw Problem.noColumn(name) }
        try exchange.requireColumns(known.formula.needs.union([.computed(name)]))
        let isStandard = ComputedFormula.defaults.contains { $0.name == name }
        if !isStandard { try await checkUnused(name, exchange) }
        let change = try await exchange.app.control.defineColumn(
            name, description: known.description, formula: nil, least: 1, project: runtime.name,
            expected: try expected(exchange))
        _ = try done(change, name)
        try await runtime.columns.reload(exchange.app.control)
        exchange.logger.info("a computed column was removed", metadata: ["column": "\(name)"])
        return Response(status: .noContent)
    }

    private static func checkUnused(_ name: String, _ exchange: Exchange) async throws {
        let project = try exchange.project().name
        for segment in try await exchange.app.control.segments(project: project)
        where SegmentExpansion.columns(in: try JSONValue(text: segment.draft.tree)).contains(name) {
            throw Problem.conflict("column_in_use", "the segment \(segment.id) asks for \(name); change that one first")
        }
        for report in try await exchange.savedReports()
        where SegmentExpansion.columns(in: report.report).contains(name) {
            throw Problem.conflict(
                "column_in_use", "the report \(report.id) asks for \(name); change or remove that one first")
        }
        for trigger in try await exchange.app.webhooks.store.triggers(project: project)
        where SegmentExpansion.columns(in: trigger.when).contains(name) {
            throw Problem.conflict(
                "column_in_use", "the trigger \(trigger.id) asks for \(name); change or remove that one first")
        }
    }

    private static func done(_ change: ColumnChange, _ name: String) throws(Problem) -> ColumnRecord {
        switch change {
        case .done(let record): return record
        case .changed(let version):
            throw Problem(
                .preconditionFailed, "column_changed",
                "the column \(name) is at version \(version) by now; read it again, then change it")
        }
    }

    /// The version that `If-Match` names.
    private static func expected(_ exchange: Exchange) throws(Problem) -> Int64? {
        guard let text = exchange.request.headers[.ifMatch], text != "*" else { return nil }
        // What is no tag of ours matches no version.
        guard text.hasPrefix("\"v"), text.hasSuffix("\""), let version = Int64(text.dropFirst(2).dropLast()) else {
            return -1
        }
        return version
    }

    private static func etag(_ version: Int64) -> String { "\"v\(version)\"" }

    private static func document(_ entry: ColumnBook.Entry) -> JSONValue {
        [
            "name": .string(entry.name), "description": .string(entry.description),
            "type": .string(entry.formula.type == .token ? "mixed" : entry.formula.type.rawValue),
            "formula": entry.formula.json, "version": JSONValue(entry.version), "default": .bool(entry.isStandard),
            "updated_at": JSONValue(entry.madeAt),
        ]
    }

    // MARK: Settings

    private static func settings(_ exchange: Exchange) async throws -> Response {
        .json(["timezone": .string(try exchange.project().columns.timezone)])
    }

    private static func changeSettings(_ exchange: Exchange) async throws -> Response {
        let body = try await RequestDocument(exchange, fields: ["timezone"])
        let runtime = try exchange.project()
        if let timezone = try body.text("timezone", atMost: 64) {
            // A wrong name is an error that names it.
            _ = try await runtime.store.moment(
                "2026-01-01", path: "timezone", timezone: timezone, now: exchange.receivedAt)
            try await exchange.app.control.setTimezone(timezone, project: runtime.name)
            try await runtime.columns.reload(exchange.app.control)
        }
        return try await settings(exchange)
    }
}

extension Problem {
    static func noColumn(_ name: String) -> Problem { notFound("there is no computed column \(name.prefix(64))") }
}
