internal import GRDB

/// Deliveries that wait behind others of their endpoint.
extension DeliveryStore {
    /// How many steps are made for an endpoint at once. One finds the endpoint's next delivery, or leads past all that others have of a
    /// message, however many they are.
    static let mostSteps = 2_000

    /// Takes parked deliveries of an endpoint, the oldest first, as many as there is room for.
    ///
    /// - Parameter first: the message from which on there may be any.
    static func unpark(
        _ endpoint: Int64, from first: Int64, _ count: Int, _ db: Database, _ answer: inout LedgerAnswer
    ) throws -> [Row] {
        let next = try db.cachedStatement(
            sql: """
                SELECT message, endpoint, number FROM deliveries INDEXED BY deliveries_parked
                WHERE state = 0 AND next_at IS NULL AND (message, endpoint) >= (?, ?) ORDER BY message, endpoint LIMIT 1
                """)
        var (numbers, message, isOver): ([Int64], Int64, Bool) = ([], first, false)
        for _ in 0..<mostSteps {
            guard let row = try Row.fetchOne(next, arguments: [message, endpoint]) else {
                isOver = true
                break
            }
            let (found, whose): (Int64, Int64) = (row[0], row[1])
            message = found
            if whose == endpoint {
                // There is another one, for the next time.
                if numbers.count == count { break }
                numbers.append(row[2])
            }
            // What comes before it among others of the message is passed by asking for its own.
            if whose >= endpoint { message += 1 }
        }
        guard !numbers.isEmpty else {
            answer.parkedFrom[endpoint] = isOver ? .some(nil) : message
            if !isOver {
                answer.full.insert(endpoint)
                answer.isScanning = true
            }
            return []
        }
        let take = try db.cachedStatement(
            sql: """
                UPDATE deliveries SET state = 1, attempts = attempts + 1, next_at = created_at
                WHERE number = ?2 AND \(isOpen)
                RETURNING number, message, attempts, forgiven, lane
                """)
        let taken = try numbers.compactMap { try Row.fetchOne(take, arguments: [endpoint, $0]) }
        // One that is not active keeps what waits.
        guard taken.count == numbers.count else { return taken }
        answer.parkedFrom[endpoint] = isOver ? .some(nil) : message
        if !isOver { answer.full.insert(endpoint) }
        return taken
    }

    /// Of each endpoint that has any parked, the first message.
    func parkedFrom() async throws(WebhookError) -> [Int64: Int64] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT endpoint, min(message) FROM deliveries INDEXED BY deliveries_parked
                    WHERE state = 0 AND next_at IS NULL GROUP BY endpoint
                    """)
            return Dictionary(rows.map { ($0[0] as Int64, $0[1] as Int64) }, uniquingKeysWith: min)
        }
    }

    /// How many deliveries of an endpoint are in which state; a state may be there twice.
    static let counts = """
        SELECT state, count(*) FROM deliveries WHERE endpoint = ?1 AND state >= 2 GROUP BY state
        UNION ALL SELECT 1, count(*) FROM deliveries INDEXED BY deliveries_sending WHERE state = 1 AND endpoint = ?1
        UNION ALL SELECT 0, count(*) FROM deliveries WHERE endpoint = ?1 AND state = 0 AND next_at IS NOT NULL
        UNION ALL SELECT 0, count(*) FROM deliveries INDEXED BY deliveries_parked
            WHERE state = 0 AND next_at IS NULL AND endpoint = ?1
        """

    /// When the oldest that is not done with was made.
    static let oldest = """
        SELECT min(made) FROM (
            SELECT min(created_at) AS made FROM deliveries WHERE endpoint = ?1 AND state = 0 AND next_at IS NOT NULL
            UNION ALL SELECT min(created_at) FROM deliveries INDEXED BY deliveries_sending WHERE state = 1 AND endpoint = ?1
            UNION ALL SELECT (SELECT created_at FROM deliveries INDEXED BY deliveries_parked
                WHERE state = 0 AND next_at IS NULL AND endpoint = ?1 ORDER BY message LIMIT 1))
        """

    /// Everything that is pending, by the indexes of those that are due and those that are parked.
    static let pending = """
        (SELECT endpoint, number, created_at, next_at FROM deliveries WHERE state = 0 AND next_at IS NOT NULL
        UNION ALL SELECT endpoint, number, created_at, NULL FROM deliveries WHERE state = 0 AND next_at IS NULL)
        """

    /// The conditions by which all deliveries of an endpoint are found, each by its index.
    private static let parts = [
        "state >= 2", "state = 1", "state = 0 AND next_at IS NOT NULL", "state = 0 AND next_at IS NULL",
    ]

    /// Removes an endpoint's deliveries, and the messages that are nobody else's.
    static func removeDeliveries(_ db: Database, _ endpoint: Int64) throws {
        let own = parts.map { "SELECT message FROM deliveries WHERE endpoint = ?1 AND \($0)" }
            .joined(separator: " UNION ALL ")
        try db.execute(
            sql: """
                DELETE FROM messages WHERE number IN (\(own))
                AND NOT EXISTS (SELECT 1 FROM deliveries WHERE message = messages.number AND endpoint <> ?1)
                """, arguments: [endpoint])
        for part in parts {
            try db.execute(sql: "DELETE FROM deliveries WHERE endpoint = ? AND \(part)", arguments: [endpoint])
        }
    }
}
