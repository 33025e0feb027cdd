internal import Connectors
internal import GRDB
internal import Model

extension DeliveryStore {
    /// Writes results and new messages and claims what is due, in one transaction: one sync for all of it.
    func cycle(_ work: LedgerWork, now: Timestamp) async throws(WebhookError) -> LedgerAnswer {
        try await writeToEnd { db in
            var answer = LedgerAnswer()
            answer.parks = work.parks
            for outcome in work.outcomes { try Self.apply(outcome, db, now, &answer) }
            for claimed in work.released {
                try db.execute(
                    sql: "UPDATE deliveries SET state = 0, attempts = attempts - 1 WHERE number = ? AND state = 1",
                    arguments: [claimed.number])
            }
            let change = try Self.change(db)
            for batch in work.batches {
                // By other endpoints: somebody may have been made or changed meanwhile.
                guard batch.change == change else {
                    answer.written.append(false)
                    continue
                }
                try Self.insert(batch, db, now, &answer)
                answer.written.append(true)
            }
            for room in work.rooms {
                let parked = [work.parkedFrom[room.endpoint], answer.parked[room.endpoint]].compactMap(\.self).min()
                try Self.claim(room, parkedFrom: parked, db, now, &answer)
            }
            return answer
        }
    }

    // MARK: What comes in

    private static func insert(
        _ batch: OutboxBatch, _ db: Database, _ now: Timestamp, _ answer: inout LedgerAnswer
    ) throws {
        for message in batch.messages {
            try insert(message, project: batch.project, db, now, &answer)
        }
        if let work = batch.triggers { try evaluate(work, project: batch.project, db, now, &answer) }
        if let checkpoint = batch.checkpoint { try setCheckpoint(db, batch.project, checkpoint) }
    }

    static func insert(
        _ message: OutboxMessage, project: String, _ db: Database, _ now: Timestamp, _ answer: inout LedgerAnswer
    ) throws {
        let add = try db.cachedStatement(
            sql: """
                INSERT INTO messages (project, id, variant, type, seq, made_at, body, depth, identity)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (project, id, variant) DO UPDATE SET id = id RETURNING number
                """)
        let number = try Int64.fetchOne(
            add,
            arguments: [
                project, message.id, message.variant, message.type, message.seq, now.microseconds,
                Blob(message.body).data, message.depth, message.identity,
            ])
        guard let number else { return }
        let deliver = try db.cachedStatement(
            sql: """
                INSERT INTO deliveries (project, endpoint, message, state, order_key, next_at, reason, created_at)
                SELECT ?1, number, ?3, CASE state WHEN 'disabled' THEN 4 ELSE 0 END, ?4,
                    CASE WHEN state = 'disabled' OR ?6 THEN NULL ELSE ?5 END,
                    CASE state WHEN 'disabled' THEN 'the endpoint was disabled' END, ?5
                FROM endpoints WHERE number = ?2 ON CONFLICT (message, endpoint) DO NOTHING
                """)
        for target in message.targets {
            let isParked = target.orderKey == nil && answer.parks.contains(target.endpoint)
            try deliver.execute(
                arguments: [project, target.endpoint, number, target.orderKey, now.microseconds, isParked])
            if isParked {
                answer.parked[target.endpoint] = min(answer.parked[target.endpoint] ?? number, number)
            } else {
                answer.fed.insert(target.endpoint)
            }
        }
    }

    // MARK: What came of it

    private static func apply(
        _ outcome: AttemptOutcome, _ db: Database, _ now: Timestamp, _ answer: inout LedgerAnswer
    ) throws {
        let (claimed, number) = (outcome.claimed, outcome.claimed.number)
        var nextAt: Timestamp?
        switch outcome.verdict {
        case .delivered: try finish(db, number, .delivered, reason: nil, now)
        case .exhausted: try finish(db, number, .exhausted, reason: "all attempts failed", now)
        case .aborted(let reason): try finish(db, number, .aborted, reason: reason, now)
        case .retry(let at):
            nextAt = at
            try wait(db, number, until: at, reason: Verdict.reason(outcome.result))
        case .ends(let reason): try wait(db, number, until: now, reason: reason)
        }
        if db.changesCount > 0 {
            try log(outcome, nextAt: nextAt, db)
        } else {
            // Erased meanwhile, or removed with its endpoint. What the receiver said of the endpoint itself still holds.
            let isThere = try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM endpoints WHERE number = ?)", arguments: [claimed.endpoint])
            guard isThere == true else { return }
        }
        if let health = outcome.health {
            try db.execute(
                sql: "UPDATE endpoints SET failing_since = ?, failures = ?, told = ? WHERE number = ?",
                arguments: [health.failingSince?.microseconds, health.failures, health.told, claimed.endpoint])
        }
        switch outcome.verdict {
        case .ends(let reason): try end(claimed.endpoint, isHook: outcome.isHook, reason, db, now, &answer)
        case .exhausted: try tellExhausted(claimed, "all attempts failed", db, now, &answer)
        case .aborted(let reason): try tellExhausted(claimed, reason, db, now, &answer)
        default: break
        }
        try tell(outcome.notice, claimed.endpoint, outcome.health, db, now, &answer)
    }

    /// One endpoint's dead letters are told of so often at most: whoever is told looks at the list, where all of them are.
    private static let exhaustedPause: Int64 = 600_000_000

    private static func tellExhausted(
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

    static func finish(
        _ db: Database, _ number: Int64, _ state: DeliveryState, reason: String?, _ now: Timestamp
    ) throws {
        let statement = try db.cachedStatement(
            sql: """
                UPDATE deliveries SET state = ?, reason = ?, next_at = NULL, finished_at = ?
                WHERE number = ? AND state = 1
                """)
        try statement.execute(arguments: [state.rawValue, reason, now.microseconds, number])
    }

    private static func wait(_ db: Database, _ number: Int64, until time: Timestamp, reason: String?) throws {
        let statement = try db.cachedStatement(
            sql: "UPDATE deliveries SET state = 0, next_at = ?, reason = ? WHERE number = ? AND state = 1")
        try statement.execute(arguments: [time.microseconds, reason, number])
    }

    /// Headers by their names; one that came twice has its values with a comma between, as HTTP reads them.
    private static func merged(_ headers: [(name: String, value: String)]) -> [JSONValue.Member] {
        var names: [String] = []
        var values: [String: String] = [:]
        for (name, value) in headers.prefix(64) {
            let lower = name.lowercased()
            if let before = values[lower] {
                values[lower] = before + ", " + value
            } else {
                names.append(lower)
                values[lower] = value
            }
        }
        return names.map { .init($0, .string(values[$0] ?? "")) }
    }

    private static func log(_ outcome: AttemptOutcome, nextAt: Timestamp?, _ db: Database) throws {
        let (result, answer) = (outcome.result, outcome.result.answer)
        let headers = answer.map { answer in
            JSONValue.object(merged(answer.headers)).text
        }
        let body = answer.flatMap { $0.body.isEmpty ? nil : Blob($0.body).data } ?? .null
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO attempts (delivery, endpoint, n, at, cause, url, status, error, detail, peer, dns, connect, tls,
                    first_byte, total, next_at, response_headers, response_body, cut)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        try statement.execute(
            arguments: [
                outcome.claimed.number, outcome.claimed.endpoint, outcome.claimed.attempt, outcome.at.microseconds,
                outcome.claimed.cause, outcome.url, answer?.status, Verdict.errorCode(result), Verdict.detail(result),
                result.peer, result.timings.dns, result.timings.connect, result.timings.tls, result.timings.firstByte,
                result.timings.total, nextAt?.microseconds, headers, body, answer?.cut?.rawValue,
            ])
    }
}
