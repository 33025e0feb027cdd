internal import Codecs
internal import Collect
internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import NIOCore

/// `POST /v1/imports`: a file as the body, read as it arrives; the answer is its progress, one JSON object a line.
enum ImportRoutes {
    static let routes = [
        Route(.post, "/v1/imports", .scope(.importsWrite), columns: .none, audit: .act("imports.start"), start),
        Route(.get, "/v1/imports", .scope(.importsWrite), audit: .none, list),
    ]

    private static func start(_ exchange: Exchange) async throws -> Response {
        let query = exchange.query
        guard let format = ImportReader.Format(rawValue: query["format"] ?? "") else {
            throw Problem.parameter("format", "must be csv, ndjson, kissmetrics or segment")
        }
        for name in ["map", "timezone"] where query[name] != nil && !format.isMapped {
            throw Problem.parameter(
                name, "has no meaning for \(format.rawValue): its lines say themselves what is what")
        }
        let mapping = try query["map"].map { text throws(CollectError) in try ImportMapping(parsing: text) }
        let zone = try query["timezone"].map { text throws(Problem) in try ImportZone.named(text) } ?? .utc
        let compression = try Body.compression(exchange.request)
        let runtime = try exchange.project()
        let run = try await ImportRun(
            format: format, mapping: mapping, zone: zone, compression: compression, exchange: exchange,
            runtime: runtime)
        // What is wrong with the first rows' shape can still be a plain refusal; after this the answer streams.
        try await run.begin()
        return Response(
            status: .ok, headers: [.contentType: "application/x-ndjson", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                while let line = try await run.nextLine() {
                    var bytes: [UInt8] = []
                    line.write(to: &bytes)
                    bytes.append(0x0a)
                    try await writer.write(ByteBuffer(bytes: bytes))
                }
                try await writer.finish(nil)
                if run.wasCut { throw ConnectionEnd() }
            })
    }

    private static func list(_ exchange: Exchange) async throws -> Response {
        let limit = try exchange.query.limit()
        let before = try exchange.query.integer("cursor", in: 1...Int64.max)
        let project = try exchange.requireCaller().project
        let rows = try await exchange.app.control.imports(project: project, before: before, limit: limit + 1)
        return .page(
            rows.prefix(limit).map(\.json), next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }
}

extension ImportRecord {
    /// The import as lists show it.
    var json: JSONValue {
        [
            "id": .string(id), "format": .string(format), "status": .string(status.rawValue),
            "rows": JSONValue(counts.rows), "accepted": JSONValue(counts.accepted),
            "duplicates": JSONValue(counts.duplicates), "rejected": JSONValue(counts.rejected),
            "watermark": JSONValue(optional: counts.watermark), "error": JSONValue(error),
            "created_at": JSONValue(createdAt), "finished_at": JSONValue(finishedAt),
        ]
    }
}
