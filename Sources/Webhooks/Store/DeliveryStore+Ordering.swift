internal import GRDB
internal import Model

/// Endpoints that come to ask for order while much waits for them: what waits gets its place piece by piece, and nothing is claimed until
/// all of it has. That it is so is on disk, and goes on after a start.
extension DeliveryStore {
    /// An endpoint comes to ask for order, or to ask for it no more.
    static func setOrdering(_ db: Database, _ endpoint: Int64, asks: Bool) throws {
        try endOrdering(db, endpoint)
        guard asks else { return }
        try db.execute(sql: "UPDATE endpoints SET is_ordering = 1 WHERE number = ?", arguments: [endpoint])
        // What is under way is little; what becomes of it may be written at any time.
        try db.execute(
            sql: "UPDATE deliveries SET order_key = whose WHERE endpoint = ? AND state = 1", arguments: [endpoint])
    }

    private static func endOrdering(_ db: Database, _ endpoint: Int64) throws {
        try db.execute(sql: "UPDATE endpoints SET is_ordering = 0 WHERE number = ?", arguments: [endpoint])
        try db.execute(sql: "DELETE FROM order_joins WHERE endpoint = ?", arguments: [endpoint])
    }

    /// Notes that somebody has become known of whom something may wait that has no place yet.
    static func noteJoin(_ whose: OrderKey, before: String, _ endpoint: Int64, _ db: Database) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO order_joins SELECT number, ?2, ?3 FROM endpoints WHERE number = ?1 AND is_ordering = 1
                ON CONFLICT (endpoint, before) DO UPDATE SET key = excluded.key
                """)
        try statement.execute(arguments: [endpoint, before, whose.text])
    }

    /// Gives each delivery that waits for an endpoint its place, and lets the endpoint be sent to again. What is parked is so no more.
    ///
    /// - Parameter most: how many rows are written at once.
    func putInOrder(_ endpoint: Int64, most: Int = chunk) async throws(WebhookError) {
        // Twice: what was enabled or asked for again meanwhile is due at another time, and may have been passed.
        var place = OrderPlace()
        var hasFound = false
        while true {
            let from = place
            let found = try await read { db in try from.next(db, endpoint, most) }
            guard !found.numbers.isEmpty else {
                guard hasFound else { break }
                (place, hasFound) = (OrderPlace(), false)
                continue
            }
            (place, hasFound) = (found.place, true)
            guard try await write({ db in try Self.order(db, endpoint, found.numbers) }) else { return }
        }
        try await write { db in
            guard try Self.isOrdering(db, endpoint) else { return }
            try Self.endOrdering(db, endpoint)
            try Self.noteChange(db)
        }
    }

    private static func isOrdering(_ db: Database, _ endpoint: Int64) throws -> Bool {
        try Bool.fetchOne(
            db, sql: "SELECT is_ordering FROM endpoints WHERE number = ?", arguments: [endpoint]) ?? false
    }

    /// Gives some their places; false where that is asked for no more.
    private static func order(_ db: Database, _ endpoint: Int64, _ numbers: [Int64]) throws -> Bool {
        guard try isOrdering(db, endpoint) else { return false }
        let key = """
            coalesce((SELECT key FROM order_joins j WHERE j.endpoint = deliveries.endpoint AND j.before = deliveries.whose),
                whose)
            """
        try db.execute(
            sql: """
                UPDATE deliveries SET order_key = coalesce(order_key, \(key)), whose = \(key),
                    next_at = coalesce(next_at, created_at)
                WHERE number IN (SELECT value FROM json_each(?)) AND state = 0
                """, arguments: [JSONValue.array(numbers.map { JSONValue($0) }).text])
        return true
    }
}

/// How far an endpoint's deliveries have their places: first those that have a time, then those that are parked.
private struct OrderPlace: Sendable {
    private var lane: Int64 = -1
    private var time = Int64.min
    private var number: Int64 = 0
    private var message: Int64 = 0

    /// The next ones without a place, and how far that is.
    func next(_ db: Database, _ endpoint: Int64, _ most: Int) throws -> (numbers: [Int64], place: OrderPlace) {
        var place = self
        let due = try Row.fetchAll(
            db,
            sql: """
                SELECT number, lane, next_at FROM deliveries INDEXED BY deliveries_due
                WHERE endpoint = ?1 AND state = 0 AND next_at IS NOT NULL AND (lane, next_at, number) > (?2, ?3, ?4)
                    AND order_key IS NULL AND whose IS NOT NULL ORDER BY lane, next_at, number LIMIT ?5
                """, arguments: [endpoint, lane, time, number, most])
        if let last = due.last {
            (place.number, place.lane, place.time) = (last[0], last[1], last[2])
            return (due.map { $0[0] }, place)
        }
        let parked = try Row.fetchAll(
            db,
            sql: """
                SELECT number, message FROM deliveries INDEXED BY deliveries_parked
                WHERE state = 0 AND next_at IS NULL AND message > ?2 AND endpoint = ?1 ORDER BY message LIMIT ?3
                """, arguments: [endpoint, message, most])
        if let last = parked.last { place.message = last[1] }
        return (parked.map { $0[0] }, place)
    }
}

/// Which endpoints have come to ask for order and are not there yet, and who has become known meanwhile.
enum OrderingMigration {
    static func make(_ db: Database) throws {
        try db.execute(
            sql: """
                ALTER TABLE endpoints ADD COLUMN is_ordering INTEGER NOT NULL DEFAULT 0 CHECK (is_ordering IN (0, 1));
                CREATE TABLE order_joins (
                    endpoint INTEGER NOT NULL REFERENCES endpoints (number) ON DELETE CASCADE,
                    before TEXT NOT NULL,
                    key TEXT NOT NULL,
                    PRIMARY KEY (endpoint, before)
                ) STRICT, WITHOUT ROWID;
                """)
    }
}
