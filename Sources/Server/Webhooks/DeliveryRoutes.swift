internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import Webhooks

/// Deliveries: listed, shown with all their attempts, sent again.
enum DeliveryRoutes {
    static let routes =
        ReplayRoutes.routes + [
            Route(
                .get, "/v1/deliveries", .scope(.webhooksRead), audit: .read("deliveries.list", of: "deliveries"), list),
            Route(
                .get, "/v1/deliveries/{id}", .scope(.webhooksRead), audit: .read("deliveries.show", of: "deliveries"),
                show),
            Route(
                .post, "/v1/deliveries/{id}/replay", .scope(.webhooksWrite), audit: .act("deliveries.replay"), replay),
            Route(
                .get, "/v1/deliveries/{id}/curl", .scope(.webhooksWrite), audit: .act("deliveries.curl"), CurlRoute.show
            ),
        ]

    private static func list(_ exchange: Exchange) async throws -> Response {
        let (query, limit) = (exchange.query, try exchange.query.limit())
        var filter = DeliveryFilter()
        // A parameter without a value says nothing.
        if let id = query["endpoint"], !id.isEmpty {
            guard try await exchange.app.webhooks.store.hasEndpoint(id, project: try exchange.project().name) else {
                throw Problem.parameter("endpoint", "there is no endpoint \(id.prefix(64))")
            }
            filter.endpoint = id
        }
        if let word = query["status"], !word.isEmpty {
            guard let states = DeliveryState.named(word) else { throw Problem.parameter("status", words) }
            filter.states = states
        }
        if let type = query["type"], !type.isEmpty { filter.type = type }
        if let id = query["webhook_id"], !id.isEmpty { filter.message = id }
        filter.from = try query.time("from")
        filter.to = try query.time("to")
        let rows = try await exchange.app.webhooks.store.deliveries(
            filter, project: try exchange.project().name, before: try query.integer("cursor", in: 1...Int64.max),
            limit: limit + 1)
        exchange.note.rows(min(rows.count, limit))
        return .page(
            rows.prefix(limit).map(AttemptDocument.document),
            next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        let found = try await exchange.app.webhooks.store.delivery(
            try number(exchange), project: try exchange.project().name)
        guard let found else { throw none }
        exchange.note.rows(1)
        let sees = try exchange.seesMessages()
        guard case .object(let members) = AttemptDocument.document(found.record) else { throw none }
        return .json(
            .object(
                members + [
                    // The bytes as they were signed.
                    .init(
                        "body",
                        found.body.map {
                            .string(sees ? String(decoding: $0, as: UTF8.self) : AttemptDocument.hidden)
                        } ?? .null),
                    .init(
                        "attempt_log",
                        .array(found.attempts.map { AttemptDocument.document($0, showsBodies: sees) })),
                ]))
    }

    private static func replay(_ exchange: Exchange) async throws -> Response {
        let service = exchange.app.webhooks
        let record = try await service.store.replay(
            try number(exchange), project: try exchange.project().name, now: exchange.receivedAt)
        service.sender.nudge()
        return .json(AttemptDocument.document(record), status: .accepted)
    }

    static let words = "is one of \(DeliveryState.allCases.map(\.word).joined(separator: ", ")), or failed"
    static let none = Problem.notFound("there is no such delivery")

    static func number(_ exchange: Exchange) throws(Problem) -> Int64 {
        guard let number = DeliveryRecord.number(exchange.parameters[0]) else { throw none }
        return number
    }
}
