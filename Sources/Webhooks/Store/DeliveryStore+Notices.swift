internal import Connectors
internal import GRDB
internal import Model

/// What others are told of an endpoint: that it fails, is disabled, has recovered, and that messages did not arrive.
extension DeliveryStore {
    /// One endpoint's dead letters are told of so often at most: whoever is told looks at the list, where all of them are.
    private static let exhaustedPause: Int64 = 600_000_000

    static func tellExhausted(
        _ claimed: ClaimedDelivery, _ reason: String, _ db: Database, _ now: Timestamp, _ answer: inout LedgerAnswer
    ) throws {
        let type = claimed.message.type
        // Of what tells of others nothing is told: two that tell of each other would never end.
        guard !type.hasPrefix("endpoint."), !type.hasPrefix("message.") else { return }
        guard try mayTellExhausted(claimed.endpoint, db, now) else { return }
        try notify(
            "message.exhausted", about: claimed.endpoint,
            [
                .init("webhook_id", .string(claimed.message.id)),
                .init("delivery", .string(DeliveryRecord.id(claimed.number))), .init("reason", .string(reason)),
            ],
            cause: "\(claimed.number) \(now.microseconds)", db, now, &answer)
    }

    /// Whether dead letters of an endpoint are told of now; if so it is noted.
    static func mayTellExhausted(_ endpoint: Int64, _ db: Database, _ now: Timestamp) throws -> Bool {
        let told = try Int64.fetchOne(
            db, sql: "SELECT exhausted_told_at FROM endpoints WHERE number = ?", arguments: [endpoint])
        // A clock that was set back tells once more rather than never.
        if let told, (0..<exhaustedPause).contains(now.microseconds - told) { return false }
        try db.execute(
            sql: "UPDATE endpoints SET exhausted_told_at = ? WHERE number = ?", arguments: [now.microseconds, endpoint])
        return true
    }

    static func end(
        _ endpoint: Int64, isHook: Bool, _ reason: String, _ db: Database, _ now: Timestamp,
        _ answer: inout LedgerAnswer
    ) throws {
        answer.hasChanged = true
        // A subscription is over when its receiver says so: nobody waits for it.
        guard !isHook else { return try remove(db, endpoint) }
        try setState(db, endpoint, .disabled, reason: reason, by: "sluice", now: now)
        try notify(
            "endpoint.disabled", about: endpoint, [.init("reason", .string(reason))], cause: "\(now.microseconds)", db,
            now, &answer)
    }

    static func tell(
        _ notice: EndpointHealth.Notice?, _ endpoint: Int64, _ health: EndpointHealth?, _ db: Database,
        _ now: Timestamp,
        _ answer: inout LedgerAnswer
    ) throws {
        switch notice {
        case nil: return
        case .failing(let percent):
            try notify(
                "endpoint.failing", about: endpoint, [.init("percent", JSONValue(percent))],
                cause: "\(percent) \(health?.failingSince?.microseconds ?? 0)", db, now, &answer)
        case .recovered:
            try notify("endpoint.recovered", about: endpoint, [], cause: "\(now.microseconds)", db, now, &answer)
        case .disabled:
            let reason = "every attempt failed for five days"
            answer.hasChanged = true
            try setState(db, endpoint, .disabled, reason: reason, by: "sluice", now: now)
            try notify(
                "endpoint.disabled", about: endpoint, [.init("reason", .string(reason))],
                cause: "\(now.microseconds)", db, now, &answer)
        }
    }

    /// Tells those endpoints of the project that want to know; the one that it is about would not hear it.
    static func notify(
        _ type: String, about number: Int64, _ members: [JSONValue.Member], cause: String, _ db: Database,
        _ now: Timestamp, _ answer: inout LedgerAnswer
    ) throws {
        let project = try String.fetchOne(
            db, sql: "SELECT project FROM endpoints WHERE number = ?", arguments: [number])
        guard let project else { return }
        let all = try records(db, project: project, actions: true)
        guard let subject = all.first(where: { $0.number == number }) else { return }
        let told = Set(
            (subject.notify.arrayValue ?? []).compactMap {
                $0["endpoint"]?.stringValue ?? $0["deliveries"]?.stringValue
            })
        let others = all.filter {
            $0.number != number && ($0.definition.receives(type: type) || told.contains($0.id))
        }
        guard !others.isEmpty else { return }
        let id = WebhookSigning.messageID([type, project, subject.id, cause])
        let about: JSONValue = ["id": .string(subject.id), "url": .string(subject.place)]
        let data = JSONValue.object([.init("endpoint", about)] + members)
        let body = MessageBody.envelope(type: type, at: now, id: id, data: Array(data.text.utf8))
        let message = OutboxMessage(
            id: id, type: type, variant: "full", seq: nil, body: body,
            targets: others.map { .init(endpoint: $0.number, orderKey: nil) })
        try insert(message, project: project, db, now, &answer)
    }
}
