internal import Control
internal import DuckDB
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Model
internal import NIOCore
internal import People

/// What the server has of somebody, for whoever asks for their own; and the records of what was done for privacy.
enum AccessRoutes {
    static let routes = [
        Route(.post, "/v1/privacy/access", .scope(.privacyWrite), audit: .read("privacy.access", of: "people"), access),
        Route(.get, "/v1/privacy/records", .scope(.privacyWrite), audit: .none, list),
        Route(.get, "/v1/privacy/records/{id}", .scope(.privacyWrite), audit: .none, show),
    ]

    private static func access(_ exchange: Exchange) async throws -> Response {
        let identities = try await Body.identities(exchange)
        let runtime = try exchange.project()
        let control = exchange.app.control
        let seq = try await runtime.pin(exchange)
        // Read before the first page: an erasure from here on is noticed.
        let epoch = runtime.store.erasureEpoch
        let circle = try await runtime.store.readPinned { connection, pinned in
            try PeopleReader(connection, pinned, asOf: seq).circle(identities)
        }
        guard !circle.identities.isEmpty else { throw Problem.notFound("nobody has any of these identities") }
        let record = try await control.createPrivacyRecord(
            project: runtime.name, kind: .access, status: .running, detail: ["as_of_seq": JSONValue(seq)])
        let bundle = AccessBundle(
            circle, asked: identities, runtime: runtime, control: control, asOfSeq: seq, asOf: exchange.receivedAt,
            epoch: epoch)
        exchange.note.made(record.id)
        return Response(
            status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                var bundle = bundle
                do {
                    while let bytes = try await bundle.next() { try await writer.write(ByteBuffer(bytes: bytes)) }
                    // Noted before the end is sent: who has the whole document finds its record.
                    try await control.finishPrivacyRecord(
                        record.id, status: .succeeded, detail: detail(bundle.counts, seq))
                    exchange.noteEnd("privacy.access", of: "people", rows: bundle.counts.total)
                } catch {
                    exchange.noteEnd("privacy.access", of: "people", rows: bundle.counts.total)
                    try? await control.finishPrivacyRecord(
                        record.id, status: .failed, detail: detail(bundle.counts, seq),
                        error: "the answer broke off; ask again")
                    exchange.logger.warning("an access broke off", metadata: ["record": "\(record.id)"])
                    throw error
                }
                try await writer.finish(nil)
            })
    }

    /// How much was handed out.
    private static func detail(_ counts: AccessBundle.Counts, _ seq: Int64) -> JSONValue {
        [
            "persons": JSONValue(counts.persons), "events": JSONValue(counts.events),
            "property_changes": JSONValue(counts.changes), "aliases": JSONValue(counts.aliases),
            "rejects": JSONValue(counts.rejects), "exports": JSONValue(counts.exports), "as_of_seq": JSONValue(seq),
        ]
    }

    private static func list(_ exchange: Exchange) async throws -> Response {
        let limit = try exchange.query.limit()
        let before = try exchange.query.integer("cursor", in: 1...Int64.max)
        let project = try exchange.requireCaller().project
        let rows = try await exchange.app.control.privacyRecords(project: project, before: before, limit: limit + 1)
        return .page(
            rows.prefix(limit).map(document), next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        let id = exchange.parameters[0]
        let project = try exchange.requireCaller().project
        guard let record = try await exchange.app.control.privacyRecord(id, project: project) else {
            throw Problem.notFound("there is no privacy record \(id.prefix(64))")
        }
        return .json(document(record))
    }

    private static func document(_ record: PrivacyRecord) -> JSONValue {
        [
            "id": .string(record.id), "kind": .string(record.kind.rawValue), "status": .string(record.status.rawValue),
            "detail": record.detail, "error": JSONValue(record.error), "created_at": JSONValue(record.createdAt),
            "started_at": JSONValue(record.startedAt), "finished_at": JSONValue(record.finishedAt),
        ]
    }
}
