internal import GRDB
public import Model

/// Many deliveries that are sent again together: how many they are, how far that is, and what is left of it when it is called off.
public struct ReplayRecord: Sendable {
    public let number: Int64
    public let endpoint: String
    /// What was asked for, as JSON: `status`, `from` and `to`.
    public let asked: JSONValue
    public let madeBy: String
    public let createdAt: Timestamp
    /// How many were put back into the queue.
    public let total: Int64
    /// Whether more of them are still being looked for.
    public let isTaking: Bool
    /// Whether the server ended before all were found.
    public let isPartial: Bool
    public let cancelledAt: Timestamp?
    /// Of one that was called off, how many are what they were before.
    public let putBack: Int64
    /// How many of them are in which state.
    public let states: [DeliveryState: Int64]

    public var id: String { Self.id(number) }

    static func id(_ number: Int64) -> String { "rpl_" + Base32.encode(UInt64(bitPattern: number)) }

    /// The number of an id; nil if it is none.
    public static func number(_ id: String) -> Int64? {
        guard id.hasPrefix("rpl_"), let value = Base32.decode(id.dropFirst(4)) else { return nil }
        return Int64(exactly: value)
    }

    /// How many wait, or are on their way.
    public var open: Int64 { (states[.pending] ?? 0) + (states[.sending] ?? 0) }

    public var status: String {
        if cancelledAt != nil { return "cancelled" }
        return isTaking || open > 0 ? "running" : "done"
    }
}

extension DeliveryStore {
    /// How many a filter finds that could be sent again.
    public func replayable(_ filter: DeliveryFilter, project: String) async throws(WebhookError) -> Int {
        try await read { db in
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM (\(Self.replayed(filter)))",
                arguments: Self.arguments(filter, project) + [0]) ?? 0
        }
    }

    /// Sends again what a filter finds of an endpoint and is not on its way, behind everything new; piece by piece, so that what is new is
    /// written meanwhile, and somebody may call it off.
    ///
    /// - Returns: what there is of it; nil where nothing was found.
    public func replay(
        _ filter: DeliveryFilter, of endpoint: EndpointRecord, by key: String, now: Timestamp
    ) async throws(WebhookError) -> ReplayRecord? {
        let project = endpoint.project
        var filter = filter
        filter.endpoint = endpoint.id
        let asked = filter
        let number = try await write { db in
            try db.execute(
                sql: "INSERT INTO replays (project, endpoint, asked, made_by, created_at) VALUES (?, ?, ?, ?, ?)",
                arguments: [project, endpoint.number, asked.json.text, key, now.microseconds])
            return db.lastInsertedRowID
        }
        var after: Int64 = 0
        while true {
            let start = after
            let found = try await write { db in try Self.take(asked, into: number, after: start, project, db, now) }
            guard found.count == Self.chunk, let last = found.last else { break }
            after = last
        }
        return try await write { db in
            try db.execute(
                sql: "UPDATE replays SET is_taking = 0 WHERE number = ?", arguments: [number])
            try db.execute(sql: "DELETE FROM replays WHERE number = ? AND total = 0", arguments: [number])
            return try Self.replays(db, project, "r.number = ?2", [number]).first
        }
    }

    /// Puts the next ones back into the queue; none once it was called off.
    private static func take(
        _ filter: DeliveryFilter, into number: Int64, after: Int64, _ project: String, _ db: Database, _ now: Timestamp
    ) throws -> [Int64] {
        let isWanted = try Bool.fetchOne(
            db, sql: "SELECT cancelled_at IS NULL FROM replays WHERE number = ?", arguments: [number])
        guard isWanted == true else { return [] }
        let found = try Int64.fetchAll(
            db, sql: "\(replayed(filter)) ORDER BY d.number LIMIT \(chunk)",
            arguments: arguments(filter, project) + [after])
        let list = JSONValue.array(found.map { JSONValue($0) }).text
        // Before what is asked again is due: what it was is known until then.
        try db.execute(
            sql: """
                UPDATE deliveries SET replay = ?1,
                    state_before = CASE WHEN state >= 2 THEN state ELSE coalesce(state_before, state) END
                WHERE number IN (SELECT value FROM json_each(?2))
                """, arguments: [number, list])
        try again(db, "number IN (SELECT value FROM json_each(?))", [list], lane: 1, now)
        try db.execute(
            sql: "UPDATE replays SET total = total + ? WHERE number = ?", arguments: [found.count, number])
        return found
    }

    /// Calls one off: what was not sent yet is what it was before; what is on its way arrives.
    public func cancelReplay(
        _ number: Int64, project: String, now: Timestamp
    ) async throws(WebhookError) -> ReplayRecord {
        try await write { db in
            guard let known = try Self.replays(db, project, "r.number = ?2", [number]).first else {
                throw WebhookError(.noDelivery, "there is no such replay")
            }
            guard known.status == "running" else {
                throw WebhookError(.conflict, "the replay is \(known.status) already")
            }
            try db.execute(
                sql: "UPDATE replays SET cancelled_at = ? WHERE number = ?", arguments: [now.microseconds, number])
        }
        while try await write({ db in try Self.putBack(number, db, now) }) == Self.chunk {}
        return try await read { db in
            guard let record = try Self.replays(db, project, "r.number = ?2", [number]).first else {
                throw WebhookError(.noDelivery, "there is no such replay")
            }
            return record
        }
    }

    /// What waits of one that was called off. What had waited before goes on waiting.
    private static func putBack(_ number: Int64, _ db: Database, _ now: Timestamp) throws -> Int {
        try db.execute(
            sql: """
                UPDATE deliveries SET state = state_before, lane = 0, replay = NULL, state_before = NULL,
                    next_at = CASE state_before WHEN 0 THEN next_at END,
                    finished_at = CASE state_before WHEN 0 THEN NULL ELSE ?2 END,
                    reason = CASE WHEN state_before IN (0, 2) THEN NULL ELSE 'sending it again was called off' END
                WHERE number IN (SELECT number FROM deliveries WHERE replay = ?1 AND replay IS NOT NULL AND state = 0
                    LIMIT \(chunk))
                """, arguments: [number, now.microseconds])
        let count = db.changesCount
        try db.execute(
            sql: "UPDATE replays SET put_back = put_back + ? WHERE number = ?", arguments: [count, number])
        return count
    }

    /// A project's replays, newest first.
    public func replays(
        project: String, endpoint: String? = nil, before: Int64? = nil, limit: Int
    ) async throws(WebhookError) -> [ReplayRecord] {
        try await read { db in
            try Self.replays(
                db, project, "e.id = coalesce(?2, e.id) AND (?3 IS NULL OR r.number < ?3)", [endpoint, before],
                limit: limit)
        }
    }

    /// One of them; nil if there is none.
    public func replay(_ number: Int64, project: String) async throws(WebhookError) -> ReplayRecord? {
        try await read { db in try Self.replays(db, project, "r.number = ?2", [number]).first }
    }

    private static func replays(
        _ db: Database, _ project: String, _ clause: String, _ arguments: StatementArguments, limit: Int = 1
    ) throws -> [ReplayRecord] {
        let all: StatementArguments = [project]
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT r.*, e.id AS endpoint_id FROM replays r JOIN endpoints e ON e.number = r.endpoint
                WHERE r.project = ?1 AND \(clause) ORDER BY r.number DESC LIMIT \(limit)
                """, arguments: all + arguments)
        let counted = try db.cachedStatement(
            sql: "SELECT state, count(*) FROM deliveries WHERE replay = ? AND replay IS NOT NULL GROUP BY state")
        return try rows.map { row in
            var states: [DeliveryState: Int64] = [:]
            for count in try Row.fetchAll(counted, arguments: [row["number"] as Int64]) {
                states[DeliveryState(rawValue: count[0]) ?? .aborted] = count[1]
            }
            let (asked, created, cancelled): (String, Int64, Int64?) = (
                row["asked"], row["created_at"], row["cancelled_at"]
            )
            return ReplayRecord(
                number: row["number"], endpoint: row["endpoint_id"], asked: try JSONValue(text: asked),
                madeBy: row["made_by"], createdAt: Timestamp(microseconds: created), total: row["total"],
                isTaking: row["is_taking"], isPartial: row["is_partial"],
                cancelledAt: cancelled.map { Timestamp(microseconds: $0) }, putBack: row["put_back"], states: states)
        }
    }

    private static func replayed(_ filter: DeliveryFilter) -> String {
        """
        SELECT d.number FROM deliveries d JOIN endpoints e ON e.number = d.endpoint JOIN messages m ON m.number = d.message
        WHERE d.project = ? AND e.id = coalesce(?, e.id) AND d.state IN (\(list(filter.states))) AND d.state <> 1
            AND d.created_at >= coalesce(?, d.created_at) AND d.created_at < coalesce(?, d.created_at + 1)
            AND m.body IS NOT NULL AND d.number > ?
        """
    }

    private static func arguments(_ filter: DeliveryFilter, _ project: String) -> StatementArguments {
        [project, filter.endpoint, filter.from?.microseconds, filter.to?.microseconds]
    }
}

extension DeliveryFilter {
    /// What is asked for, for people.
    fileprivate var json: JSONValue {
        [
            "status": .array(states.map { .string($0.word) }), "from": JSONValue(from?.text), "to": JSONValue(to?.text),
        ]
    }
}

/// What is sent again together.
enum ReplayMigration {
    static func make(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE replays (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    project TEXT NOT NULL,
                    endpoint INTEGER NOT NULL REFERENCES endpoints (number) ON DELETE CASCADE,
                    asked TEXT NOT NULL,
                    made_by TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    total INTEGER NOT NULL DEFAULT 0,
                    -- more of it is still being looked for; the server ended before all was
                    is_taking INTEGER NOT NULL DEFAULT 1 CHECK (is_taking IN (0, 1)),
                    is_partial INTEGER NOT NULL DEFAULT 0 CHECK (is_partial IN (0, 1)),
                    cancelled_at INTEGER,
                    -- how many are what they were before, since it was called off
                    put_back INTEGER NOT NULL DEFAULT 0
                ) STRICT;
                CREATE INDEX replays_project ON replays (project, number);
                CREATE INDEX replays_endpoint ON replays (endpoint);
                -- the last one that a delivery was a part of, and what it was before
                ALTER TABLE deliveries ADD COLUMN replay INTEGER;
                ALTER TABLE deliveries ADD COLUMN state_before INTEGER;
                CREATE INDEX deliveries_replay ON deliveries (replay, state) WHERE replay IS NOT NULL;
                """)
    }
}
