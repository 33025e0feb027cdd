internal import Connectors
internal import GRDB
public import Model
public import Triggers

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
        // What was heard of lately still counts, if it is the same that is waited for.
        if after.ends == before.ends, after.correlate == before.correlate {
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO trigger_marks
                    SELECT project, trigger_number, ?, role, key, correlation, at, seq, identity FROM trigger_marks
                    WHERE trigger_number = ? AND version = ? AND role < 2
                    """, arguments: [version, known.number, known.version])
        }
        switch open {
        case .pin: break
        case .cancel: try cancelOpen(db, known.number, by: "another version", now)
        case .migrate:
            try db.execute(
                sql: """
                    UPDATE trigger_instances SET version = ?1, deadline = at + ?2, fire_at = at + ?2 + ?3
                    WHERE trigger_number = ?4 AND state < 2
                    """, arguments: [version, after.within, after.grace, known.number])
        }
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
            sql: "UPDATE triggers SET state = ?, changed_by = ?, state_at = ?, since_seq = ? WHERE number = ?",
            arguments: [state.rawValue, key, now.microseconds, since, known.number])
        if state == .enabled {
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
            for table in ["trigger_people", "trigger_ties", "trigger_seeds"] {
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
    private static func listen(_ db: Database, _ number: Int64, _ project: String, _ now: Timestamp) throws {
        let rules = TriggerRules(try self.rules(db, project).filter { $0.number == number && $0.isCurrent })
        guard let rule = rules.rules.first else { return }
        let tables = TriggerTables(db, project: project, now: now, targets: TriggerTargets())
        try TriggerEngine(rules, tables, now: now).listen(rule: number, version: rule.version)
    }

    private static func setActions(
        _ db: Database, _ number: Int64, _ actions: [TriggerAction], _ project: String, by key: String,
        _ now: Timestamp, _ box: SecretBox
    ) throws {
        // An action that stays as it was keeps its row, and with it what waits to be delivered and the log.
        var old = try Row.fetchAll(
            db, sql: "SELECT number, id, connector, settings FROM endpoints WHERE trigger_number = ?",
            arguments: [number]
        ).map { row -> (number: Int64, id: String, kind: String, settings: JSONValue?) in
            let id: String = row["id"]
            let bytes = row.bytes("settings").flatMap { try? box.open($0, for: id) }
            return (row["number"], id, row["connector"], bytes.flatMap { opened in try? JSONValue(opened.span) })
        }
        var shown: [JSONValue] = []
        for action in actions {
            switch action {
            case .endpoint(let id):
                guard try records(db, project: project, id: id).first != nil else {
                    throw WebhookError(.badEndpoint, "then: there is no endpoint \(id.prefix(64))")
                }
                shown.append(["endpoint": .string(id)])
            case .connector(let kind, let settings):
                if let place = old.firstIndex(where: { $0.kind == kind && $0.settings == settings }) {
                    shown.append([kind: hidden(kind, settings), "deliveries": .string(old.remove(at: place).id)])
                    continue
                }
                let id = makeID("act_", now)
                let sealed = try box.seal(Array(settings.text.utf8), for: id)
                try db.execute(
                    sql: """
                        INSERT INTO endpoints (id, project, kind, definition, header_names, since_seq, state, changed_by,
                            state_at, made_by, created_at, updated_at, connector, settings, trigger_number)
                        VALUES (?, ?, 'webhook', ?, '', 0, 'active', ?, ?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        id, project, EndpointDefinition(url: kind).json.text, key, now.microseconds, key,
                        now.microseconds, now.microseconds, kind, Blob(sealed).data, number,
                    ])
                shown.append([kind: hidden(kind, settings), "deliveries": .string(id)])
            }
        }
        for gone in old { try remove(db, gone.number) }
        try db.execute(
            sql: "UPDATE triggers SET actions = ? WHERE number = ?",
            arguments: [JSONValue.array(shown).text, number])
    }

    /// Settings as they are shown: what a connector takes for a secret is hidden, but for a reference to one.
    static func hidden(_ kind: String, _ settings: JSONValue) -> JSONValue {
        let fields = ConnectorRegistry.builtin.types.first { $0.kind == kind }?.fields ?? []
        guard case .object(let members) = settings else { return settings }
        return .object(
            members.map { member in
                guard fields.first(where: { $0.name == member.key })?.isSecret ?? true else { return member }
                return .init(member.key, hidden(member.value))
            })
    }

    private static func hidden(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text) where SecretReference.isReference(text): value
        case .object(let members): .object(members.map { .init($0.key, hidden($0.value)) })
        default: "[hidden]"
        }
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
            changedBy: row["changed_by"], stateAt: time("state_at"), createdAt: time("created_at"),
            updatedAt: time("updated_at"))
    }
}
