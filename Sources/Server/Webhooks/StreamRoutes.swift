internal import Hummingbird
internal import Journal
internal import Model
internal import Webhooks

/// Streams: where they stand, and putting them somewhere else.
enum StreamRoutes {
    /// What comes after that `seq` is sent next, whatever was sent before.
    static func seek(_ exchange: Exchange) async throws -> Response {
        let body = try await RequestDocument(exchange, fields: ["seq"])
        let record = try await exchange.endpoint()
        let durable = try exchange.project().journal.durableSeq
        guard let seq = body["seq"]?.intValue, (0...durable).contains(seq) else {
            throw RequestDocument.problem(
                "\"seq\" is a number from 0 to \(durable), the last one that is stored; what comes after it is sent")
        }
        let service = exchange.app.webhooks
        try await service.store.seek(record, to: seq)
        try await service.sender.reload()
        return .json(["id": .string(record.id), "stream": try await document(record, exchange)])
    }

    static func document(_ record: EndpointRecord, _ exchange: Exchange) async throws -> JSONValue {
        guard let state = try await exchange.app.webhooks.store.stream(record.number) else { return .null }
        let lag = max(0, try exchange.project().journal.durableSeq - state.seq)
        return [
            "seq": JSONValue(state.seq), "lag_items": JSONValue(lag),
            "lag_seconds": .number(String(seconds(record.number, exchange.app, exchange.receivedAt))),
            "events": JSONValue(state.events), "batches": JSONValue(state.batches),
            "failed_attempts": JSONValue(state.attempts), "next_attempt_at": JSONValue(state.nextAt),
            "last_attempt": state.lastAt.map { at in
                [
                    "at": .string(at.text), "status": JSONValue(optional: state.lastStatus),
                    "error": JSONValue(state.lastError), "detail": JSONValue(state.lastDetail),
                    "total_ms": state.lastTotal.map { .number(String(Double($0) / 1_000)) } ?? .null,
                ]
            } ?? .null,
        ]
    }

    /// How long the oldest event that was not taken has waited.
    static func seconds(_ endpoint: Int64, _ app: ServerState, _ now: Timestamp) -> Double {
        let oldest = app.webhooks.sender.streams.oldest(endpoint)
        return oldest.map { Double(max(0, now.microseconds - $0.microseconds)) / 1_000_000 } ?? 0
    }
}
