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
        try check(definition, exchange)
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
        try check(definition, exchange)
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

    private static func rotate(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        let body = try RequestDocument(
            bytes.isEmpty ? .object([]) : try Body.parse(bytes), fields: ["secret", "overlap"])
        let secret = try body.text("secret").map { try WebhookSecret($0) } ?? WebhookSecret.make()
        var overlap: Int64 = 86_400_000_000
        if let text = try body.text("overlap") {
            guard let length = Durations.microseconds(text), length <= 7 * 86_400_000_000 else {
                throw RequestDocument.problem("\"overlap\" is how long the secret before still holds: 0s to 7d")
            }
            overlap = length
        }
        let service = exchange.app.webhooks
        let record = try await service.store.rotate(
            exchange.parameters[0], to: secret, overlap: overlap, project: try exchange.project().name,
            now: exchange.receivedAt)
        try await service.sender.reload()
        return .json(document(record, secret: secret))
    }

    private static func enable(_ exchange: Exchange) async throws -> Response {
        try await setState(exchange, .active, reason: nil)
    }

    private static func disable(_ exchange: Exchange) async throws -> Response {
        try await setState(exchange, .disabled, reason: "disabled by hand")
    }

    private static func setState(
        _ exchange: Exchange, _ state: EndpointRecord.State, reason: String?
    ) async throws -> Response {
        let service = exchange.app.webhooks
        let record = try await service.store.setState(
            exchange.parameters[0], state, reason: reason, by: try exchange.requireCaller().key,
            project: try exchange.project().name, now: exchange.receivedAt)
        try await service.sender.reload()
        return .json(document(record))
    }

    /// Sends a sample at once and tells what came of it. It is no delivery: nothing is tried again.
    private static func test(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        let body = try RequestDocument(bytes.isEmpty ? .object([]) : try Body.parse(bytes), fields: ["event"])
        let service = exchange.app.webhooks
        let record = try await exchange.endpoint()
        guard let secret = try await service.store.secret(record) else {
            throw Problem.conflict("secret_sealed", "the endpoint's secret cannot be opened with this master key")
        }
        let name = try body.text("event") ?? record.definition.events.first { $0 != "*" } ?? "Sample Event"
        let id = WebhookSigning.messageID(["test", record.id, exchange.requestID])
        let message = SampleMessage.message(name, for: record, at: exchange.receivedAt, id: id)
        let target = WebhookTarget(
            url: try OutboundURL(record.definition.url), secrets: [secret],
            headers: try await service.store.headers(record), timeout: .seconds(record.definition.timeout))
        var request = target.request(message, seconds: exchange.receivedAt.microseconds / 1_000_000)
        if let certificate = try await service.store.certificate(record) {
            request.certificate = try await service.actions.secret(certificate)
        }
        let result = await service.client.send(request)
        return .json(AttemptDocument.document(result, id: id, at: exchange.receivedAt))
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

    private static func check(_ definition: EndpointDefinition, _ exchange: Exchange) throws {
        try exchange.app.webhooks.policy.check(try OutboundURL(definition.url))
    }

    private static let extraFields = ["notify", "client_certificate"]

    /// Who is told, and the certificate: what a connector or TLS would refuse is refused now.
    private static func extras(_ body: RequestDocument, _ exchange: Exchange) async throws -> EndpointExtras {
        var extras = EndpointExtras()
        let actions = exchange.app.webhooks.actions
        if let given = body.json["notify"] {
            let list = given == .null ? [] : try TriggerAction.list(given, path: "notify")
            for case .connector(let kind, let settings) in list { _ = try await actions.make(kind, settings) }
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

    static func document(_ record: EndpointRecord, secret: WebhookSecret? = nil) -> JSONValue {
        var members: [JSONValue.Member] = [.init("id", .string(record.id))]
        if case .object(let described) = record.definition.json { members += described }
        members += [
            // Names alone: what they say may open somebody's door.
            .init("headers", .object(record.headers.map { .init($0, "[hidden]") })),
            .init("state", .string(record.state.rawValue)), .init("reason", JSONValue(record.reason)),
            .init("state_changed_by", .string(record.changedBy)), .init("state_at", .string(record.stateAt.text)),
            .init("failing_since", JSONValue(record.health.failingSince)),
            .init("failures", JSONValue(record.health.failures)), .init("secrets", JSONValue(record.secrets)),
            .init("overlap_ends_at", JSONValue(record.overlapEnds)), .init("since_seq", JSONValue(record.sinceSeq)),
            .init("notify", record.notify), .init("client_certificate", .bool(record.hasCertificate)),
            .init("kind", .string(record.kind.rawValue)), .init("created_at", .string(record.createdAt.text)),
            .init("updated_at", .string(record.updatedAt.text)),
        ]
        if let secret { members.append(.init("secret", .string(secret.text))) }
        return .object(members)
    }
}

extension Exchange {
    /// The endpoint that the path names, of the caller's project.
    func endpoint() async throws -> EndpointRecord {
        let id = parameters[0]
        guard let record = try await app.webhooks.store.endpoint(id, project: try project().name) else {
            throw Problem.notFound("there is no endpoint \(id.prefix(64))")
        }
        return record
    }

    /// Whether the caller may see what messages say: events, and whose they are.
    func seesMessages() throws -> Bool {
        let caller = try requireCaller()
        return caller.scopes.allows(.eventsRead) && caller.scopes.allows(.peopleRead) && caller.grant.isAll
    }

    /// Makes an endpoint that gets what is collected after this.
    func makeEndpoint(_ draft: EndpointDraft) async throws -> EndpointRecord {
        let (runtime, service) = (try project(), app.webhooks)
        runtime.keepJournal(for: draft.definition)
        let record = try await service.store.create(
            draft, project: runtime.name, by: try requireCaller().key, now: receivedAt,
            durable: { runtime.journal.durableSeq })
        try await service.sender.reload()
        note.made(record.id)
        logger.info("a webhook endpoint was made", metadata: ["endpoint": "\(record.id)"])
        return record
    }
}

extension ProjectRuntime {
    /// What an endpoint is to look at must stay until the follower has come to know of it.
    func keepJournal(for definition: EndpointDefinition) {
        if definition.isFollowed { keepJournal() }
    }

    /// What is collected from now on stays until the follower has passed it.
    func keepJournal() {
        guard journal.status.followers[EventFollower.name] == nil else { return }
        journal.register(follower: EventFollower.name, at: journal.durableSeq)
    }
}
