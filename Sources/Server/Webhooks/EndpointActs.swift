internal import Connectors
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import Webhooks

/// What is done with an endpoint besides describing it.
extension EndpointRoutes {
    static func rotate(_ exchange: Exchange) async throws -> Response {
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

    static func enable(_ exchange: Exchange) async throws -> Response {
        try await setState(exchange, .active, reason: nil)
    }

    static func disable(_ exchange: Exchange) async throws -> Response {
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
    static func test(_ exchange: Exchange) async throws -> Response {
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
}
