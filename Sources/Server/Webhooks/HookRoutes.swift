internal import Connectors
internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import People
internal import Webhooks

/// REST hooks, by which Zapier, Make, Tray and n8n subscribe and unsubscribe for themselves.
enum HookRoutes {
    // Who may subscribe may see what would come.
    static let routes = [
        Route(.post, "/v1/hooks", .scope(.webhooksWrite), audit: .discreetAct("hooks.subscribe"), subscribe),
        Route(.get, "/v1/hooks", .scope(.webhooksRead), audit: .none, list),
        Route(.get, "/v1/hooks/samples", .scope(.webhooksWrite), audit: .read("hooks.samples", of: "events"), samples),
        Route(.delete, "/v1/hooks", .scope(.webhooksWrite), audit: .discreetAct("hooks.unsubscribe"), unsubscribeURL),
        Route(.delete, "/v1/hooks/{id}", .scope(.webhooksWrite), audit: .act("hooks.unsubscribe"), unsubscribe),
    ]

    private static func subscribe(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        return try await Idempotency.run(exchange, body: bytes, kept: { Idempotency.without("secret", $0) }) {
            let body = try RequestDocument(try Body.parse(bytes), fields: ["target_url", "event", "where"])
            guard let url = try body.text("target_url", atMost: OutboundURL.mostBytes),
                let event = try body.text("event")
            else {
                throw RequestDocument.problem(
                    "\"target_url\" and \"event\" say where which event goes; * is every event")
            }
            try await exchange.app.webhooks.client.vet(try OutboundURL(url))
            let described: JSONValue = [
                "url": .string(url), "events": [.string(event)], "where": body["where"] ?? .null,
            ]
            var draft = EndpointDraft(try EndpointDefinition(described), secret: WebhookSecret.make())
            draft.kind = .hook
            let record = try await exchange.makeEndpoint(draft)
            return (.created, Array(document(record, secret: draft.secret).text.utf8))
        }
    }

    private static func list(_ exchange: Exchange) async throws -> Response {
        let limit = try exchange.query.limit()
        let after = try exchange.query.integer("cursor", in: 1...Int64.max) ?? 0
        let rows = try await exchange.app.webhooks.store.endpoints(
            project: try exchange.project().name, kind: .hook, after: after, limit: limit + 1)
        return .page(
            rows.prefix(limit).map { document($0) }, next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    /// 204, whether or not it was there: who unsubscribes twice is right twice.
    private static func unsubscribe(_ exchange: Exchange) async throws -> Response {
        let service = exchange.app.webhooks
        if try await service.store.remove(exchange.parameters[0], kind: .hook, project: try exchange.project().name) {
            try await service.sender.reload()
        }
        return Response(status: .noContent)
    }

    /// The same by the address, for platforms that keep nothing of what subscribing answered.
    private static func unsubscribeURL(_ exchange: Exchange) async throws -> Response {
        guard let url = exchange.query["target_url"], !url.isEmpty else {
            throw Problem.parameter("target_url", "is missing: the address that was subscribed")
        }
        let (service, project) = (exchange.app.webhooks, try exchange.project().name)
        let hooks = try await service.store.endpoints(project: project, kind: .hook)
        for hook in hooks where hook.definition.url == url {
            _ = try await service.store.remove(hook.id, kind: .hook, project: project)
        }
        try await service.sender.reload()
        return Response(status: .noContent)
    }

    /// The newest events as they would have been sent, for the mapping of fields; a made-up one where there is none yet.
    private static func samples(_ exchange: Exchange) async throws -> Response {
        guard let name = exchange.query["event"] else {
            throw Problem.parameter("event", "is missing: an event's name, or *")
        }
        let limit = Int(try exchange.query.integer("limit", in: 1...100) ?? 3)
        let runtime = try exchange.project()
        let seq = try await runtime.pin(exchange)
        let filter = EventFilter(names: name == "*" ? nil : [name])
        let page = try await runtime.store.ask { connection, pinned in
            try PeopleReader(connection, pinned, asOf: seq).events(
                filter, isOldestFirst: false, limit: limit, cursor: nil)
        }
        let project = runtime.name
        var samples = page.elements.map { event in
            envelope(data(of: event), at: event.timestamp, id: MessageBody.eventID(project: project, seq: event.seq))
        }
        exchange.note.rows(samples.count)
        if samples.isEmpty {
            let shown = name == "*" ? "Sample Event" : name
            samples = [
                envelope(
                    SampleMessage.event(shown, at: exchange.receivedAt), at: exchange.receivedAt,
                    id: WebhookSigning.messageID(["sample", project, shown]))
            ]
        }
        return .json(.array(samples))
    }

    private static func data(of event: PersonEvent) -> JSONValue {
        let bytes = event.json
        return (try? JSONValue(bytes.span)) ?? .null
    }

    private static func envelope(_ data: JSONValue, at time: Timestamp, id: String) -> JSONValue {
        ["type": .string(MessageBody.eventType), "timestamp": .string(time.text), "id": .string(id), "data": data]
    }

    private static func document(_ record: EndpointRecord, secret: WebhookSecret? = nil) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("id", .string(record.id)), .init("target_url", .string(record.definition.url)),
            .init("event", JSONValue(record.definition.events.first)),
            .init("where", record.definition.condition ?? .null), .init("state", .string(record.state.rawValue)),
            .init("created_at", .string(record.createdAt.text)),
        ]
        if let secret { members.append(.init("secret", .string(secret.text))) }
        return .object(members)
    }
}
