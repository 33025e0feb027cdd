internal import Connectors
internal import GRDB
internal import Model

extension DeliveryStore {
    /// Counts an attempt of each that is due, as many as there is room for, and hands them out.
    static func claim(
        _ room: (endpoint: Int64, count: Int, isOrdered: Bool), parkedFrom: Int64?, _ db: Database, _ now: Timestamp,
        _ answer: inout LedgerAnswer
    ) throws {
        // A lane at a time, each by its index: what is due later is not looked at.
        var rows = try claim(room, 0, room.count, db, now)
        if let parkedFrom, rows.count < room.count {
            rows += try unpark(room.endpoint, from: parkedFrom, room.count - rows.count, db, &answer)
        }
        if rows.count < room.count { rows += try claim(room, 1, room.count - rows.count, db, now) }
        if rows.count == room.count { answer.full.insert(room.endpoint) }
        let body = try db.cachedStatement(sql: "SELECT id, type, body, depth FROM messages WHERE number = ?")
        var claimed: [ClaimedDelivery] = []
        for row in rows {
            let (number, attempt, forgiven): (Int64, Int64, Int64) = (row[0], row[2], row[3])
            let message: Int64 = row[1]
            guard let found = try Row.fetchOne(body, arguments: [message]), let bytes = found.bytes(at: 2) else {
                try finish(db, number, .aborted, reason: "what it says is gone", now)
                continue
            }
            let lane: Int64 = row[4]
            let cause = forgiven > 0 && attempt == forgiven + 1 ? (lane == 1 ? "bulk" : "manual") : "auto"
            claimed.append(
                ClaimedDelivery(
                    number: number, endpoint: room.endpoint,
                    message: OutboundMessage(id: found[0], type: found[1], body: bytes, depth: found[3]),
                    attempt: attempt,
                    forgiven: forgiven, cause: cause))
        }
        answer.claimed += claimed.sorted { $0.number < $1.number }
    }

    private static func claim(
        _ room: (endpoint: Int64, count: Int, isOrdered: Bool), _ lane: Int64, _ count: Int, _ db: Database,
        _ now: Timestamp
    ) throws -> [Row] {
        let arguments: StatementArguments = [room.endpoint, lane, now.microseconds, count]
        let due = "endpoint = ?1 AND lane = ?2 AND state = 0 AND next_at <= ?3"
        guard room.isOrdered else {
            return try take(
                "SELECT number FROM deliveries WHERE \(due) ORDER BY next_at, number LIMIT ?4", db, arguments)
        }
        let rows = try take(OrderedClaim.first(due), db, arguments)
        guard rows.count < count else { return rows }
        let seen = try db.cachedStatement(
            sql: "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE \(due) LIMIT \(OrderedClaim.most))")
        guard try Int.fetchOne(seen, arguments: [room.endpoint, lane, now.microseconds]) == OrderedClaim.most else {
            return rows
        }
        // Much is due that waits for something before it: whoever else waits is found by whose it is.
        return rows
            + (try take(OrderedClaim.byKey, db, [room.endpoint, lane, now.microseconds, count - rows.count]))
    }

    /// Whether an endpoint is sent to now: nobody has stopped it, and what waits for it has its place.
    static let isOpen = "EXISTS (SELECT 1 FROM endpoints WHERE number = ?1 AND state = 'active' AND is_ordering = 0)"

    private static func take(_ chosen: String, _ db: Database, _ arguments: StatementArguments) throws -> [Row] {
        let statement = try db.cachedStatement(
            sql: """
                UPDATE deliveries SET state = 1, attempts = attempts + 1
                WHERE number IN (\(chosen)) AND \(isOpen)
                RETURNING number, message, attempts, forgiven, lane
                """)
        return try Row.fetchAll(statement, arguments: arguments)
    }
}
