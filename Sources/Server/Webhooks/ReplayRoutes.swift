internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import Webhooks

/// Many deliveries sent again: begun, or only counted; looked at while it goes on; called off.
enum ReplayRoutes {
    private static let path = "/v1/deliveries/replay"

    static let routes = [
        Route(.post, path, .scope(.webhooksWrite), audit: .act("deliveries.replay"), start),
        Route(.get, "\(path)s", .scope(.webhooksRead), audit: .none, list),
        Route(.get, "\(path)s/{id}", .scope(.webhooksRead), audit: .none, show),
        Route(.post, "\(path)s/{id}/cancel", .scope(.webhooksWrite), audit: .act("deliveries.replay.cancel"), cancel),
    ]

    /// Sends many again, behind what is new.
    private static func start(_ exchange: Exchange) async throws -> Response {
        let body = try await RequestDocument(exchange, fields: ["endpoint", "from", "to", "status", "preview"])
        let (service, project) = (exchange.app.webhooks, try exchange.project().name)
        guard let id = try body.text("endpoint") else {
            throw RequestDocument.problem("\"endpoint\" is missing: its id")
        }
        guard let endpoint = try await service.store.endpoint(id, project: project) else {
            throw Problem.notFound("there is no endpoint \(id.prefix(64))")
        }
        guard endpoint.state == .active else {
            throw Problem.conflict(
                "endpoint_\(endpoint.state.rawValue)", "the endpoint is \(endpoint.state.rawValue); enable it first")
        }
        var filter = DeliveryFilter()
        filter.endpoint = id
        filter.states = [.exhausted, .skipped, .aborted]
        if let word = try body.text("status") {
            guard let states = DeliveryState.named(word) else {
                throw RequestDocument.problem("\"status\" \(DeliveryRoutes.words)")
            }
            filter.states = states
        }
        filter.from = try time(body, "from")
        filter.to = try time(body, "to")
        if let preview = body["preview"] {
            guard let isPreview = preview.boolValue else {
                throw RequestDocument.problem("\"preview\" is true to be told how many it would be")
            }
            if isPreview {
                let count = try await service.store.replayable(filter, of: endpoint)
                return .json(["would_replay": JSONValue(Int64(count))])
            }
        }
        let made = try await service.store.replay(
            filter, of: endpoint, by: try exchange.requireCaller().key, now: exchange.receivedAt)
        service.sender.nudge()
        var answer: [JSONValue.Member] = [.init("replayed", JSONValue(made?.total ?? 0))]
        if made?.isPartial == true { answer.append(.init("partial", .bool(true))) }
        var response = Response.json(.object(answer), status: .accepted)
        if let made {
            exchange.note.made(made.id)
            response.headers[.location] = "\(path)s/\(made.id)"
        }
        return response
    }

    private static func list(_ exchange: Exchange) async throws -> Response {
        let (query, limit, project) = (exchange.query, try exchange.query.limit(), try exchange.project().name)
        let store = exchange.app.webhooks.store
        let endpoint = query["endpoint"].flatMap { $0.isEmpty ? nil : $0 }
        if let endpoint, try await store.endpoint(endpoint, project: project) == nil {
            throw Problem.parameter("endpoint", "there is no endpoint \(endpoint.prefix(64))")
        }
        let rows = try await store.replays(
            project: project, endpoint: endpoint, before: try query.integer("cursor", in: 1...Int64.max),
            limit: limit + 1)
        return .page(
            rows.prefix(limit).map(document), next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        let found = try await exchange.app.webhooks.store.replay(
            try number(exchange), project: try exchange.project().name)
        guard let found else { throw none }
        return .json(document(found))
    }

    private static func cancel(_ exchange: Exchange) async throws -> Response {
        let service = exchange.app.webhooks
        let record = try await service.store.cancelReplay(
            try number(exchange), project: try exchange.project().name, now: exchange.receivedAt)
        service.sender.nudge()
        return .json(document(record))
    }

    private static func document(_ record: ReplayRecord) -> JSONValue {
        func count(_ states: DeliveryState...) -> Int64 { states.reduce(0) { $0 + (record.states[$1] ?? 0) } }
        let known = record.states.values.reduce(0, +) + record.putBack
        return [
            "id": .string(record.id), "endpoint": .string(record.endpoint), "asked": record.asked,
            "status": .string(record.status), "total": JSONValue(record.total),
            "pending": JSONValue(count(.pending)), "sending": JSONValue(count(.sending)),
            "delivered": JSONValue(count(.delivered)), "failed": JSONValue(count(.exhausted, .skipped, .aborted)),
            "put_back": JSONValue(record.putBack), "elsewhere": JSONValue(max(0, record.total - known)),
            "partial": .bool(record.isPartial), "made_by": .string(record.madeBy),
            "created_at": .string(record.createdAt.text), "cancelled_at": JSONValue(record.cancelledAt),
        ]
    }

    private static let none = Problem.notFound("there is no such replay")

    private static func number(_ exchange: Exchange) throws(Problem) -> Int64 {
        guard let number = ReplayRecord.number(exchange.parameters[0]) else { throw none }
        return number
    }

    private static func time(_ body: RequestDocument, _ name: String) throws(Problem) -> Timestamp? {
        guard let text = try body.time(name) else { return nil }
        guard let time = WrittenTime(text)?.timestamp() ?? Timestamp(epochSeconds: text) else {
            throw RequestDocument.problem("\"\(name)\" is a time, such as 2026-01-31 or 2026-01-31T12:00:00Z")
        }
        return time
    }
}
