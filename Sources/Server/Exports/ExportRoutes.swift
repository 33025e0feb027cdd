internal import Control
internal import EventStore
internal import Exports
internal import HTTPTypes
internal import Hummingbird
internal import Model

/// Exports: asked for, watched, fetched, cancelled.
enum ExportRoutes {
    static let routes = [
        Route(
            .post, "/v1/exports", .scope(.exportsWrite), columns: .asked, audit: .read("exports.create", of: "exports"),
            create),
        Route(.get, "/v1/exports", .scope(.exportsRead), audit: .none, list),
        Route(
            .post, "/v1/exports/estimate", .scope(.exportsWrite), columns: .asked,
            audit: .read("exports.estimate", of: "exports"), ExportEstimates.estimate),
        Route(.get, "/v1/exports/{id}", .scope(.exportsRead), columns: .asked, audit: .none, show),
        Route(
            .delete, "/v1/exports/{id}", .scope(.exportsWrite), columns: .asked, audit: .act("exports.remove"), remove),
        Route(
            .get, "/v1/exports/{id}/file", .scope(.exportsRead), columns: .asked,
            audit: .read("exports.file", of: "exports"), ExportFiles.file),
        Route(
            .get, "/v1/exports/{id}/manifest", .scope(.exportsRead), columns: .asked,
            audit: .read("exports.manifest", of: "exports"), ExportFiles.manifest),
    ]

    private static func create(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        let runtime = try exchange.project()
        func resolved() async throws -> (json: JSONValue, spec: ResolvedSpec, out: String?) {
            let asked = try await request(try await exchange.exportBody(bytes), exchange)
            let out = try await place(asked.out, asked.spec.format)
            // Pinned here and not when it runs: it answers as of the moment at which it was asked for.
            let seq = try await runtime.pin(exchange)
            let resolved = try await runtime.resolve(asked.spec, durableSeq: seq, now: exchange.receivedAt)
            exchange.note.of(resolved.dataset.rawValue)
            try exchange.requireColumns(resolved.needs.union(asked.spec.namesSeq ? [.builtin(.seq)] : []))
            return (asked.json, resolved, out)
        }
        return try await Idempotency.run(exchange, body: bytes, allowed: { _ = try await resolved() }) {
            let (json, resolved, out) = try await resolved()
            let record = try await exchange.app.exports.enqueue(
                json, resolved: resolved, project: runtime.name, out: out)
            exchange.note.made(record.id)
            let answer: JSONValue = ["id": .string(record.id), "status": .string(record.status.rawValue)]
            return (.accepted, Array(answer.text.utf8))
        }
    }

    /// Takes the specification and the file's place apart, and checks all that can be checked before it runs.
    static func request(
        _ body: JSONValue, _ exchange: Exchange
    ) async throws -> (json: JSONValue, spec: ExportSpec, out: String?) {
        var out: String?
        var json = body
        if case .object(let members) = body, let value = body["out"] {
            json = .object(members.filter { $0.key != "out" })
            if value != .null {
                guard try exchange.requireCaller().isOwner else {
                    throw Problem.forbidden(
                        "\"out\" names a file of the server's machine: it is for callers of the data folder's socket; "
                            + "fetch the result from /v1/exports/{id}/file")
                }
                guard let path = value.stringValue, path.hasPrefix("/"), !path.hasSuffix("/") else {
                    throw Problem.badRequest(
                        "\"out\" is the absolute path of a file, or of a folder in the format kissmetrics",
                        code: "invalid_spec")
                }
                out = path
            }
        }
        var parsed = try ExportSpec(json: json)
        let runtime = try exchange.project()
        var now = exchange.receivedAt
        if let asOf = parsed.asOf {
            now = try await runtime.store.moment(asOf, path: "as_of", timezone: parsed.timezone, now: now)
        }
        if let condition = parsed.condition, SegmentExpansion.isNeeded(condition) {
            // Saved segments are pinned as they are now: what is saved later changes no export.
            parsed.condition = try await exchange.expansion(now).expanded(condition, path: "where")
        }
        if parsed.dataset == .people {
            // So are computed columns. Those of a manifest's specification are the ones that its export had.
            guard try parsed.computed.isEmpty || exchange.requireCaller().grant.isAll else {
                throw Problem.badRequest(
                    "\"computed\": a key that reads some columns only asks for computed ones by name",
                    code: "invalid_spec")
            }
            let given = Set(parsed.computed.map(\.name))
            parsed.computed += try await runtime.columns.columns(at: now).filter { !given.contains($0.name) }
        } else if !parsed.computed.isEmpty {
            throw Problem.badRequest("\"computed\" is for exports of people", code: "invalid_spec")
        }
        try parsed.check()
        return (json, parsed, out)
    }

    /// The file or folder behind the path that the caller named: a link stays, and what is neither is refused, not replaced.
    private static func place(_ out: String?, _ format: ExportFormat) async throws -> String? {
        guard let out else { return nil }
        do {
            if format == .kissmetrics { return try await Blocking.run { try OutFolder.resolve(out) } }
            guard case .file(let path) = try await Blocking.run({ try OutPlace(out) }) else {
                throw Problem.badRequest(
                    "\"out\" is a pipe or a device; fetch the result from /v1/exports/{id}/file", code: "invalid_spec")
            }
            return path
        } catch let error as ExportError {
            throw Problem.badRequest("\"out\": \(error.message)", code: "invalid_spec")
        }
    }

    private static func list(_ exchange: Exchange) async throws -> Response {
        let limit = try exchange.query.limit()
        let before = try exchange.query.integer("cursor", in: 1...Int64.max)
        let project = try exchange.requireCaller().project
        let removed = exchange.query["removed"] ?? "false"
        guard let isWhole = Bool(removed) else { throw Problem.parameter("removed", "must be true or false") }
        let rows = try await exchange.app.control.exports(
            project: project, before: before, limit: limit + 1, removed: isWhole)
        return .page(
            rows.prefix(limit).map { exchange.app.exports.json($0) },
            next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        .json(exchange.app.exports.json(try await exchange.exportRecord()))
    }

    private static func remove(_ exchange: Exchange) async throws -> Response {
        let record = try await exchange.exportRecord()
        if let cancelled = try await exchange.app.exports.cancelOrRemove(record) {
            return .json(exchange.app.exports.json(cancelled))
        }
        return Response(status: .noContent)
    }
}

extension Exchange {
    /// The document that a body is, with the report itself in place of a saved one's id.
    func exportBody(_ bytes: [UInt8]) async throws -> JSONValue {
        let body = try Body.parse(bytes)
        guard case .object(let members) = body else { return body }
        guard let id = body["report_id"], id != .null else {
            guard let report = body["report"], SegmentExpansion.isNeeded(report) else { return body }
            let whole = try await expanded(report)
            return .object(members.map { $0.key == "report" ? .init("report", whole) : $0 })
        }
        guard body["report"] == nil else { throw Problem.badRequest("either \"report\" or \"report_id\", not both") }
        let report = try await namedReport(["report_id": id])
        return .object(members.map { $0.key == "report_id" ? .init("report", report) : $0 })
    }

    /// The export that the path names, of the caller's project.
    func exportRecord() async throws -> ExportRecord {
        let id = parameters[0]
        guard let record = try await app.control.export(id, project: try requireCaller().project) else {
            throw Problem.notFound("there is no export \(id.prefix(64))")
        }
        // Another key may have asked for it: the specification and the files may have columns that this one does not read.
        if try !requireCaller().grant.isAll {
            let spec = try ExportSpec(json: try JSONValue(text: record.resolved))
            let resolved = try await project().resolve(
                spec, durableSeq: spec.asOfSeq ?? .max, now: record.createdAt)
            try requireColumns(resolved.needs)
        }
        return record
    }
}

extension ExportSpec {
    /// Whether the caller says up to which `seq` it is to count, and so finds out when each row was stored.
    var namesSeq: Bool { asOfSeq != nil || report?["as_of_seq"].map { $0 != .null } ?? false }
}
