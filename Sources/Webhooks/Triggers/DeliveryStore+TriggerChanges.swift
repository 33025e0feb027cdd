internal import Connectors
internal import GRDB
public import Model
public import Triggers

extension DeliveryStore {
    /// Changes a trigger. Another `when` is another version.
    ///
    /// - Parameters:
    ///   - state: what it is to be; nil to let it be as it is.
    ///   - durable: the highest `seq` that is on disk now; asked within the transaction.
    public func update(
        _ id: String, name: String?, when: JSONValue?, actions: [TriggerAction]?, open: OpenInstances,
        state: TriggerRule.State? = nil, project: String, by key: String, now: Timestamp,
        durable: @escaping @Sendable () -> Int64 = { 0 }
    ) async throws(WebhookError) -> TriggerRecord {
        let box = box
        return try await write { db in
            let known = try Self.requireTrigger(db, id, project)
            try Self.change(
                db, known, name: name, when: when, actions: actions, open: open, state: state, by: key, now, durable,
                box)
            try Self.noteChange(db)
            return try Self.requireTrigger(db, id, project)
        }
    }

    /// Changes a trigger; nil stays as it is.
    static func change(
        _ db: Database, _ known: TriggerRecord, name: String?, when: JSONValue?, actions: [TriggerAction]?,
        open: OpenInstances, state: TriggerRule.State?, by key: String, _ now: Timestamp,
        _ durable: @Sendable () -> Int64, _ box: SecretBox
    ) throws {
        let project = known.project
        try db.execute(
            sql: "UPDATE triggers SET name = ?, updated_at = ? WHERE number = ?",
            arguments: [name ?? known.name, now.microseconds, known.number])
        if let actions { try setActions(db, known.number, actions, project, by: key, now, box) }
        if let when, when != known.when {
            try addVersion(db, known, when, open, now)
            if case .watched = try TriggerWhen.read(when).0 {
                // Who is beyond the bound by now has not crossed it.
                try db.execute(
                    sql: "UPDATE triggers SET since_seq = max(since_seq, ?) WHERE number = ?",
                    arguments: [durable(), known.number])
            }
            try listen(db, known.number, project, now)
        }
        if let state, state != known.state {
            try setState(db, try requireTrigger(db, known.id, project), state, sendsHeld: nil, by: key, now, durable)
        }
    }

    private static func addVersion(
        _ db: Database, _ known: TriggerRecord, _ when: JSONValue, _ open: OpenInstances, _ now: Timestamp
    ) throws {
        let version = known.version + 1
        try db.execute(
            sql: "INSERT INTO trigger_versions VALUES (?, ?, ?, ?)",
            arguments: [known.number, version, when.text, now.microseconds])
        try db.execute(
            sql: "UPDATE triggers SET version = ? WHERE number = ?", arguments: [version, known.number])
        guard case .absence(let after) = try TriggerWhen.read(when).0,
            case .absence(let before) = try TriggerWhen.read(known.when).0
        else {
            return try cancelOpen(db, known.number, by: "another version", now)
        }
        // What was heard of lately still counts, if it is the same that is waited for, or that comes before it.
        if after.correlate == before.correlate {
            if after.ends == before.ends { try keepMarks(db, known, "role < 2") }
            if after.before.map(\.test) == before.before.map(\.test) { try keepMarks(db, known, "role > 9") }
        }
        switch open {
        case .pin: break
        case .cancel: try cancelOpen(db, known.number, by: "another version", now)
        case .migrate:
            try db.execute(
                sql: """
                    UPDATE trigger_instances SET version = ?1, deadline = at + ?2, fire_at = at + ?2 + ?3, asks = ?5
                    WHERE trigger_number = ?4 AND state < 2
                    """, arguments: [version, after.within, after.grace, known.number, after.still != nil])
        }
    }

    /// Takes what the version before has heard of over to the next one.
    private static func keepMarks(_ db: Database, _ known: TriggerRecord, _ which: String) throws {
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO trigger_marks
                SELECT project, trigger_number, version + 1, role, key, correlation, at, seq, identity FROM trigger_marks
                WHERE trigger_number = ? AND version = ? AND \(which)
                """, arguments: [known.number, known.version])
    }

    static func cancelOpen(_ db: Database, _ number: Int64, by cause: String, _ now: Timestamp) throws {
        try db.execute(
            sql: """
                UPDATE trigger_instances SET state = \(TriggerInstance.State.cancelled.number), ended_by = ?, ended_at = ?
                WHERE trigger_number = ? AND state < 2
                """, arguments: [cause, now.microseconds, number])
    }

    /// Enables, holds or disables a trigger.
    ///
    /// - Parameter sendsHeld: what becomes of what came due meanwhile; nil to be refused if there is any.
    public func setState(
        _ id: String, _ state: TriggerRule.State, sendsHeld: Bool? = nil, by key: String, project: String,
        now: Timestamp, durable: @escaping @Sendable () -> Int64
    ) async throws(WebhookError) -> TriggerRecord {
        try await write { db in
            let known = try Self.requireTrigger(db, id, project)
            try Self.setState(db, known, state, sendsHeld: sendsHeld, by: key, now, durable)
            try Self.noteChange(db)
            return try Self.requireTrigger(db, id, project)
        }
    }

    private static func setState(
        _ db: Database, _ known: TriggerRecord, _ state: TriggerRule.State, sendsHeld: Bool?, by key: String,
        _ now: Timestamp, _ durable: @Sendable () -> Int64
    ) throws {
        let held = try Int64.fetchOne(
            db, sql: "SELECT count(*) FROM trigger_instances WHERE trigger_number = ? AND state = 1",
            arguments: [known.number])
        if state == .enabled, let held, held > 0 {
            guard let sendsHeld else {
                throw WebhookError(
                    .conflict,
                    "\(held) firings were held back; enable it with {\"held\": \"send\"} or {\"held\": \"drop\"}, by POST …/enable"
                )
            }
            if sendsHeld {
                // Armed again: what came meanwhile is looked at before they fire.
                try db.execute(
                    sql: "UPDATE trigger_instances SET state = 0 WHERE trigger_number = ? AND state = 1",
                    arguments: [known.number])
            } else {
                try db.execute(
                    sql: """
                        UPDATE trigger_instances SET state = \(TriggerInstance.State.cancelled.number),
                            ended_by = 'dropped', ended_at = ? WHERE trigger_number = ? AND state = 1
                        """, arguments: [now.microseconds, known.number])
            }
        }
        let since = state == .enabled && known.state != .enabled ? max(durable(), known.sinceSeq) : known.sinceSeq
        try db.execute(
            sql:
                "UPDATE triggers SET state = ?, reason = NULL, changed_by = ?, state_at = ?, since_seq = ? WHERE number = ?",
            arguments: [state.rawValue, key, now.microseconds, since, known.number])
        if state == .enabled {
            // What it fired before it was held is forgiven.
            try db.execute(sql: "DELETE FROM trigger_rates WHERE trigger_number = ?", arguments: [known.number])
            // An action that was disabled by what it answered gets a new chance with its trigger.
            try db.execute(
                sql: """
                    UPDATE endpoints SET state = 'active', reason = NULL, changed_by = ?, state_at = ?, failing_since = NULL,
                        failures = 0, told = 0 WHERE trigger_number = ? AND state <> 'active'
                    """, arguments: [key, now.microseconds, known.number])
            try listen(db, known.number, known.project, now)
            if known.state != .enabled {
                // What became so meanwhile is no news.
                try db.execute(sql: "DELETE FROM trigger_watches WHERE trigger_number = ?", arguments: [known.number])
            }
        }
    }
}
