internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Model

/// Persons are erased: asked for and watched.
enum ErasureRoutes {
    static let routes = [
        Route(.post, "/v1/privacy/erasures", .scope(.privacyWrite), audit: .discreetAct("erasures.create"), create),
        Route(.get, "/v1/privacy/erasures", .scope(.privacyWrite), audit: .none, list),
        Route(.get, "/v1/privacy/erasures/{id}", .scope(.privacyWrite), audit: .none, show),
    ]

    /// The most identities of one request.
    static let mostIdentities = 1_000

    private static func create(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        let runtime = try exchange.project()
        return try await Idempotency.run(exchange, body: bytes) {
            let request = try request(try Body.parse(bytes))
            let record = try await exchange.app.erasures.enqueue(request, runtime: runtime)
            exchange.note.made(record.id)
            return (.accepted, Array(document(record).text.utf8))
        }
    }

    private static func request(_ body: JSONValue) throws(Problem) -> ErasureRequest {
        let known = ["identities", "suppress"]
        guard case .object(let members) = body else {
            throw .badRequest("an erasure is an object: {\"identities\": [\"…\"]}", code: "invalid_erasure")
        }
        if let other = members.first(where: { !known.contains($0.key) }) {
            throw .badRequest(
                "\"\(other.key.prefix(64))\" is no field of an erasure; there are identities and suppress",
                code: "invalid_erasure")
        }
        let suppress = body["suppress"] ?? false
        guard let isSuppressing = suppress.boolValue else {
            throw .badRequest("\"suppress\" is true or false", code: "invalid_erasure")
        }
        return ErasureRequest(identities: try identities(body), isSuppressing: isSuppressing)
    }

    /// The identities that a request names.
    static func identities(_ body: JSONValue) throws(Problem) -> [String] {
        guard let values = body["identities"]?.arrayValue, !values.isEmpty, values.count <= mostIdentities else {
            throw .badRequest(
                "\"identities\" is a list of 1 to \(mostIdentities) texts", code: "invalid_identities")
        }
        var identities: [String] = []
        for (place, value) in values.enumerated() {
            guard let text = value.stringValue, (1...255).contains(text.unicodeScalars.count) else {
                throw .badRequest(
                    "\"identities\"[\(place)] is not a text of 1 to 255 characters", code: "invalid_identities")
            }
            if !identities.contains(where: { ExactText($0) == ExactText(text) }) { identities.append(text) }
        }
        return identities
    }

    private static func list(_ exchange: Exchange) async throws -> Response {
        let limit = try exchange.query.limit()
        let before = try exchange.query.integer("cursor", in: 1...Int64.max)
        let project = try exchange.requireCaller().project
        let rows = try await exchange.app.control.privacyRecords(
            project: project, kind: .erasure, before: before, limit: limit + 1)
        return .page(
            rows.prefix(limit).map(document), next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        let id = exchange.parameters[0]
        let project = try exchange.requireCaller().project
        guard let record = try await exchange.app.control.privacyRecord(id, project: project), record.kind == .erasure
        else { throw Problem.notFound("there is no erasure \(id.prefix(64))") }
        return .json(document(record))
    }

    static func document(_ record: PrivacyRecord) -> JSONValue {
        [
            "id": .string(record.id), "status": .string(record.status.rawValue),
            "copies": record.detail["copies"] ?? [], "suppress": record.detail["suppress"] ?? false,
            "erasure_epoch": record.detail["erasure_epoch"] ?? .null, "error": JSONValue(record.error),
            "created_at": JSONValue(record.createdAt), "started_at": JSONValue(record.startedAt),
            "finished_at": JSONValue(record.finishedAt),
        ]
    }
}
