internal import Connectors
internal import Model
internal import Webhooks

/// Attempts and deliveries as the API shows them.
enum AttemptDocument {
    /// In place of a body for who may not read people.
    static let hidden = "[hidden: the key needs events:read and people:read]"

    /// - Parameter showsBodies: whether what receivers answered is shown, which may repeat what it was sent.
    static func document(_ attempt: AttemptRecord, showsBodies: Bool) -> JSONValue {
        [
            "id": .string("att_" + Base32.encode(UInt64(bitPattern: attempt.number))),
            "delivery": .string(DeliveryRecord.id(attempt.delivery)), "webhook_id": .string(attempt.messageID),
            "type": .string(attempt.type), "attempt": JSONValue(attempt.attempt), "at": .string(attempt.at.text),
            "cause": .string(attempt.cause), "url": .string(attempt.url), "status": JSONValue(optional: attempt.status),
            "error": JSONValue(attempt.error),
            "detail": attempt.detail.map { .string(showsBodies || Verdict.isOurs($0) ? $0 : hidden) } ?? .null,
            "peer": JSONValue(attempt.peer),
            "timings_ms": .object(attempt.timings.map { .init($0.name, milliseconds($0.value)) }),
            "next_attempt_at": JSONValue(attempt.nextAt),
            "response_headers": attempt.responseHeaders.flatMap { try? JSONValue(text: $0) }.map {
                showsBodies ? $0 : plainHeaders($0)
            } ?? .null,
            "response_body": attempt.responseBody.map {
                .string(showsBodies ? String(decoding: $0, as: UTF8.self) : hidden)
            } ?? .null,
            "response_cut": JSONValue(attempt.cut),
        ]
    }

    /// A document for who may not read people: what these members say is hidden, wherever they are.
    static func hiding(_ names: Set<String>, in json: JSONValue) -> JSONValue {
        switch json {
        case .object(let members):
            .object(
                members.map { member in
                    guard names.contains(member.key), member.value != .null else {
                        return .init(member.key, hiding(names, in: member.value))
                    }
                    return .init(member.key, .string(hidden))
                })
        case .array(let elements): .array(elements.map { hiding(names, in: $0) })
        default: json
        }
    }

    /// Headers that say how something was answered; the others by their names.
    private static func plainHeaders(_ headers: JSONValue) -> JSONValue {
        guard case .object(let members) = headers else { return headers }
        let plain: Set<String> = [
            "content-length", "content-type", "date", "retry-after", "server", "webhook-delivery",
        ]
        return .object(members.map { plain.contains($0.key) ? $0 : .init($0.key, .string(hidden)) })
    }

    static func document(_ delivery: DeliveryRecord) -> JSONValue {
        [
            "id": .string(delivery.id), "endpoint": .string(delivery.endpoint),
            "webhook_id": .string(delivery.messageID), "type": .string(delivery.type),
            "seq": JSONValue(optional: delivery.seq), "status": .string(delivery.state.word),
            "attempts": JSONValue(delivery.attempts), "next_attempt_at": JSONValue(delivery.nextAt),
            "reason": JSONValue(delivery.reason), "lane": .string(delivery.isBulk ? "bulk" : "live"),
            "created_at": .string(delivery.createdAt.text), "finished_at": JSONValue(delivery.finishedAt),
        ]
    }

    /// What came of a test.
    static func document(_ result: OutboundResult, id: String, at: Timestamp) -> JSONValue {
        let (timings, answer) = (result.timings, result.answer)
        return [
            "webhook_id": .string(id), "at": .string(at.text),
            "delivered": .bool(answer.map { (200...299).contains($0.status) } ?? false),
            "status": JSONValue(optional: answer.map { Int64($0.status) }),
            "error": JSONValue(result.failure?.code.rawValue), "detail": JSONValue(result.failure?.message),
            "peer": JSONValue(result.peer),
            "timings_ms": [
                "dns": milliseconds(timings.dns), "connect": milliseconds(timings.connect),
                "tls": milliseconds(timings.tls), "first_byte": milliseconds(timings.firstByte),
                "total": milliseconds(timings.total),
            ],
            "response_body": answer.map { .string(String(decoding: $0.body, as: UTF8.self)) } ?? .null,
        ]
    }

    private static func milliseconds(_ microseconds: Int64?) -> JSONValue {
        microseconds.map { .number(String(Double($0) / 1_000)) } ?? .null
    }
}
