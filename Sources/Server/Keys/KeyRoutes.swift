internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Model
internal import Webhooks

/// A project's keys: made, looked at, given new texts, and revoked.
enum KeyRoutes {
    static let routes = [
        Route(.post, "/v1/keys", .scope(.admin), audit: .act("keys.create"), create),
        Route(.get, "/v1/keys", .scope(.admin), audit: .none, list),
        Route(.get, "/v1/keys/{id}", .scope(.admin), audit: .none, show),
        Route(.delete, "/v1/keys/{id}", .scope(.admin), audit: .act("keys.revoke"), revoke),
        Route(.post, "/v1/keys/{id}/rotate", .scope(.admin), audit: .act("keys.rotate"), rotate),
    ]

    /// How long the text that a key had before opens as well, where a rotation does not say it.
    private static let overlap = "24h"
    private static let longestOverlap: Int64 = 366 * 86_400_000_000

    /// The key's text is in this answer and nowhere else: the answer that is kept under an `Idempotency-Key` says null in
    /// its place.
    private static func create(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        let caller = try exchange.requireCaller()
        return try await Idempotency.run(exchange, body: bytes, kept: { Idempotency.without("key", $0) }) {
            let asked = try KeyRequest(
                json: try Body.parse(bytes), now: exchange.receivedAt,
                computed: try exchange.project().columns.entries.map(\.name))
            try caller.checkHanding(
                scopes: asked.scopes, columns: asked.columns, expiresAt: asked.expiresAt, rateLimit: asked.rateLimit)
            let issued = try await exchange.app.control.createKey(
                project: caller.project, name: asked.name, scopes: asked.scopes, columns: asked.columns,
                rateLimit: asked.rateLimit, expiresAt: asked.expiresAt)
            try await exchange.app.keys.reload()
            exchange.note.made(issued.key.id)
            exchange.logger.info("a key was made", metadata: ["key": "\(issued.key.id)"])
            return (.created, Array(document(issued).text.utf8))
        }
    }

    private static func list(_ exchange: Exchange) async throws -> Response {
        let limit = try exchange.query.limit()
        let revoked = exchange.query["revoked"] ?? "false"
        guard ["true", "false"].contains(revoked) else { throw Problem.parameter("revoked", "is true or false") }
        // So that they say of the last minute, too, when they were used.
        try await exchange.app.keys.flushUse()
        // All of them, so that a cursor may name one that was revoked meanwhile.
        let all = try await exchange.app.control.keys(
            project: try exchange.requireCaller().project, includesRevoked: true)
        var rest = all[...]
        if let cursor = exchange.query["cursor"] {
            guard let place = all.firstIndex(where: { $0.id == cursor }) else {
                throw Problem.parameter("cursor", "is the next_cursor of the page before")
            }
            rest = all[(place + 1)...]
        }
        let shown = rest.filter { revoked == "true" || $0.revokedAt == nil }
        return .page(shown.prefix(limit).map(document), next: shown.count > limit ? shown[limit - 1].id : nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        try await exchange.app.keys.flushUse()
        return .json(document(try await key(exchange)))
    }

    private static func rotate(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        let caller = try exchange.requireCaller()
        let key = try await key(exchange)
        return try await Idempotency.run(exchange, body: bytes, kept: { Idempotency.without("key", $0) }) {
            let overlap = try overlap(bytes)
            if let end = key.expiresAt, end <= exchange.receivedAt {
                throw Problem.conflict("key_expired", "the key \(key.id) expired at \(end.text); make another one")
            }
            // Whoever gets the new text can do what the key can.
            try caller.checkHanding(
                scopes: key.scopes, columns: key.columns, expiresAt: key.expiresAt, rateLimit: key.rateLimit)
            let oldUntil = Timestamp(microseconds: exchange.receivedAt.microseconds + overlap)
            guard
                let issued = try await exchange.app.control.rotateKey(key.id, project: key.project, oldUntil: oldUntil)
            else { throw absent(key.id) }
            try await exchange.app.keys.reload()
            exchange.logger.info("a key was rotated", metadata: ["key": "\(key.id)"])
            return (.ok, Array(document(issued).text.utf8))
        }
    }

    private static func overlap(_ bytes: [UInt8]) throws -> Int64 {
        let body: JSONValue = bytes.isEmpty ? [:] : try Body.parse(bytes)
        guard case .object(let members) = body, members.allSatisfy({ $0.key == "overlap" }) else {
            throw KeyRequest.problem(#"send {"overlap": "24h"} or nothing"#)
        }
        guard let text = (body["overlap"] ?? .string(overlap)).stringValue, let length = Durations.microseconds(text),
            length <= longestOverlap
        else {
            throw KeyRequest.problem("\"overlap\" is a duration of at most 366d, such as 24h (s m h d w); 0s is none")
        }
        return length
    }

    private static func revoke(_ exchange: Exchange) async throws -> Response {
        let id = exchange.parameters[0]
        guard try await exchange.app.control.revokeKey(id, project: try exchange.requireCaller().project) != nil else {
            throw absent(id)
        }
        try await exchange.app.keys.reload()
        // What was subscribed by it ends with it: nobody may go on listening by a key that was lost.
        let webhooks = exchange.app.webhooks
        let ended = try await webhooks.store.removeHooks(madeBy: id, project: try exchange.requireCaller().project)
        if ended > 0 { try await webhooks.sender.reload() }
        exchange.logger.info("a key was revoked", metadata: ["key": "\(id)", "subscriptions": "\(ended)"])
        return Response(status: .noContent)
    }

    /// The key that the path names, unless it was revoked.
    private static func key(_ exchange: Exchange) async throws -> AccessKey {
        let id = exchange.parameters[0]
        let key = try await exchange.app.control.key(id, project: try exchange.requireCaller().project)
        guard let key, key.revokedAt == nil else { throw absent(id) }
        return key
    }

    private static func absent(_ id: String) -> Problem {
        .notFound("there is no key \(id.prefix(64)) in this project")
    }

    /// A key with its text.
    private static func document(_ issued: IssuedKey) -> JSONValue {
        guard case .object(let members) = document(issued.key) else { return .null }
        return .object([members[0], .init("key", .string(issued.text))] + members.dropFirst())
    }

    private static func document(_ key: AccessKey) -> JSONValue {
        [
            "id": .string(key.id), "kind": .string(key.kind.rawValue), "name": .string(key.name),
            "scopes": .array(key.scopes.inOrder.map { .string($0.rawValue) }),
            "columns": key.columns.map { .array($0.map { .string($0) }) } ?? .null,
            "rate_limit": JSONValue(optional: key.rateLimit?.perSecond),
            "rate_burst": JSONValue(optional: key.rateLimit?.burst), "write_key": JSONValue(key.writeKey),
            "created_at": JSONValue(key.createdAt),
            "last_used_at": JSONValue(key.lastUsedAt), "expires_at": JSONValue(key.expiresAt),
            "rotated_at": JSONValue(key.rotatedAt), "old_until": JSONValue(key.oldUntil),
            "revoked_at": JSONValue(key.revokedAt),
        ]
    }
}
