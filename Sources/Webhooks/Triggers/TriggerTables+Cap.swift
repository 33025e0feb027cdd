internal import Connectors
internal import GRDB
internal import Model
internal import Triggers

/// Triggers that fire too often.
extension TriggerTables {
    func noteFiring(rule: Int64, minute: Int64) throws {
        try run(
            """
            INSERT INTO trigger_rates VALUES (?, ?, 1) ON CONFLICT (trigger_number, minute) DO UPDATE SET fired = fired + 1
            """, [rule, minute])
        // Nobody asks for more than a day.
        try run("DELETE FROM trigger_rates WHERE trigger_number = ? AND minute < ?", [rule, minute - 1_440])
    }

    func fired(rule: Int64, sinceMinute: Int64, toMinute: Int64) throws -> Int {
        let statement = try db.cachedStatement(
            sql: "SELECT sum(fired) FROM trigger_rates WHERE trigger_number = ? AND minute BETWEEN ? AND ?")
        return try Int.fetchOne(statement, arguments: [rule, sinceMinute, toMinute]) ?? 0
    }

    func hold(_ rule: TriggerRule, reason: String) throws {
        try run(
            """
            UPDATE triggers SET state = 'held', reason = ?, changed_by = 'sluice', state_at = ?
            WHERE number = ? AND state = 'enabled'
            """, [reason, now.microseconds, rule.number])
        guard db.changesCount > 0 else { return }
        hasChanged = true
        try DeliveryStore.noteChange(db)
        let type = TriggerFiring.pausedType
        let told = targets.endpoints(type: type)
        guard !told.isEmpty else { return }
        let id = WebhookSigning.messageID([type, project, rule.id, "\(now.microseconds)"])
        let data: JSONValue = [
            "trigger": ["id": .string(rule.id), "name": .string(rule.name), "version": JSONValue(rule.version)],
            "reason": .string(reason),
        ]
        let body = MessageBody.envelope(type: type, at: now, id: id, data: Array(data.text.utf8))
        try send(
            OutboxMessage(
                id: id, type: type, variant: "full", seq: nil, body: body,
                targets: told.map { .init(endpoint: $0, orderKey: nil) }))
    }
}
