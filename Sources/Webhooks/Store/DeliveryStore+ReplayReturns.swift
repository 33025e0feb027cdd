internal import GRDB
internal import Model
internal import Synchronization

/// What becomes of replays that are called off, or are over.
extension DeliveryStore {
    /// What waits of one that was called off is what it was before, piece by piece.
    func putBack(_ replay: Int64, now: Timestamp) async throws(WebhookError) {
        while try await write({ db in
            let numbers = try Int64.fetchAll(
                db,
                sql: """
                    SELECT number FROM deliveries WHERE replay = ? AND replay IS NOT NULL AND state = 0 LIMIT \(Self.chunk)
                    """, arguments: [replay])
            return try Self.putBack(numbers, of: replay, db, now)
        }) == Self.chunk {}
    }

    private static func putBack(_ numbers: [Int64], of replay: Int64, _ db: Database, _ now: Timestamp) throws -> Int {
        // What was parked is due: whoever looks for what is parked may have passed it.
        try db.execute(
            sql: """
                UPDATE deliveries SET state = was ->> 0, lane = was ->> 1, forgiven = was ->> 3, reason = was ->> 4,
                    next_at = CASE was ->> 0 WHEN 0 THEN coalesce(was ->> 2, created_at) END,
                    finished_at = CASE was ->> 0 WHEN 0 THEN NULL ELSE coalesce(was ->> 5, ?2) END,
                    replay = NULL, was = NULL
                WHERE number IN (SELECT value FROM json_each(?1)) AND state = 0 AND was IS NOT NULL
                """, arguments: [JSONValue.array(numbers.map { JSONValue($0) }).text, now.microseconds])
        let count = db.changesCount
        try db.execute(
            sql: "UPDATE replays SET put_back = put_back + ? WHERE number = ?", arguments: [count, replay])
        return count
    }

    /// One that was under way when its replay was called off, and waits again: it did not arrive, and is what it was.
    static func returnCancelled(_ number: Int64, _ db: Database, _ now: Timestamp) throws {
        let find = try db.cachedStatement(
            sql: """
                SELECT r.number FROM deliveries d JOIN replays r ON r.number = d.replay
                WHERE d.number = ? AND d.state = 0 AND r.cancelled_at IS NOT NULL
                """)
        guard let replay = try Int64.fetchOne(find, arguments: [number]) else { return }
        _ = try putBack([number], of: replay, db, now)
    }

    /// Goes on with what was cut off, and counts what is over for the last time: whoever lists replays counts those alone that go on.
    func settleReplays(now: Timestamp) async throws(WebhookError) {
        let isTaking = try await read { db in
            try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM replays WHERE is_taking = 1)")
        }
        if isTaking == true {
            try await write { db in
                let filled = self.takings.withLock { $0 }
                for number in try Int64.fetchAll(db, sql: "SELECT number FROM replays WHERE is_taking = 1")
                where !filled.contains(number) { try Self.endTaking(number, isPartial: true, db) }
            }
        }
        let open = "SELECT 1 FROM deliveries d WHERE d.replay = r.number AND d.replay IS NOT NULL AND d.state"
        let cut = try await read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT number FROM replays r WHERE cancelled_at IS NOT NULL AND counts IS NULL
                        AND EXISTS (\(open) = 0)
                    """)
        }
        for number in cut { try await putBack(number, now: now) }
        let over = try await read { db in
            let numbers = try Int64.fetchAll(
                db,
                sql: """
                    SELECT number FROM replays r WHERE is_taking = 0 AND counts IS NULL AND NOT EXISTS (\(open) < 2)
                    """)
            return try numbers.map { ($0, try Self.stateCounts(of: $0, db)) }
        }
        guard !over.isEmpty else { return }
        try await write { db in
            for (number, states) in over {
                let counts = DeliveryState.allCases.map { JSONValue(states[$0] ?? 0) }
                try db.execute(
                    sql: "UPDATE replays SET counts = ? WHERE number = ?",
                    arguments: [JSONValue.array(counts).text, number])
            }
        }
    }

    static func endTaking(_ number: Int64, isPartial: Bool, _ db: Database) throws {
        try db.execute(
            sql: "UPDATE replays SET is_taking = 0, is_partial = ? WHERE number = ?", arguments: [isPartial, number])
    }

    static func stateCounts(of replay: Int64, _ db: Database) throws -> [DeliveryState: Int64] {
        let counted = try db.cachedStatement(
            sql: "SELECT state, count(*) FROM deliveries WHERE replay = ? AND replay IS NOT NULL GROUP BY state")
        var states: [DeliveryState: Int64] = [:]
        for count in try Row.fetchAll(counted, arguments: [replay]) {
            states[DeliveryState(rawValue: count[0]) ?? .aborted] = count[1]
        }
        return states
    }
}
