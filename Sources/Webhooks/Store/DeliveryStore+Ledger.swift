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
                try Self.returnCancelled(claimed.number, db, now)
            }
            let change = try Self.change(db)
            answer.change = change
            for batch in work.batches {
                // By other endpoints: somebody may have been made or changed meanwhile.
                guard batch.change == change else {
                    answer.written.append(false)
                    continue
                }
                try Self.insert(batch, db, now, &answer)
                answer.written.append(true)
            }
            // Others than there are may be sent to, or in another order: what is due is claimed once that is known.
            guard work.change ?? change == change else {
                answer.full.formUnion(work.rooms.map(\.endpoint))
                answer.hasChanged = true
                return answer
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
        if let whose = message.whose, message.targets.contains(where: { $0.orderKey == nil }) {
            try know(whose, project, db)
        }
        var parked: [Int64] = []
        for target in message.targets {
            let waits = target.orderKey == nil && answer.parks.contains(target.endpoint)
            if target.orderKey != nil, let whose = message.whose { try Self.join(whose, target.endpoint, db) }
            if waits {
                parked.append(target.endpoint)
                answer.parked[target.endpoint] = min(answer.parked[target.endpoint] ?? number, number)
            } else {
                try deliver(number, [target.endpoint], target.orderKey, isParked: false, message, project, db, now)
                answer.fed.insert(target.endpoint)
            }
        }
        // Where many hang, whoever is fast waits for what is written for all of them: it is one statement.
        if !parked.isEmpty { try deliver(number, parked, nil, isParked: true, message, project, db, now) }
    }

    /// Puts a message in for endpoints, in their order.
    private static func deliver(
        _ number: Int64, _ endpoints: [Int64], _ orderKey: String?, isParked: Bool, _ message: OutboxMessage,
        _ project: String, _ db: Database, _ now: Timestamp
    ) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO deliveries (project, endpoint, message, state, order_key, next_at, reason, created_at, whose)
                SELECT ?1, e.number, ?3, CASE e.state WHEN 'disabled' THEN 4 ELSE 0 END, ?4,
                    CASE WHEN e.state = 'disabled' OR ?6 THEN NULL ELSE ?5 END,
                    CASE e.state WHEN 'disabled' THEN 'the endpoint was disabled' END, ?5, ?7
                FROM json_each(?2) j CROSS JOIN endpoints e ON e.number = j.value
                WHERE true ON CONFLICT (message, endpoint) DO NOTHING
                """)
        try statement.execute(
            arguments: [
                project, "[\(endpoints.map(String.init).joined(separator: ","))]", number, orderKey, now.microseconds,
                isParked, message.whose?.text,
            ])
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
            try returnCancelled(number, db, now)
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
