internal import GRDB
public import Model
internal import Synchronization

extension DeliveryStore {
    /// How many a filter finds of an endpoint that could be sent again.
    public func replayable(_ filter: DeliveryFilter, of endpoint: EndpointRecord) async throws(WebhookError) -> Int {
        var scan = ReplayScan(filter, of: endpoint.number)
        var count = 0
        while let found = try await page(&scan) { count += found.count }
        return count
    }

    private func page(_ scan: inout ReplayScan) async throws(WebhookError) -> [Int64]? {
        let from = scan
        let (found, next) = try await read { db in
            var scan = from
            let found = try scan.next(db, most: Self.chunk)
            return (found, scan)
        }
        scan = next
        return found
    }

    /// Sends again what a filter finds of an endpoint and is not on its way, behind everything new; piece by piece, so that what is new is
    /// written meanwhile, and somebody may call it off.
    ///
    /// - Returns: what there is of it, also where an error ended it; nil where nothing was found.
    public func replay(
        _ filter: DeliveryFilter, of endpoint: EndpointRecord, by key: String, now: Timestamp
    ) async throws(WebhookError) -> ReplayRecord? {
        let project = endpoint.project
        let number = try await write { db in
            try db.execute(
                sql: "INSERT INTO replays (project, endpoint, asked, made_by, created_at) VALUES (?, ?, ?, ?, ?)",
                arguments: [project, endpoint.number, filter.json.text, key, now.microseconds])
            let number = db.lastInsertedRowID
            self.takings.withLock { _ = $0.insert(number) }
            return number
        }
        defer { takings.withLock { _ = $0.remove(number) } }
        let failure = await takeAll(filter, of: endpoint.number, into: number, now)
        let made = try await writeToEnd { db in
            try Self.endTaking(number, isPartial: failure != nil, db)
            // Whoever calls it off at its beginning asks how that went.
            try db.execute(
                sql: "DELETE FROM replays WHERE number = ? AND total = 0 AND cancelled_at IS NULL", arguments: [number])
            return try Self.replays(db, project, "r.number = ?2", [number]).first
        }
        if let failure, made == nil { throw failure }
        return made
    }

    /// Puts all that is found back into the queue; returns the error that ended it before.
    private func takeAll(
        _ filter: DeliveryFilter, of endpoint: Int64, into number: Int64, _ now: Timestamp
    ) async -> WebhookError? {
        var scan = ReplayScan(filter, of: endpoint)
        do throws(WebhookError) {
            while let found = try await page(&scan) {
                if found.isEmpty { continue }
                let isWanted = try await write { db in
                    try Self.take(found, filter.states, of: endpoint, into: number, db, now)
                }
                if !isWanted { break }
            }
            return nil
        } catch { return error }
    }

    /// Puts the next ones back into the queue; false once it was called off.
    private static func take(
        _ found: [Int64], _ states: [DeliveryState], of endpoint: Int64, into number: Int64, _ db: Database,
        _ now: Timestamp
    ) throws -> Bool {
        let isWanted = try Bool.fetchOne(
            db, sql: "SELECT cancelled_at IS NULL FROM replays WHERE number = ?", arguments: [number])
        guard isWanted == true else { return false }
        // What they are by now, and before they are asked again: what each was is known until then.
        let taken = try Int64.fetchAll(
            db,
            sql: """
                UPDATE deliveries SET replay = ?1,
                    was = json_array(state, lane, next_at, forgiven, reason, finished_at)
                WHERE number IN (SELECT value FROM json_each(?2)) AND +endpoint = ?3
                    AND +state IN (\(list(states))) AND +state <> 1 AND NOT (+state = 0 AND lane = 1) AND +replay IS NOT ?1
                    AND EXISTS (SELECT 1 FROM messages m WHERE m.number = deliveries.message AND m.body IS NOT NULL)
                RETURNING number
                """, arguments: [number, JSONValue.array(found.map { JSONValue($0) }).text, endpoint])
        let list = JSONValue.array(taken.map { JSONValue($0) }).text
        try again(db, "number IN (SELECT value FROM json_each(?))", [list], lane: 1, now)
        try db.execute(
            sql: "UPDATE replays SET total = total + ? WHERE number = ?", arguments: [taken.count, number])
        return true
    }

    /// Calls one off: what was not sent yet is what it was before; what is on its way arrives, or is what it was. One whose calling off was
    /// cut off is gone on with.
    public func cancelReplay(
        _ number: Int64, project: String, now: Timestamp
    ) async throws(WebhookError) -> ReplayRecord {
        try await write { db in
            guard let known = try Self.replays(db, project, "r.number = ?2", [number]).first else {
                throw WebhookError(.noDelivery, "there is no such replay")
            }
            guard known.status == "running" || known.isCutOff else {
                throw WebhookError(.conflict, "the replay is \(known.status) already")
            }
            try db.execute(
                sql: "UPDATE replays SET cancelled_at = coalesce(cancelled_at, ?) WHERE number = ?",
                arguments: [now.microseconds, number])
        }
        try await putBack(number, now: now)
        return try await read { db in
            guard let record = try Self.replays(db, project, "r.number = ?2", [number]).first else {
                throw WebhookError(.noDelivery, "there is no such replay")
            }
            return record
        }
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
        return try rows.map { row in
            let number: Int64 = row["number"]
            let counts: String? = row["counts"]
            let states = try counts.map(Self.states) ?? Self.stateCounts(of: number, db)
            let (asked, created, cancelled): (String, Int64, Int64?) = (
                row["asked"], row["created_at"], row["cancelled_at"]
            )
            return ReplayRecord(
                number: number, endpoint: row["endpoint_id"], asked: try JSONValue(text: asked),
                madeBy: row["made_by"], createdAt: Timestamp(microseconds: created), total: row["total"],
                isTaking: row["is_taking"], isPartial: row["is_partial"],
                cancelledAt: cancelled.map { Timestamp(microseconds: $0) }, putBack: row["put_back"], states: states)
        }
    }

    /// How many were in which state when a replay was over.
    private static func states(_ counts: String) throws -> [DeliveryState: Int64] {
        guard case .array(let values) = try JSONValue(text: counts) else { return [:] }
        var states: [DeliveryState: Int64] = [:]
        for (state, value) in zip(DeliveryState.allCases, values) {
            guard case .number(let text) = value, let count = Int64(text), count > 0 else { continue }
            states[state] = count
        }
        return states
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
