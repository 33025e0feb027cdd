internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Model
internal import Webhooks

/// Saved segments: made, read, changed version by version, removed.
enum SavedSegmentRoutes {
    static let routes = [
        Route(.post, "/v1/segments", .scope(.segmentsWrite), columns: .asked, audit: .act("segments.create"), create),
        Route(.get, "/v1/segments", .scope(.peopleRead), audit: .none, list),
        Route(.get, "/v1/segments/{id}", .scope(.peopleRead), columns: .asked, audit: .none, show),
        Route(
            .put, "/v1/segments/{id}", .scope(.segmentsWrite), columns: .asked, audit: .act("segments.change"), update),
        Route(
            .delete, "/v1/segments/{id}", .scope(.segmentsWrite), columns: .asked, audit: .act("segments.remove"),
            remove),
    ]

    private static func create(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        let allowed = { _ = try await draft(try Body.parse(bytes), exchange, id: nil) }
        var response = try await Idempotency.run(exchange, body: bytes, allowed: allowed) {
            let draft = try await draft(try Body.parse(bytes), exchange, id: nil)
            let record = try await exchange.app.control.createSegment(draft, project: try exchange.project().name)
            exchange.note.made(record.id)
            exchange.logger.info("a segment was saved", metadata: ["segment": "\(record.id)"])
            return (.created, Array(document(record).text.utf8))
        }
        response.headers[.eTag] = etag(1)
        return response
    }

    private static func list(_ exchange: Exchange) async throws -> Response {
        let limit = try exchange.query.limit()
        let after = try exchange.query.integer("cursor", in: 1...Int64.max) ?? 0
        let rows = try await exchange.app.control.segments(
            project: try exchange.project().name, after: after, limit: limit + 1)
        return .page(
            rows.prefix(limit).map(document), next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        let version = try exchange.query.integer("version", in: 1...Int64.max)
        let record = try await exchange.savedSegment(version: version)
        try exchange.requireColumns(try await exchange.needs(of: record))
        var response = Response.json(document(record))
        response.headers[.eTag] = etag(record.version)
        return response
    }

    private static func update(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        let known = try await exchange.savedSegment()
        // Whoever may not see what it asks cannot put something else in its place.
        try exchange.requireColumns(try await exchange.needs(of: known))
        let draft = try await draft(try Body.parse(bytes), exchange, id: known.id, known: known.draft)
        let change = try await exchange.app.control.updateSegment(
            known.id, draft, project: try exchange.project().name, expected: try expected(exchange))
        let record = try done(change, known.id)
        exchange.logger.info("a segment was changed", metadata: ["segment": "\(record.id)"])
        var response = Response.json(document(record))
        response.headers[.eTag] = etag(record.version)
        return response
    }

    private static func remove(_ exchange: Exchange) async throws -> Response {
        let project = try exchange.project().name
        let known = try await exchange.savedSegment()
        try exchange.requireColumns(try await exchange.needs(of: known))
        for other in try await exchange.app.control.segments(project: project) where other.id != known.id {
            if SegmentExpansion.names(in: try JSONValue(text: other.draft.tree)).contains(known.id) {
                throw Problem.conflict(
                    "segment_in_use", "the segment \(other.id) names \(known.id); change that one first")
            }
        }
        for report in try await exchange.savedReports()
        where SegmentExpansion.names(in: report.report).contains(known.id) {
            throw Problem.conflict(
                "segment_in_use", "the report \(report.id) names \(known.id); change or remove that one first")
        }
        for trigger in try await exchange.app.webhooks.store.triggers(project: project)
        where SegmentExpansion.names(in: trigger.when).contains(known.id) {
            throw Problem.conflict(
                "segment_in_use", "the trigger \(trigger.id) names \(known.id); change or remove that one first")
        }
        let change = try await exchange.app.control.removeSegment(
            known.id, project: project, expected: try expected(exchange))
        _ = try done(change, known.id)
        exchange.logger.info("a segment was removed", metadata: ["segment": "\(known.id)"])
        return Response(status: .noContent)
    }

    // MARK: Documents

    /// What is to be saved, once it can be asked.
    ///
    /// - Parameters:
    ///   - id: the segment that it is to be; nil for a new one.
    ///   - known: what holds where the request says nothing.
    static func draft(
        _ json: JSONValue, _ exchange: Exchange, id: String?, known: SegmentDraft? = nil
    ) async throws -> SegmentDraft {
        let body = try RequestDocument(json, fields: ["name", "description", "segment", "timezone"])
        guard let name = try body.text("name") ?? known?.name, !name.isEmpty else {
            throw RequestDocument.problem("\"name\" says what the segment is, in 1 to 255 bytes")
        }
        let timezone = try body.text("timezone") ?? known?.timezone ?? "UTC"
        let saved = try known.map { known in try JSONValue(text: known.tree) }
        guard let tree = body["segment"] ?? saved, case .object = tree else {
            throw RequestDocument.problem("\"segment\" is missing: a condition on people")
        }
        let draft = SegmentDraft(
            name: name, description: try body.text("description", atMost: 4_096) ?? known?.description ?? "",
            timezone: timezone, tree: tree.text)
        try exchange.requireColumns(try await exchange.needs(of: draft, id: id))
        return draft
    }

    private static func done(_ change: SegmentChange, _ id: String) throws(Problem) -> SegmentRecord {
        switch change {
        case .done(let record): return record
        case .absent: throw .noSegment(id)
        case .changed(let version):
            throw Problem(
                .preconditionFailed, "segment_changed",
                "the segment \(id) is at version \(version) by now; read it again, then change it")
        }
    }

    /// The version that `If-Match` names.
    private static func expected(_ exchange: Exchange) throws(Problem) -> Int64? {
        guard let text = exchange.request.headers[.ifMatch], text != "*" else { return nil }
        // What is no tag of ours matches no version.
        guard text.hasPrefix("\"v"), text.hasSuffix("\""), let version = Int64(text.dropFirst(2).dropLast()) else {
            return 0
        }
        return version
    }

    private static func etag(_ version: Int64) -> String { "\"v\(version)\"" }

    private static func document(_ record: SegmentRecord) -> JSONValue {
        [
            "id": .string(record.id), "name": .string(record.draft.name),
            "description": .string(record.draft.description),
            "segment": (try? JSONValue(text: record.draft.tree)) ?? .null,
            "timezone": .string(record.draft.timezone), "version": JSONValue(record.version),
            "created_at": JSONValue(record.createdAt), "updated_at": JSONValue(record.updatedAt),
        ]
    }
}

extension Exchange {
    /// The segment that the path names, of the caller's project.
    func savedSegment(version: Int64? = nil) async throws -> SegmentRecord {
        let id = parameters[0]
        guard let record = try await app.control.segment(id, version: version, project: try project().name) else {
            guard let version, try await app.control.segment(id, project: try project().name) != nil else {
                throw Problem.noSegment(id)
            }
            throw Problem.notFound("there is no version \(version) of the segment \(id)")
        }
        return record
    }

    /// What a saved segment tells of the people whom it finds.
    func needs(of record: SegmentRecord) async throws -> Set<ColumnNeed> {
        if try requireCaller().grant.isAll { return [] }
        return try await needs(of: record.draft, id: record.id)
    }

    /// Whether a key may know what a saved segment asks.
    func sees(_ record: SegmentRecord) async throws -> Bool {
        let grant = try requireCaller().grant
        if grant.isAll { return true }
        // One that cannot be asked any more, since another is gone, is shown to nobody whose columns are few.
        guard let needs = try? await needs(of: record.draft, id: record.id) else { return false }
        return grant.missing(of: needs) == nil
    }

    /// Checks that a condition can be asked of people, and says what it tells of them.
    func needs(of draft: SegmentDraft, id: String?) async throws -> Set<ColumnNeed> {
        let expanded = try await expansion(receivedAt).expanded(
            try JSONValue(text: draft.tree), path: "segment", within: id.map { [$0] } ?? [])
        let tree = try await project().store.condition(
            expanded, path: "segment", timezone: draft.timezone, now: receivedAt
        ).tree
        var needs = PersonNeeds()
        _ = try tree.sql(
            QueryScope(row: .person, asOf: 0, personMap: "identities", personID: "q.person_id"), &needs,
            path: "segment")
        return tree.needs(in: .people)
    }
}

extension Problem {
    static func noSegment(_ id: String) -> Problem { notFound("there is no segment \(id.prefix(64))") }
}
