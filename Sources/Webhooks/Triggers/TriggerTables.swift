internal import GRDB
internal import Model
internal import Triggers

/// What the rules keep, in the outbox's file, within one transaction.
final class TriggerTables: TriggerStorage {
    let db: Database
    let project: String
    let now: Timestamp
    let targets: TriggerTargets
    /// Endpoints that got something to send.
    private(set) var fed: Set<Int64> = []
    /// Whether a trigger is another one by what was evaluated.
    var hasChanged = false

    init(_ db: Database, project: String, now: Timestamp, targets: TriggerTargets) {
        self.db = db
        self.project = project
        self.now = now
        self.targets = targets
    }

    func run(_ sql: String, _ arguments: StatementArguments) throws {
        try db.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    func rows(_ sql: String, _ arguments: StatementArguments) throws -> [Row] {
        try Row.fetchAll(db.cachedStatement(sql: sql), arguments: arguments)
    }

    // MARK: Waits

    func add(_ instance: TriggerInstance) throws {
        try run(
            """
            INSERT INTO trigger_instances (project, trigger_number, version, id, key, correlation, identity, person, seq,
                event_id, at, deadline, fire_at, state, ended_by, ended_at, event, depth, asks)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                project, instance.rule, instance.version, instance.id, instance.key, instance.correlation,
                instance.identity, instance.person, instance.seq, instance.eventID, instance.at, instance.deadline,
                instance.fireAt, instance.state.number, instance.endedBy, instance.endedAt,
                instance.event.map { Blob($0).data }, instance.depth, instance.asks,
            ])
    }

    func update(_ instance: TriggerInstance) throws {
        try run(
            """
            UPDATE trigger_instances SET version = ?, id = ?, person = ?, event_id = ?, at = ?, deadline = ?, fire_at = ?,
                state = ?, ended_by = ?, ended_at = ? WHERE number = ?
            """,
            [
                instance.version, instance.id, instance.person, instance.eventID, instance.at, instance.deadline,
                instance.fireAt, instance.state.number, instance.endedBy, instance.endedAt, instance.number,
            ])
    }

    func open(rule: Int64?, key: String) throws -> [TriggerInstance] {
        let found =
            try rule.map {
                try rows(
                    """
                    SELECT * FROM trigger_instances WHERE project = ? AND key = ? AND trigger_number = ? AND state < 3
                        AND state < 2 ORDER BY at
                    """, [project, key, $0])
            }
            ?? rows(
                "SELECT * FROM trigger_instances WHERE project = ? AND key = ? AND state < 3 AND state < 2",
                [project, key])
        return found.map(TriggerInstance.init(row:))
    }

    func around(
        rule: Int64, version: Int64, key: String, correlation: String, at: Int64
    ) throws -> [TriggerInstance] {
        try rows(
            """
            SELECT * FROM trigger_instances WHERE project = ?1 AND key = ?2 AND trigger_number = ?3 AND at <= ?6 AND state < 3
                AND deadline > ?6 AND version = ?4 AND correlation = ?5
            """, [project, key, rule, version, correlation, at]
        ).map(TriggerInstance.init(row:))
    }

    func due(until: Int64, limit: Int) throws -> [TriggerInstance] {
        try rows(
            """
            SELECT * FROM trigger_instances WHERE project = ? AND asks = 0 AND state = 0 AND fire_at <= ?
            ORDER BY fire_at, number LIMIT ?
            """, [project, until, limit]
        ).map(TriggerInstance.init(row:))
    }

    func due(_ numbers: [Int64], until: Int64) throws -> [TriggerInstance] {
        try rows(
            """
            SELECT * FROM trigger_instances WHERE number IN (SELECT value FROM json_each(?)) AND project = ? AND state = 0
                AND fire_at <= ? ORDER BY fire_at, number
            """, [JSONValue.array(numbers.map { JSONValue($0) }).text, project, until]
        ).map(TriggerInstance.init(row:))
    }

    /// When the next timer is due, of those that ask something of a person or of the others; nil if none waits.
    static func nextDue(_ db: Database, _ project: String, asks: Bool = false) throws -> Timestamp? {
        let statement = try db.cachedStatement(
            sql: "SELECT min(fire_at) FROM trigger_instances WHERE project = ? AND asks = ? AND state = 0")
        return try Int64.fetchOne(statement, arguments: [project, asks]).map { Timestamp(microseconds: $0) }
    }

    // MARK: What happened of late

    func mark(
        rule: Int64, version: Int64, role: TriggerRules.Role, key: String, correlation: String, identity: String,
        _ mark: TriggerMark
    ) throws {
        try run(
            "INSERT INTO trigger_marks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [project, rule, version, role.rawValue, key, correlation, mark.at, mark.seq, identity])
    }

    func marks(
        rule: Int64, version: Int64, role: TriggerRules.Role, key: String, correlation: String, from: Int64, to: Int64
    ) throws -> [TriggerMark] {
        // The latest, if there are very many.
        try rows(
            """
            SELECT at, seq FROM trigger_marks WHERE trigger_number = ? AND version = ? AND role = ? AND key = ?
                AND correlation = ? AND at BETWEEN ? AND ? ORDER BY at DESC, seq DESC LIMIT 2000
            """, [rule, version, role.rawValue, key, correlation, from, to]
        ).reversed().map { TriggerMark(at: $0[0], seq: $0[1]) }
    }

    func removeMarks(rule: Int64, version: Int64, role: TriggerRules.Role, key: String, seqs: [Int64]) throws {
        for seq in seqs {
            try run(
                "DELETE FROM trigger_marks WHERE trigger_number = ? AND version = ? AND role = ? AND key = ? AND seq = ?",
                [rule, version, role.rawValue, key, seq])
        }
    }

    // MARK: Values

    func value(rule: Int64, key: String) throws -> (value: JSONValue, mark: TriggerMark)? {
        let found = try rows(
            "SELECT value, at, seq FROM trigger_values WHERE trigger_number = ? AND key = ? ORDER BY at DESC, seq DESC LIMIT 1",
            [rule, key])
        guard let row = found.first else { return nil }
        let text: String = row[0]
        return (try JSONValue(text: text), TriggerMark(at: row[1], seq: row[2]))
    }

    func setValue(rule: Int64, key: String, identity: String, _ value: JSONValue, _ mark: TriggerMark) throws {
        try run(
            "INSERT OR REPLACE INTO trigger_values VALUES (?, ?, ?, ?, ?, ?, ?)",
            [project, rule, identity, key, value.text, mark.at, mark.seq])
    }

    // MARK: What comes of it

    func lastFiring(rule: Int64, key: String) throws -> Timestamp? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT max(fired_at) FROM trigger_firings WHERE trigger_number = ? AND key = ?
                AND type NOT IN ('\(TriggerFiring.followUps.joined(separator: "', '"))')
                """)
        return try Int64.fetchOne(statement, arguments: [rule, key]).map { Timestamp(microseconds: $0) }
    }

    func emit(_ firing: TriggerFiring) throws -> Bool {
        try run(
            """
            INSERT INTO trigger_firings (project, trigger_number, version, type, instance, message, key, identity, person,
                seq, event_id, fired_at, late_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            [
                project, firing.rule, firing.version, firing.type, firing.instance, firing.message, firing.key,
                firing.identity ?? "", firing.person, firing.seq, firing.eventID, firing.firedAt.microseconds,
                firing.lateBy,
            ])
        guard db.changesCount > 0 else { return false }
        for message in targets.messages(of: firing) { try send(message) }
        return true
    }

    func send(_ message: OutboxMessage) throws {
        var answer = LedgerAnswer()
        try DeliveryStore.insert(message, project: project, db, now, &answer)
        fed.formUnion(answer.fed)
    }

    func count(_ what: TriggerCount, rule: Int64) throws {
        try run(
            """
            INSERT INTO trigger_counts VALUES (?, ?, 1)
            ON CONFLICT (trigger_number, what) DO UPDATE SET total = total + 1
            """, [rule, what.rawValue])
    }
}

extension TriggerInstance.State {
    var number: Int64 { Int64(Self.allCases.firstIndex(of: self) ?? 0) }

    init(number: Int64) {
        let all = Self.allCases
        self = all.indices.contains(Int(number)) ? all[Int(number)] : .cancelled
    }
}

extension TriggerInstance {
    init(row: Row) {
        self.init(
            rule: row["trigger_number"], version: row["version"], id: row["id"], key: row["key"],
            correlation: row["correlation"], identity: row["identity"], person: row["person"], seq: row["seq"],
            eventID: row["event_id"], at: row["at"], deadline: row["deadline"], fireAt: row["fire_at"])
        number = row["number"]
        state = State(number: row["state"])
        endedBy = row["ended_by"]
        endedAt = row["ended_at"]
        event = row.bytes("event")
        depth = row["depth"]
        asks = row["asks"]
    }
}
