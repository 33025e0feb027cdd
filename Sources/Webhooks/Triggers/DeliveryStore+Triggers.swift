internal import Connectors
internal import GRDB
public import Model
internal import Triggers

extension DeliveryStore {
    /// Makes a trigger that looks at what is collected from here on.
    ///
    /// - Parameters:
    ///   - durable: the highest `seq` that is on disk now; asked within the transaction.
    ///   - by: the id of the key that makes it.
    public func create(
        _ draft: TriggerDraft, project: String, by key: String, now: Timestamp,
        durable: @escaping @Sendable () -> Int64
    ) async throws(WebhookError) -> TriggerRecord {
        let box = box
        let id = Self.makeID("trg_", now)
        return try await write { db in
            try Self.makeTrigger(
                db, id: id, type: TriggerFiring.firedType, draft, project, by: key, now, durable, box)
            return try Self.requireTrigger(db, id, project)
        }
    }

    static func makeTrigger(
        _ db: Database, id: String, type: String, _ draft: TriggerDraft, _ project: String, by key: String,
        _ now: Timestamp, _ durable: @Sendable () -> Int64, _ box: SecretBox
    ) throws {
        let seq = try beginFollowing(db, project, durable)
        try db.execute(
            sql: """
                INSERT INTO triggers (id, project, name, type, version, actions, state, since_seq, changed_by, state_at,
                    made_by, created_at, updated_at) VALUES (?, ?, ?, ?, 1, '[]', ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id, project, draft.name, type, draft.state.rawValue, seq, key, now.microseconds, key,
                now.microseconds, now.microseconds,
            ])
        let number = db.lastInsertedRowID
        try db.execute(
            sql: "INSERT INTO trigger_versions VALUES (?, 1, ?, ?)",
            arguments: [number, draft.when.text, now.microseconds])
        try setActions(db, number, draft.actions, project, by: key, now, box)
        try listen(db, number, project, now)
        try noteChange(db)
    }

    /// Whatever a project's events are looked at for begins here, if nobody has looked until now. Where that is.
    static func beginFollowing(_ db: Database, _ project: String, _ durable: @Sendable () -> Int64) throws -> Int64 {
        let known = try Int64.fetchOne(db, sql: "SELECT seq FROM checkpoints WHERE project = ?", arguments: [project])
        let seq = max(durable(), known ?? 0)
        // Nobody looked at what lies before, and nobody needs to.
        if try !isFollowed(db, project) { try setCheckpoint(db, project, seq) }
        return seq
    }

    /// Whether anybody looks at a project's events.
    static func isFollowed(_ db: Database, _ project: String) throws -> Bool {
        if try records(db, project: project).contains(where: { $0.definition.listens }) { return true }
        return try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM triggers WHERE project = ?)", arguments: [project]) ?? false
    }

    /// A trigger; nil if there is none.
    public func trigger(_ id: String, project: String) async throws(WebhookError) -> TriggerRecord? {
        try await read { db in try Self.triggers(db, project, id: id).first }
    }

    /// A project's triggers in the order of their making.
    public func triggers(
        project: String, after number: Int64 = 0, limit: Int = .max
    ) async throws(WebhookError) -> [TriggerRecord] {
        try await read { db in try Self.triggers(db, project, after: number, limit: limit) }
    }

    /// Removes a trigger with all that it waits for; false if there is none.
    public func removeTrigger(_ id: String, project: String) async throws(WebhookError) -> Bool {
        try await write { db in
            guard let known = try Self.triggers(db, project, id: id).first else { return false }
            try Self.removeTrigger(db, known.number, project)
            return true
        }
    }

    static func removeTrigger(_ db: Database, _ number: Int64, _ project: String) throws {
        let actions = try Int64.fetchAll(
            db, sql: "SELECT number FROM endpoints WHERE trigger_number = ?", arguments: [number])
        for action in actions { try remove(db, action) }
        try db.execute(sql: "DELETE FROM triggers WHERE number = ?", arguments: [number])
        let isLast =
            try Bool.fetchOne(
                db, sql: "SELECT NOT EXISTS (SELECT 1 FROM triggers WHERE project = ?)", arguments: [project]) ?? false
        if isLast {
            // Nobody follows who is who any more: the next trigger begins with what the store knows then.
            for table in ["trigger_people", "trigger_ties", "trigger_seeds", "trigger_depths"] {
                try db.execute(sql: "DELETE FROM \(table) WHERE project = ?", arguments: [project])
            }
        }
        try noteChange(db)
    }

    /// Messages of persons who are identified are those of a trigger of the server's own, which is there while an endpoint names them.
    static func watchPersons(
        _ db: Database, _ project: String, _ now: Timestamp, _ durable: @Sendable () -> Int64, _ box: SecretBox
    ) throws {
        let type = TriggerFiring.identifiedType
        let isWanted = try records(db, project: project).contains { $0.definition.receives(type: type) }
        let known = try Int64.fetchOne(
            db, sql: "SELECT number FROM triggers WHERE project = ? AND type = ?", arguments: [project, type])
        if let known, !isWanted { return try removeTrigger(db, known, project) }
        guard isWanted, known == nil else { return }
        let draft = TriggerDraft(name: type, when: ["new_person": true], actions: [])
        try makeTrigger(
            db, id: makeID("trg_", now), type: type, draft, project, by: "sluice", now, durable, box)
    }

    // MARK: Steps

    static func requireTrigger(_ db: Database, _ id: String, _ project: String) throws -> TriggerRecord {
        guard let found = try triggers(db, project, id: id).first else {
            throw WebhookError(.noTrigger, "there is no trigger \(id.prefix(64))")
        }
        return found
    }

    static func triggers(
        _ db: Database, _ project: String, id: String? = nil, after number: Int64 = 0, limit: Int = .max
    ) throws -> [TriggerRecord] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT t.*, v.condition FROM triggers t
                JOIN trigger_versions v ON v.trigger_number = t.number AND v.version = t.version
                WHERE project = ? AND id = coalesce(?, id) AND number > ? AND type = '\(TriggerFiring.firedType)'
                ORDER BY number LIMIT ?
                """, arguments: [project, id, number, limit]
        ).map(TriggerRecord.init(row:))
    }

    /// A silence is waited for from the beginning.
    static func listen(_ db: Database, _ number: Int64, _ project: String, _ now: Timestamp) throws {
        let rules = TriggerRules(try self.rules(db, project).filter { $0.number == number && $0.isCurrent })
        guard let rule = rules.rules.first else { return }
        let tables = TriggerTables(db, project: project, now: now, targets: TriggerTargets())
        try TriggerEngine(rules, tables, now: now).listen(rule: number, version: rule.version)
    }
}

extension TriggerRecord {
    init(row: Row) throws {
        func time(_ name: String) -> Timestamp { Timestamp(microseconds: row[name]) }
        let (condition, actions): (String, String) = (row["condition"], row["actions"])
        self.init(
            number: row["number"], id: row["id"], project: row["project"], name: row["name"],
            version: row["version"], when: try JSONValue(text: condition), actions: try JSONValue(text: actions),
            state: TriggerRule.State(rawValue: row["state"]) ?? .disabled, sinceSeq: row["since_seq"],
            reason: row["reason"], changedBy: row["changed_by"], stateAt: time("state_at"),
            createdAt: time("created_at"),
            updatedAt: time("updated_at"))
    }
}
