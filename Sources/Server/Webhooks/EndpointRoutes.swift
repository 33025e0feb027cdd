internal import Connectors
internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Logging
internal import Model
internal import Triggers
internal import Webhooks

/// Endpoints: made, read, changed, given new secrets, paused and enabled, tested.
enum EndpointRoutes {
    private static let path = "/v1/webhooks/endpoints"

    static let routes = [
        Route(.post, path, .scope(.webhooksWrite), audit: .discreetAct("webhooks.create"), create),
        Route(.get, path, .scope(.webhooksRead), audit: .none, list),
        Route(.get, "\(path)/{id}", .scope(.webhooksRead), audit: .none, show),
        Route(.patch, "\(path)/{id}", .scope(.webhooksWrite), audit: .discreetAct("webhooks.change"), change),
        Route(.delete, "\(path)/{id}", .scope(.webhooksWrite), audit: .act("webhooks.remove"), remove),
        Route(.post, "\(path)/{id}/rotate", .scope(.webhooksWrite), audit: .discreetAct("webhooks.rotate"), rotate),
        Route(.post, "\(path)/{id}/enable", .scope(.webhooksWrite), audit: .act("webhooks.enable"), enable),
        Route(.post, "\(path)/{id}/disable", .scope(.webhooksWrite), audit: .act("webhooks.disable"), disable),
        Route(.post, "\(path)/{id}/seek", .scope(.webhooksWrite), audit: .act("webhooks.seek"), StreamRoutes.seek),
        Route(.post, "\(path)/{id}/test", .scope(.webhooksWrite), audit: .act("webhooks.test"), test),
        Route(
            .get, "\(path)/{id}/attempts", .scope(.webhooksRead), audit: .read("webhooks.attempts", of: "attempts"),
            attempts),
        Route(.get, "\(path)/{id}/stats", .scope(.webhooksRead), audit: .none, stats),
    ]

    private static func create(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        return try await Idempotency.run(exchange, body: bytes, kept: { Idempotency.without("secret", $0) }) {
            let draft = try await draft(try Body.parse(bytes), exchange)
            let record = try await exchange.makeEndpoint(draft)
            return (.created, Array(document(record, secret: draft.secret).text.utf8))
        }
    }

    /// What is to be made of a document, once it can be.
    static func draft(_ json: JSONValue, _ exchange: Exchange) async throws -> EndpointDraft {
        let body = try RequestDocument(json, fields: EndpointDefinition.fields + ["headers", "secret"] + extraFields)
        let definition = try EndpointDefinition(body.json)
        try await check(definition, exchange)
        let secret = try body.text("secret").map { try WebhookSecret($0) } ?? WebhookSecret.make()
        var draft = EndpointDraft(definition, secret: secret)
        draft.headers = try headers(body) ?? []
        let extras = try await extras(body, exchange)
        draft.notify = extras.notify ?? []
        draft.certificate = extras.certificate.flatMap { $0.isEmpty ? nil : $0 }
        return draft
    }

    private static func list(_ exchange: Exchange) async throws -> Response {
        let limit = try exchange.query.limit()
        let after = try exchange.query.integer("cursor", in: 1...Int64.max) ?? 0
        let rows = try await exchange.app.webhooks.store.endpoints(
            project: try exchange.project().name, after: after, limit: limit + 1)
        return .page(
            rows.prefix(limit).map { document($0) }, next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        .json(document(try await exchange.endpoint()))
    }

    private static func change(_ exchange: Exchange) async throws -> Response {
        let body = try await RequestDocument(
            exchange, fields: EndpointDefinition.fields + ["headers", "paused"] + extraFields)
        var known = try await exchange.endpoint()
        let definition = try EndpointDefinition(body.json, known: known.definition)
        if definition.url != known.definition.url { try await check(definition, exchange) }
        var headers = try headers(body)
        // A secret that was meant for one receiver does not go to another.
        if headers == nil, definition.url != known.definition.url, !known.headers.isEmpty,
            !isSameHost(definition, known)
        {
            headers = []
        }
        let paused = body["paused"]
        guard paused == nil || paused?.boolValue != nil else {
            throw RequestDocument.problem("\"paused\" is true or false")
        }
        let (service, runtime) = (exchange.app.webhooks, try exchange.project())
        let name = runtime.name
        runtime.keepJournal(for: definition)
        let extras = try await extras(body, exchange)
        known = try await service.store.update(
            known.id, definition, headers: headers, extras: extras, by: try exchange.requireCaller().key, project: name,
            now: exchange.receivedAt,
            durable: { runtime.journal.durableSeq })
        if let flag = paused?.boolValue {
            known = try await service.store.setState(
                known.id, flag ? .paused : .active, reason: nil, by: try exchange.requireCaller().key, project: name,
                now: exchange.receivedAt)
        }
        try await service.sender.reload()
        return .json(document(known))
    }

    private static func remove(_ exchange: Exchange) async throws -> Response {
        let service = exchange.app.webhooks
        let id = exchange.parameters[0]
        guard try await service.store.remove(id, project: try exchange.project().name) else {
            throw Problem.notFound("there is no endpoint \(id.prefix(64))")
        }
        try await service.sender.reload()
        exchange.logger.info("a webhook endpoint was removed", metadata: ["endpoint": "\(id)"])
        return Response(status: .noContent)
    }

    private static func attempts(_ exchange: Exchange) async throws -> Response {
        let limit = try exchange.query.limit()
        let record = try await exchange.endpoint()
        let sees = try exchange.seesMessages()
        let rows = try await exchange.app.webhooks.store.attempts(
            endpoint: record.number, before: try exchange.query.integer("cursor", in: 1...Int64.max), limit: limit + 1)
        exchange.note.rows(min(rows.count, limit))
        return .page(
            rows.prefix(limit).map { AttemptDocument.document($0, showsBodies: sees) },
            next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    private static func stats(_ exchange: Exchange) async throws -> Response {
        let record = try await exchange.endpoint()
        let service = exchange.app.webhooks
        guard case .object(var members) = try await service.store.stats(record, now: exchange.receivedAt) else {
            return .json(.object([]))
        }
        members.append(.init("sending", service.sender.condition(of: record)))
        if record.definition.mode == .stream {
            members.append(.init("stream", try await StreamRoutes.document(record, exchange)))
        }
        return .json(.object(members))
    }

    // MARK: Documents

    private static func check(_ definition: EndpointDefinition, _ exchange: Exchange) async throws {
        try await exchange.app.webhooks.client.vet(try OutboundURL(definition.url))
    }

    private static let extraFields = ["notify", "client_certificate"]

    /// Who is told, and the certificate: what a connector or TLS would refuse is refused now.
    private static func extras(_ body: RequestDocument, _ exchange: Exchange) async throws -> EndpointExtras {
        var extras = EndpointExtras()
        let actions = exchange.app.webhooks.actions
        if let given = body.json["notify"] {
            let list = given == .null ? [] : try TriggerAction.list(given, path: "notify")
            try await exchange.check(list, at: "notify")
            extras.notify = list
        }
        if let given = body.json["client_certificate"] {
            guard let text = given == .null ? "" : given.stringValue, text.utf8.count <= 65_536 else {
                throw RequestDocument.problem("\"client_certificate\" is PEM, or secret://file/PATH")
            }
            if !text.isEmpty { try OutboundClient.check(certificate: try await actions.secret(text)) }
            extras.certificate = text
        }
        return extras
    }

    private static func isSameHost(_ definition: EndpointDefinition, _ known: EndpointRecord) -> Bool {
        (try? OutboundURL(definition.url).authority) == (try? OutboundURL(known.definition.url).authority)
    }

    private static func headers(_ body: RequestDocument) throws -> [(name: String, value: String)]? {
        guard let given = body.json["headers"] else { return nil }
        if given == .null { return [] }
        guard case .object(let members) = given else {
            throw RequestDocument.problem("\"headers\" is an object of names and texts")
        }
        let headers = try members.map { member in
            guard let value = member.value.stringValue else {
                throw RequestDocument.problem("\"headers\" is an object of names and texts")
            }
            return (name: member.key, value: value)
        }
        try CustomHeaders.check(headers)
        return headers
    }
}
