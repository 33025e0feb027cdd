internal import GRDB
public import Model
public import Triggers

extension DeliveryStore {
    /// How a trigger fares: what was counted, what is waited for, what comes next.
    public func health(_ trigger: TriggerRecord, now: Timestamp) async throws(WebhookError) -> JSONValue {
        try await read { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT what, total FROM trigger_counts WHERE trigger_number = ?", arguments: [trigger.number])
            let known = Dictionary(
                rows.map { ($0[0] as String, $0[1] as Int64) }, uniquingKeysWith: { first, _ in first })
            let counts = TriggerCount.allCases.map { JSONValue.Member($0.rawValue, JSONValue(known[$0.rawValue] ?? 0)) }
            let waits = try Row.fetchOne(
                db,
                sql: """
                    SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1), min(fire_at) FILTER (WHERE state = 0)
                    FROM trigger_instances WHERE trigger_number = ? AND state < 2
                    """, arguments: [trigger.number])
            let last = try Int64.fetchOne(
                db, sql: "SELECT max(fired_at) FROM trigger_firings WHERE trigger_number = ?",
                arguments: [trigger.number])
            let (open, held): (Int64, Int64) = (waits?[0] ?? 0, waits?[1] ?? 0)
            let next: Int64? = waits?[2]
            return [
                "state": .string(trigger.state.rawValue), "version": JSONValue(trigger.version),
                "counts": .object(counts), "open": JSONValue(open), "held": JSONValue(held),
                "next_due_at": Self.time(next), "last_fired_at": Self.time(last),
                "overdue_seconds": next.map { .number(String(Double(max(0, now.microseconds - $0)) / 1_000_000)) } ?? 0,
                "watch": try Self.watchHealth(db, trigger),
            ]
        }
    }

    static func time(_ microseconds: Int64?) -> JSONValue {
        JSONValue(microseconds.map { Timestamp(microseconds: $0).text })
    }

    private static let mostShown = 100

    /// What a trigger did because of somebody, the newest first: each wait with what ended it, each firing with its deliveries; and what is
    /// kept of them.
    public func explain(
        _ trigger: TriggerRecord, identity: String
    ) async throws(WebhookError) -> (
        instances: [TriggerInstance], firings: [JSONValue], watch: JSONValue, seen: TriggerSeen
    ) {
        try await read { db in
            let tables = TriggerTables(
                db, project: trigger.project, now: trigger.updatedAt, targets: TriggerTargets())
            let key = try tables.key(of: identity)
            let members = try tables.members(of: key)
            let names = JSONValue.array((members.isEmpty ? [identity] : members).map { .string($0) }).text
            let instances = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM trigger_instances WHERE project = ? AND trigger_number = ?
                        AND identity IN (SELECT value FROM json_each(?)) ORDER BY number DESC LIMIT \(Self.mostShown)
                    """, arguments: [trigger.project, trigger.number, names]
            ).map(TriggerInstance.init(row:))
            let firings = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM trigger_firings WHERE project = ? AND trigger_number = ?
                        AND identity IN (SELECT value FROM json_each(?)) ORDER BY number DESC LIMIT \(Self.mostShown)
                    """, arguments: [trigger.project, trigger.number, names]
            ).map { row in try Self.firing(db, row, trigger.project) }
            var seen = TriggerSeen()
            seen.identified = try tables.marks(
                rule: trigger.number, version: 0, role: .identifies, key: key, correlation: "", from: .min, to: .max
            ).last
            seen.value = try tables.value(rule: trigger.number, key: key)
            return (instances, firings, try Self.watchState(db, trigger, names: names), seen)
        }
    }

    private static func firing(_ db: Database, _ row: Row, _ project: String) throws -> JSONValue {
        let (instance, type, message): (String, String, String) = (row["instance"], row["type"], row["message"])
        let (at, late): (Int64, Int64) = (row["fired_at"], row["late_by"])
        let body = try Row.fetchOne(
            db, sql: "SELECT body FROM messages WHERE project = ? AND id = ? AND body IS NOT NULL LIMIT 1",
            arguments: [project, message])?.bytes("body")
        let said = body.flatMap { bytes in try? JSONValue(bytes.span) }
        let deliveries = try Row.fetchAll(
            db,
            sql: """
                SELECT d.number, d.state, d.attempts, d.finished_at, e.id FROM messages m
                JOIN deliveries d ON d.message = m.number JOIN endpoints e ON e.number = d.endpoint
                WHERE m.project = ? AND m.id = ? ORDER BY d.number
                """, arguments: [project, message]
        ).map { row -> JSONValue in
            let (number, state, attempts): (Int64, Int64, Int64) = (row[0], row[1], row[2])
            let finished: Int64? = row[3]
            return [
                "id": .string(DeliveryRecord.id(number)), "endpoint": .string(row[4]),
                "status": .string((DeliveryState(rawValue: state) ?? .aborted).word), "attempts": JSONValue(attempts),
                "finished_at": time(finished),
            ]
        }
        return [
            "type": .string(type), "instance_id": .string(instance), "webhook_id": .string(message),
            "version": JSONValue(row["version"] as Int64), "event_id": .string(row["event_id"]),
            "change": said?["data"]?["change"] ?? .null,
            "fired_at": time(at), "late_by_s": .number(String(Double(late / 1_000) / 1_000)),
            "deliveries": .array(deliveries),
        ]
    }
}

extension TriggerInstance {
    /// As the API shows it.
    public var json: JSONValue {
        [
            "instance_id": .string(id), "version": JSONValue(version), "state": .string(state.rawValue),
            "armed_by": .string(eventID), "seq": JSONValue(seq),
            "correlation": correlation.isEmpty ? .null : .string(String(correlation.dropFirst())),
            "started_at": .string(Timestamp(microseconds: at).text),
            "deadline": .string(Timestamp(microseconds: deadline).text),
            "fire_at": .string(Timestamp(microseconds: fireAt).text),
            "ended_by": JSONValue(endedBy), "ended_at": JSONValue(endedAt.map { Timestamp(microseconds: $0).text }),
        ]
    }
}
