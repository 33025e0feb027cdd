internal import GRDB
internal import Model
internal import Triggers

extension DeliveryStore {
    /// Takes up what was being sent when the process before ended. Nobody knows what became of it, and its id makes another attempt
    /// safe. It counts, but for one that would have been the last: what may never have been sent is sent.
    func recover(now: Timestamp) async throws(WebhookError) {
        try await write { db in
            try db.execute(sql: "UPDATE replays SET is_taking = 0, is_partial = 1 WHERE is_taking = 1")
            try db.execute(
                sql: """
                    INSERT INTO attempts (delivery, endpoint, n, at, cause, url, error, detail, next_at)
                    SELECT d.number, d.endpoint, d.attempts, ?1, 'lost', '', 'unknown',
                        'the server ended meanwhile; it may have arrived all the same', ?1
                    FROM deliveries d WHERE d.state = 1
                    """, arguments: [now.microseconds])
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT d.number, d.attempts, d.forgiven, e.definition FROM deliveries d
                    JOIN endpoints e ON e.number = d.endpoint WHERE d.state = 1
                    """)
            for row in rows {
                let text: String = row["definition"]
                let (number, attempts, forgiven): (Int64, Int64, Int64) = (
                    row["number"], row["attempts"], row["forgiven"]
                )
                let definition = try? EndpointDefinition(try JSONValue(text: text))
                let limit = (definition?.retry ?? .standard).attempts
                try db.execute(
                    sql: """
                        UPDATE deliveries SET state = 0, next_at = ?, forgiven = ?, reason = 'the server ended meanwhile'
                        WHERE number = ?
                        """,
                    arguments: [now.microseconds, max(forgiven, attempts - limit + 1), number])
            }
        }
        try await settleReplays(now: now)
    }

    /// How far a project's journal was followed; nil if it never was.
    public func checkpoint(project: String) async throws(WebhookError) -> Int64? {
        try await read { db in
            try Int64.fetchOne(db, sql: "SELECT seq FROM checkpoints WHERE project = ?", arguments: [project])
        }
    }

    /// The same for the start, with whether anybody listens. Where a stream stands counts, too: what gets a number below that would
    /// never reach it. Blocking.
    public func start(project: String) throws(WebhookError) -> (checkpoint: Int64, listens: Bool) {
        try readBlocking { db in
            let seq = try Int64.fetchOne(
                db,
                sql: """
                    SELECT max(coalesce((SELECT seq FROM checkpoints WHERE project = ?1), 0), coalesce((SELECT max(s.seq)
                        FROM streams s JOIN endpoints e ON e.number = s.endpoint WHERE e.project = ?1), 0))
                    """, arguments: [project])
            return (seq ?? 0, try Self.isFollowed(db, project))
        }
    }

    /// Notes how far a journal was followed where there was nothing to send.
    func note(_ checkpoint: Int64, project: String) async throws(WebhookError) {
        try await write { db in try Self.setCheckpoint(db, project, checkpoint) }
    }

    /// How long bodies are kept, and everything.
    public static let bodyDays: Int64 = 30
    public static let logDays: Int64 = 90

    /// How many deliveries may wait for one endpoint, and for how long.
    static let mostWaiting: Int64 = 1_000_000
    static let longestWaiting: Int64 = 14 * 86_400_000_000

    /// Lets no endpoint's queue grow without bounds: beyond that many, and where they should have gone so long ago, the oldest become dead letters, which can be
    /// sent again. How many became so.
    func bound(now: Timestamp, most: Int64 = mostWaiting) async throws(WebhookError) -> (dropped: Int64, fed: Bool) {
        try await write { db in
            let long = try Row.fetchAll(
                db,
                sql: """
                    SELECT endpoint, max(count(*) - ?1, 0), min(number) FROM \(Self.pending) GROUP BY endpoint
                    HAVING count(*) > ?1 OR min(max(created_at, coalesce(next_at, 0))) < ?2
                    """, arguments: [most, now.microseconds - Self.longestWaiting])
            var dropped: Int64 = 0
            var answer = LedgerAnswer()
            for row in long {
                let (endpoint, over, first): (Int64, Int64, Int64) = (row[0], row[1], row[2])
                try db.execute(
                    sql: """
                        UPDATE deliveries SET state = 3, reason = 'more waits for the endpoint than is kept, or for longer', next_at = NULL,
                            finished_at = ?1 WHERE number IN (
                            SELECT number FROM \(Self.pending)
                            WHERE endpoint = ?2 AND max(created_at, coalesce(next_at, 0)) < ?3
                            UNION SELECT number FROM (
                                SELECT number FROM \(Self.pending) WHERE endpoint = ?2 ORDER BY number LIMIT ?4))
                        """,
                    arguments: [now.microseconds, endpoint, now.microseconds - Self.longestWaiting, over])
                let count = Int64(db.changesCount)
                dropped += count
                guard count > 0, try Self.mayTellExhausted(endpoint, db, now) else { continue }
                try Self.notify(
                    "message.exhausted", about: endpoint,
                    [.init("count", JSONValue(count)), .init("reason", "more waits than is kept, or for longer")],
                    cause: "bound \(first)", db, now, &answer)
            }
            return (dropped, !answer.fed.isEmpty)
        }
    }

    /// How many rows are written at once where there may be very many: whatever else is to be written waits so long at most.
    static let chunk = 5_000

    /// Forgets what was kept for long enough. What still waits keeps its body.
    func prune(now: Timestamp) async throws(WebhookError) {
        let day: Int64 = 86_400_000_000
        let (bodies, log) = (now.microseconds - Self.bodyDays * day, now.microseconds - Self.logDays * day)
        let waits = "EXISTS (SELECT 1 FROM deliveries WHERE message = messages.number AND state < 2)"
        let forgotten =
            "SELECT number FROM messages WHERE made_at < ? AND body IS NOT NULL AND NOT \(waits) LIMIT \(Self.chunk)"
        // Whose they were goes with what they said: of the same messages, in the same transaction.
        while try await write({ db in
            let numbers = try Int64.fetchAll(db, sql: forgotten, arguments: [bodies])
            let list = JSONValue.array(numbers.map { JSONValue($0) }).text
            try db.execute(
                sql: """
                    UPDATE deliveries SET order_key = NULL, whose = NULL
                    WHERE message IN (SELECT value FROM json_each(?)) AND state >= 2
                    """, arguments: [list])
            try db.execute(
                sql: """
                    UPDATE messages SET body = NULL, identity = NULL WHERE number IN (SELECT value FROM json_each(?))
                    """, arguments: [list])
            return numbers.count
        }) == Self.chunk {}
        let steps: [(sql: String, before: Int64)] = [
            (
                """
                UPDATE attempts SET response_body = NULL, response_headers = NULL, detail = NULL WHERE number IN (
                    SELECT number FROM attempts WHERE at < ?
                    AND (response_headers IS NOT NULL OR detail IS NOT NULL) LIMIT \(Self.chunk))
                """, bodies
            ),
            (
                """
                DELETE FROM messages WHERE number IN (
                    SELECT number FROM messages WHERE made_at < ? AND NOT \(waits) LIMIT \(Self.chunk))
                """, log
            ),
        ]
        for (sql, before) in steps {
            while try await write({ db in
                try db.execute(sql: sql, arguments: [before])
                return db.changesCount
            }) == Self.chunk {}
        }
        try await write { db in
            try db.execute(sql: "DELETE FROM replays WHERE created_at < ?", arguments: [log])
            try Self.pruneTriggers(db, now)
        }
    }

    /// What triggers need no more: waits that are over and firings as long as messages are kept; what happened of late as long as a
    /// window may reach back to it.
    private static func pruneTriggers(_ db: Database, _ now: Timestamp) throws {
        let day: Int64 = 86_400_000_000
        try db.execute(
            sql: "UPDATE trigger_instances SET event = NULL WHERE state > 1 AND event IS NOT NULL AND ended_at < ?",
            arguments: [now.microseconds - bodyDays * day])
        try db.execute(
            sql: "DELETE FROM trigger_instances WHERE state > 1 AND ended_at < ?",
            arguments: [now.microseconds - logDays * day])
        try db.execute(sql: "DELETE FROM trigger_depths WHERE at < ?", arguments: [now.microseconds - 32 * day])
        for project in try String.fetchAll(db, sql: "SELECT DISTINCT project FROM triggers") {
            for rule in try rules(db, project) {
                let span: Int64
                switch rule.when {
                case .absence(let absence):
                    span = absence.within + absence.grace + absence.before.reduce(0) { $0 + $1.next }
                    // That it has fired for somebody is kept where it may only once.
                    if absence.reentry != .onceEver { try pruneFirings(db, rule, now) }
                case .count(let count):
                    span = count.within
                    try pruneFirings(db, rule, now)
                default:
                    try pruneFirings(db, rule, now)
                    continue
                }
                try db.execute(
                    sql: """
                        DELETE FROM trigger_marks WHERE trigger_number = ? AND version = ? AND (role < 2 OR role > 9)
                            AND at < ?
                        """,
                    arguments: [rule.number, rule.version, now.microseconds - span - rule.policy.mostAge - day])
            }
        }
    }

    private static func pruneFirings(_ db: Database, _ rule: TriggerRule, _ now: Timestamp) throws {
        let kept = max(logDays * 86_400_000_000, rule.policy.cooldown)
        try db.execute(
            sql: "DELETE FROM trigger_firings WHERE trigger_number = ? AND fired_at < ?",
            arguments: [rule.number, now.microseconds - kept])
    }
}
