internal import GRDB
public import Model

extension DeliveryStore {
    /// Takes out of a project's outbox what events with these numbers said, and what receivers answered to it. That there were so many
    /// messages stays, under ids that name nobody; what still waited is not sent.
    ///
    /// - Returns: how many messages there were, and whether none is left.
    public func erase(seqs: [Int64], project: String, now: Timestamp) async throws(WebhookError) -> (
        rows: Int64, isGone: Bool
    ) {
        var rows: Int64 = 0
        var isGone = true
        for start in stride(from: 0, to: seqs.count, by: 10_000) {
            let part = JSONValue.array(seqs[start..<min(start + 10_000, seqs.count)].map { JSONValue($0) }).text
            let (count, left) = try await write { db -> (Int64, Int64) in
                let chosen =
                    "SELECT number FROM messages WHERE project = ?1 AND seq IN (SELECT value FROM json_each(?2))"
                let count = try Int64.fetchOne(
                    db,
                    sql: "SELECT count(*) FROM (\(chosen)) c JOIN messages m USING (number) WHERE m.body IS NOT NULL",
                    arguments: [project, part])
                try Self.empty(db, chosen, [project, part], now)
                let left = try Int64.fetchOne(
                    db,
                    sql: "SELECT count(*) FROM (\(chosen)) c JOIN messages m USING (number) WHERE m.body IS NOT NULL",
                    arguments: [project, part])
                return (count ?? 0, left ?? 0)
            }
            rows += count
            isGone = isGone && left == 0
        }
        // What a receiver said last to a stream may be of anybody.
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE streams SET last_detail = NULL
                    WHERE endpoint IN (SELECT number FROM endpoints WHERE project = ?) AND last_detail IS NOT NULL
                    """, arguments: [project])
        }
        // The log still has the pages as they were.
        try await emptyLog()
        return (rows, isGone)
    }

    /// Takes out of what triggers keep what is of these identities or of events with these numbers: what is waited for ends, and that it
    /// did stays, of nobody. Messages that said it lose what they said. What was read before and is not written yet is looked at again.
    ///
    /// To be followed by `erase(seqs:)`, which also empties the log of pages as they were.
    /// - Returns: how many waits there were, and whether nothing is left.
    public func eraseTriggers(
        identities: [String], seqs: [Int64], project: String, now: Timestamp
    ) async throws(WebhookError) -> (rows: Int64, isGone: Bool) {
        var rows: Int64 = 0
        var isGone = true
        let chunks = stride(from: 0, to: seqs.count, by: 10_000).map { start in
            JSONValue.array(seqs[start..<min(start + 10_000, seqs.count)].map { JSONValue($0) })
        }
        var parts = chunks.map { ("seq", $0) }
        if !identities.isEmpty { parts.append(("identity", .array(identities.map { .string($0) }))) }
        for (column, values) in parts {
            let list = values.text
            let (count, left) = try await write { db in
                let count = try Self.eraseTriggers(db, column, list, project, now)
                try Self.noteChange(db)
                return (count, try Self.left(db, column, list, project))
            }
            rows += count
            isGone = isGone && left == 0
        }
        return (rows, isGone)
    }

    /// Takes out what some messages say and what was answered to them; what still waits of them is not sent.
    ///
    /// - Parameter chosen: finds their numbers.
    private static func empty(
        _ db: Database, _ chosen: String, _ arguments: StatementArguments, _ now: Timestamp
    ) throws {
        try db.execute(
            sql: """
                UPDATE attempts SET detail = NULL, response_headers = NULL, response_body = NULL
                WHERE delivery IN (SELECT number FROM deliveries WHERE message IN (\(chosen)))
                """, arguments: arguments)
        // Why one was refused is in the receiver's words.
        try db.execute(
            sql: """
                UPDATE deliveries SET order_key = NULL, whose = NULL, was = NULL, state = CASE WHEN state < 2 THEN 5 ELSE state END,
                    reason = CASE WHEN state < 2 THEN 'erased' WHEN state = 5 THEN 'the receiver refused it' ELSE reason END,
                    finished_at = coalesce(finished_at, \(now.microseconds)), next_at = NULL
                WHERE message IN (\(chosen))
                """, arguments: arguments)
        try db.execute(
            sql: "UPDATE messages SET body = NULL, identity = NULL WHERE number IN (\(chosen))", arguments: arguments)
    }

    private static func eraseTriggers(
        _ db: Database, _ column: String, _ list: String, _ project: String, _ now: Timestamp
    ) throws -> Int64 {
        let arguments: StatementArguments = [project, list]
        let whose = "project = ?1 AND \(column) IN (SELECT value FROM json_each(?2))"
        let fired = "SELECT message FROM trigger_firings WHERE \(whose)"
        try empty(db, "SELECT number FROM messages WHERE project = ?1 AND id IN (\(fired))", arguments, now)
        // Those of triggers that are gone, too.
        if column == "identity" { try empty(db, "SELECT number FROM messages WHERE \(whose)", arguments, now) }
        try db.execute(
            sql: """
                UPDATE trigger_instances SET ended_by = CASE WHEN state < 2 THEN 'erased' ELSE NULL END,
                    state = CASE WHEN state < 2 THEN 3 ELSE state END, ended_at = coalesce(ended_at, \(now.microseconds)),
                    key = '', identity = '', correlation = '', event_id = '', person = NULL, event = NULL
                WHERE \(whose) AND (identity <> '' OR event IS NOT NULL)
                """, arguments: arguments)
        let count = Int64(db.changesCount)
        try db.execute(
            sql: "UPDATE trigger_firings SET key = '', identity = '', event_id = '', person = NULL WHERE \(whose)",
            arguments: arguments)
        for table in ["trigger_marks", "trigger_values", "trigger_depths"] {
            try db.execute(sql: "DELETE FROM \(table) WHERE \(whose)", arguments: arguments)
        }
        guard column == "identity" else { return count }
        try db.execute(
            sql: """
                UPDATE trigger_watches SET generation = generation + 1
                WHERE trigger_number IN (SELECT trigger_number FROM trigger_watched WHERE \(whose))
                """, arguments: arguments)
        try db.execute(sql: "DELETE FROM trigger_watched WHERE \(whose)", arguments: arguments)
        try db.execute(sql: "DELETE FROM trigger_people WHERE \(whose)", arguments: arguments)
        try db.execute(
            sql: """
                DELETE FROM trigger_ties WHERE project = ?1 AND (low IN (SELECT value FROM json_each(?2))
                    OR high IN (SELECT value FROM json_each(?2)))
                """, arguments: arguments)
        return count
    }

    /// How many rows still say something of them.
    private static func left(_ db: Database, _ column: String, _ list: String, _ project: String) throws -> Int64 {
        let whose = "project = ?1 AND \(column) IN (SELECT value FROM json_each(?2))"
        // Messages of events are taken out by `erase(seqs:)`, which counts them.
        let messages =
            column == "identity" ? "(SELECT count(*) FROM messages WHERE \(whose) AND body IS NOT NULL)" : "0"
        let watched = column == "identity" ? "(SELECT count(*) FROM trigger_watched WHERE \(whose))" : "0"
        return try Int64.fetchOne(
            db,
            sql: """
                SELECT (SELECT count(*) FROM trigger_instances WHERE \(whose) AND (identity <> '' OR event IS NOT NULL))
                    + (SELECT count(*) FROM trigger_firings WHERE \(whose) AND identity <> '')
                    + (SELECT count(*) FROM trigger_depths WHERE \(whose)) + (SELECT count(*) FROM trigger_marks WHERE \(whose)) + (SELECT count(*) FROM trigger_values WHERE \(whose))
                    + \(messages) + \(watched)
                """, arguments: [project, list]) ?? 0
    }

    /// Rewrites what triggers ask and are called.
    public func rewriteTriggers(
        project: String, condition: @escaping @Sendable (JSONValue) -> JSONValue,
        name: @escaping @Sendable (String) -> String
    ) async throws(WebhookError) {
        try await write { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT v.trigger_number, v.version, v.condition, t.name FROM trigger_versions v
                    JOIN triggers t ON t.number = v.trigger_number WHERE t.project = ?
                    """, arguments: [project])
            for row in rows {
                let (number, version, text, called): (Int64, Int64, String, String) = (row[0], row[1], row[2], row[3])
                let before = try JSONValue(text: text)
                let after = Self.rewritten(before, condition)
                guard after != before || name(called) != called else { continue }
                try db.execute(
                    sql: "UPDATE trigger_versions SET condition = ? WHERE trigger_number = ? AND version = ?",
                    arguments: [after.text, number, version])
                try db.execute(
                    sql: "UPDATE triggers SET name = ? WHERE number = ?", arguments: [name(called), number])
                try Self.noteChange(db)
            }
        }
    }

    /// Every condition of a trigger; what its property is compared with is one, too.
    private static func rewritten(_ when: JSONValue, _ condition: (JSONValue) -> JSONValue) -> JSONValue {
        guard case .object(let members) = when else { return when }
        return .object(
            members.map { member in
                switch member.key {
                case "where", "still": return .init(member.key, condition(member.value))
                case "from", "to":
                    let asked = condition(["property": "x", "is": member.value])
                    return .init(member.key, asked["is"] ?? .null)
                default: return .init(member.key, rewritten(member.value, condition))
                }
            })
    }

    /// Those of some deliveries that are not claimed any more.
    func notClaimed(_ numbers: [Int64]) async throws(WebhookError) -> Set<Int64> {
        let list = JSONValue.array(numbers.map { JSONValue($0) }).text
        return try await read { db in
            let claimed = try Int64.fetchSet(
                db, sql: "SELECT number FROM deliveries WHERE state = 1 AND number IN (SELECT value FROM json_each(?))",
                arguments: [list])
            return Set(numbers).subtracting(claimed)
        }
    }

    /// Rewrites what endpoints ask and say of themselves.
    public func rewrite(
        project: String, _ rewrite: @escaping @Sendable (_ condition: JSONValue) -> JSONValue,
        description: @escaping @Sendable (String) -> String
    ) async throws(WebhookError) {
        try await write { db in
            for record in try Self.records(db, project: project) {
                var definition = record.definition
                definition.condition = definition.condition.map(rewrite)
                definition.description = description(definition.description)
                definition.body = definition.body.map(description)
                guard definition != record.definition else { continue }
                try db.execute(
                    sql: "UPDATE endpoints SET definition = ? WHERE number = ?",
                    arguments: [definition.json.text, record.number])
                try Self.noteChange(db)
            }
        }
    }
}
