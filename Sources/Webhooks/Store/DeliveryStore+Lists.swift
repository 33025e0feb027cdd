internal import GRDB
public import Model

/// Which deliveries are meant.
public struct DeliveryFilter: Sendable {
    public var endpoint: String?
    /// Of messages of a type; of one message.
    public var type: String?
    public var message: String?
    public var states: [DeliveryState] = DeliveryState.allCases
    /// Made in [from, to).
    public var from: Timestamp?
    public var to: Timestamp?

    public init() {}
}

extension DeliveryStore {
    private static let columns =
        "d.number, e.id AS endpoint, m.id, m.type, m.seq, d.state, d.lane, d.attempts, d.next_at, d.reason, d.created_at, d.finished_at"
    private static let tables =
        "deliveries d JOIN endpoints e ON e.number = d.endpoint JOIN messages m ON m.number = d.message"

    /// Deliveries, newest first.
    public func deliveries(
        _ filter: DeliveryFilter, project: String, before: Int64?, limit: Int
    ) async throws(WebhookError) -> [DeliveryRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT \(Self.columns) FROM \(Self.tables)
                    WHERE d.project = ?1 AND e.id = coalesce(?2, e.id) AND d.state IN (\(Self.list(filter.states)))
                        AND (?3 IS NULL OR d.created_at >= ?3) AND (?4 IS NULL OR d.created_at < ?4)
                        AND (?5 IS NULL OR d.number < ?5) AND m.type = coalesce(?7, m.type)
                        AND ?8 IS \(filter.message == nil ? "NULL" : "NOT NULL AND m.project = ?1 AND m.id = ?8")
                    ORDER BY d.number DESC LIMIT ?6
                    """,
                arguments: [
                    project, filter.endpoint, filter.from?.microseconds, filter.to?.microseconds, before, limit,
                    filter.type, filter.message,
                ]
            ).map(DeliveryRecord.init(row:))
        }
    }

    /// A delivery with its message's bytes (nil once they are gone) and its attempts; nil if there is none.
    public func delivery(
        _ number: Int64, project: String
    ) async throws(WebhookError) -> (record: DeliveryRecord, body: [UInt8]?, attempts: [AttemptRecord])? {
        try await read { db in
            let row = try Row.fetchOne(
                db, sql: "SELECT \(Self.columns), m.body FROM \(Self.tables) WHERE d.number = ? AND d.project = ?",
                arguments: [number, project])
            guard let row else { return nil }
            let attempts = try Self.attempts(db, "a.delivery = ?", [number], order: "a.number", limit: 1_000)
            return (DeliveryRecord(row: row), row.bytes("body"), attempts)
        }
    }

    /// An endpoint's attempts, newest first.
    public func attempts(
        endpoint: Int64, before: Int64?, limit: Int
    ) async throws(WebhookError) -> [AttemptRecord] {
        try await read { db in
            try Self.attempts(
                db, "a.endpoint = ?1 AND (?2 IS NULL OR a.number < ?2)", [endpoint, before], order: "a.number DESC",
                limit: limit)
        }
    }

    private static func attempts(
        _ db: Database, _ clause: String, _ arguments: StatementArguments, order: String, limit: Int
    ) throws -> [AttemptRecord] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT a.*, m.id AS message_id, m.type FROM attempts a JOIN deliveries d ON d.number = a.delivery
                JOIN messages m ON m.number = d.message WHERE \(clause) ORDER BY \(order) LIMIT \(limit)
                """, arguments: arguments
        ).map(AttemptRecord.init(row:))
    }

    /// Sends a delivery again as soon as it may be, under the id that it has; the planned retry is replaced.
    public func replay(_ number: Int64, project: String, now: Timestamp) async throws(WebhookError) -> DeliveryRecord {
        try await write { db in
            let row = try Row.fetchOne(
                db,
                sql:
                    "SELECT \(Self.columns), e.state AS endpoint_state, m.body IS NULL AS is_gone FROM \(Self.tables) WHERE d.number = ? AND d.project = ?",
                arguments: [number, project])
            guard let row else { throw WebhookError(.noDelivery, "there is no such delivery") }
            let (state, isGone): (Int64, Bool) = (row["state"], row["is_gone"])
            guard state != DeliveryState.sending.rawValue else {
                throw WebhookError(.conflict, "an attempt of it is under way", isTransient: true)
            }
            guard !isGone else { throw WebhookError(.conflict, "what it said is no longer kept") }
            let endpoint: String = row["endpoint_state"]
            guard endpoint == "active" else {
                throw WebhookError(.conflict, "the endpoint is \(endpoint); enable it first")
            }
            try Self.again(db, "number = ?", [number], lane: 0, now)
            // Somebody wants this one, whatever becomes of the others that it was with.
            try db.execute(
                sql: "UPDATE deliveries SET replay = NULL, was = NULL WHERE number = ?", arguments: [number])
            guard
                let after = try Row.fetchOne(
                    db, sql: "SELECT \(Self.columns) FROM \(Self.tables) WHERE d.number = ?", arguments: [number])
            else { throw WebhookError(.noDelivery, "there is no such delivery") }
            return DeliveryRecord(row: after)
        }
    }

    static func again(
        _ db: Database, _ clause: String, _ arguments: StatementArguments, lane: Int64, _ now: Timestamp
    ) throws {
        try db.execute(
            sql: """
                UPDATE deliveries SET state = 0, lane = \(lane), forgiven = attempts, next_at = \(now.microseconds),
                    reason = NULL, finished_at = NULL,
                    -- it is made again for an endpoint that may have come to ask for order since
                    order_key = CASE WHEN (SELECT definition ->> '$.order' FROM endpoints e WHERE e.number = deliveries.endpoint)
                        = 'person' THEN coalesce(order_key, whose) ELSE order_key END
                WHERE \(clause)
                """, arguments: arguments)
    }

    /// How an endpoint fares: deliveries by state, attempts of the last day, and how old what waits is.
    public func stats(_ endpoint: EndpointRecord, now: Timestamp) async throws(WebhookError) -> JSONValue {
        try await read { db in
            let counts = try Row.fetchAll(
                db, sql: Self.counts,
                arguments: [endpoint.number])
            var byState: [Int64: Int64] = [:]
            for row in counts { byState[row[0], default: 0] += row[1] }
            let day = now.microseconds - 86_400_000_000
            let times = try Row.fetchAll(
                db,
                sql: """
                    SELECT total, status BETWEEN 200 AND 299 FROM attempts WHERE endpoint = ? AND at >= ?
                    ORDER BY number DESC LIMIT 10000
                    """, arguments: [endpoint.number, day])
            let totals = times.compactMap { $0[0] as Int64? }.sorted()
            let good = times.count { ($0[1] as Bool?) ?? false }
            func part(_ share: Double) -> JSONValue {
                guard !totals.isEmpty else { return .null }
                let micros = totals[min(totals.count - 1, Int(Double(totals.count) * share))]
                return .number(String(Double(micros) / 1_000))
            }
            let oldest = try Int64.fetchOne(
                db, sql: Self.oldest,
                arguments: [endpoint.number])
            let states = DeliveryState.allCases.map { JSONValue.Member($0.word, JSONValue(byState[$0.rawValue] ?? 0)) }
            return [
                "deliveries": .object(states), "attempts_last_day": JSONValue(Int64(times.count)),
                "success_rate": times.isEmpty ? .null : .number(String(Double(good) / Double(times.count))),
                "p50_ms": part(0.5), "p95_ms": part(0.95), "p99_ms": part(0.99),
                "oldest_waiting_seconds": oldest.map { .number(String(Double(now.microseconds - $0) / 1_000_000)) }
                    ?? .null,
            ]
        }
    }

    static func list(_ states: [DeliveryState]) -> String {
        states.map { "\($0.rawValue)" }.joined(separator: ", ")
    }
}

extension DeliveryRecord {
    fileprivate init(row: Row) {
        func time(_ name: String) -> Timestamp? {
            let value: Int64? = row[name]
            return value.map { Timestamp(microseconds: $0) }
        }
        let lane: Int64 = row["lane"]
        self.init(
            number: row["number"], endpoint: row["endpoint"], messageID: row["id"], type: row["type"], seq: row["seq"],
            state: DeliveryState(rawValue: row["state"]) ?? .aborted, isBulk: lane == 1, attempts: row["attempts"],
            nextAt: time("next_at"), reason: row["reason"],
            createdAt: time("created_at") ?? Timestamp(microseconds: 0), finishedAt: time("finished_at"))
    }
}

extension AttemptRecord {
    fileprivate init(row: Row) {
        let at: Int64 = row["at"]
        let next: Int64? = row["next_at"]
        self.init(
            number: row["number"], delivery: row["delivery"], messageID: row["message_id"], type: row["type"],
            attempt: row["n"], at: Timestamp(microseconds: at), cause: row["cause"], url: row["url"],
            status: row["status"], error: row["error"], detail: row["detail"], peer: row["peer"],
            timings: ["dns", "connect", "tls", "first_byte", "total"].map { ($0, row[$0]) },
            nextAt: next.map { Timestamp(microseconds: $0) }, responseHeaders: row["response_headers"],
            responseBody: row.bytes("response_body"), cut: row["cut"])
    }
}
