internal import GRDB
internal import Model
internal import Triggers

/// A project's triggers as they are evaluated.
struct ProjectTriggers: Sendable {
    var rules = TriggerRules()
    var targets = TriggerTargets()
    /// Whether who is who was taken over from the store.
    var isSeeded = false
    /// When the next timer that asks nothing is due.
    var nextDue: Timestamp?
    /// When the next one that asks something of a person is.
    var nextAsked: Timestamp?
}

/// What is to be evaluated in one transaction.
struct TriggerWork: Sendable {
    var triggers = ProjectTriggers()
    var items: [TriggerItem] = []
    /// Of rules that wait for silence, when something came last.
    var heard: [(rule: Int64, version: Int64, at: Timestamp)] = []
    /// Timers up to this are run that ask nothing: everything that was received until then is in a batch before or in this one.
    var dueUntil: Timestamp?
    /// Up to when timers that ask are run, with what was answered of them.
    var asked: (until: Timestamp, still: [Int64: StillAnswer])?
    /// How far timers are behind the time of day, which leapt ahead, in microseconds: what fires on time is not late by that.
    var behind: Int64 = 0
    /// What the store knows of identities that were not known when something was armed for them.
    var persons: [String: Int64] = [:]
    /// What watchers saw.
    var steps: [WatchStep] = []

    /// Timers that are run in one transaction.
    static let mostTimers = 500

    /// Endpoints that will probably get something.
    var likely: [Int64] {
        Set(
            items.flatMap { item in
                item.interests.flatMap { interest in
                    let rule = triggers.rules.rules[interest.rule]
                    return interest.role == .starts ? triggers.targets.endpoints(rule.number, rule.type) : []
                }
            }
        ).sorted()
    }
}

extension DeliveryStore {
    /// Evaluates in the transaction of the messages and the checkpoint.
    static func evaluate(
        _ work: TriggerWork, project: String, _ db: Database, _ now: Timestamp, _ answer: inout LedgerAnswer
    ) throws {
        let now = Timestamp(microseconds: now.microseconds - work.behind)
        let tables = TriggerTables(db, project: project, now: now, targets: work.triggers.targets)
        let engine = TriggerEngine(work.triggers.rules, tables, now: now)
        for item in work.items { try engine.take(item) }
        for heard in work.heard { try engine.heard(rule: heard.rule, version: heard.version, at: heard.at) }
        for step in work.steps { try engine.watch(step) }
        if let until = work.dueUntil {
            try engine.fireDue(until: until, limit: TriggerWork.mostTimers, persons: work.persons)
        }
        if let asked = work.asked { try engine.fireAsked(asked.still, until: asked.until, persons: work.persons) }
        answer.fed.formUnion(tables.fed)
        if tables.hasChanged { answer.hasChanged = true }
        answer.nextDue[project] = (
            try TriggerTables.nextDue(db, project), try TriggerTables.nextDue(db, project, asks: true)
        )
    }

    /// The rules of a project: of each trigger the version that stands, and those before that wait for something still.
    static func rules(_ db: Database, _ project: String) throws -> [TriggerRule] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT t.*, v.version AS at_version, v.condition FROM triggers t
                JOIN trigger_versions v ON v.trigger_number = t.number
                WHERE t.project = ? AND (v.version = t.version OR EXISTS (
                    SELECT 1 FROM trigger_instances i WHERE i.trigger_number = t.number AND i.version = v.version AND i.state < 2))
                ORDER BY t.number, v.version
                """, arguments: [project])
        return try rows.map { row in
            let (condition, state): (String, String) = (row["condition"], row["state"])
            let (version, current): (Int64, Int64) = (row["at_version"], row["version"])
            let (when, policy) = try TriggerWhen.read(try JSONValue(text: condition))
            return TriggerRule(
                number: row["number"], id: row["id"], project: project, name: row["name"], version: version,
                when: when, policy: policy, isCurrent: version == current,
                state: TriggerRule.State(rawValue: state) ?? .disabled, since: row["since_seq"], type: row["type"])
        }
    }

    /// Of all projects that have triggers what is evaluated.
    static func projectTriggers(
        _ db: Database, _ endpoints: [LiveEndpoint]
    ) throws -> [String: ProjectTriggers] {
        var found: [String: ProjectTriggers] = [:]
        for project in try String.fetchAll(db, sql: "SELECT DISTINCT project FROM triggers") {
            var actions: [Int64: [String]] = [:]
            for row in try Row.fetchAll(
                db,
                sql: """
                    SELECT t.number, a.value ->> 'endpoint' AS id FROM triggers t, json_each(t.actions) a
                    WHERE t.project = ?1 AND a.value ->> 'endpoint' IS NOT NULL
                    UNION ALL SELECT trigger_number, id FROM endpoints WHERE project = ?1 AND trigger_number IS NOT NULL
                    """, arguments: [project])
            {
                let (number, id): (Int64, String) = (row[0], row[1])
                actions[number, default: []].append(id)
            }
            let own = endpoints.filter { $0.record.project == project }
            found[project] = ProjectTriggers(
                rules: TriggerRules(try rules(db, project)), targets: TriggerTargets(own, actions: actions),
                isSeeded: try Int64.fetchOne(
                    db, sql: "SELECT seq FROM trigger_seeds WHERE project = ?", arguments: [project]) != nil,
                nextDue: try TriggerTables.nextDue(db, project),
                nextAsked: try TriggerTables.nextDue(db, project, asks: true))
        }
        return found
    }

    /// What waits, asks something of its person and is due; of each trigger a part, so that one whose question has no answer keeps none
    /// of the others.
    func dueToAsk(project: String, until: Timestamp) async throws(WebhookError) -> [DueWait] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT number, trigger_number, version, identity, person FROM (
                        SELECT number, trigger_number, version, identity, person, fire_at,
                            row_number() OVER (PARTITION BY trigger_number ORDER BY fire_at, number) AS place
                        FROM trigger_instances WHERE project = ? AND asks = 1 AND state = 0 AND fire_at <= ?)
                    WHERE place <= \(TriggerWork.mostTimers) ORDER BY fire_at, number
                    """, arguments: [project, until.microseconds]
            ).map { DueWait(number: $0[0], rule: $0[1], version: $0[2], identity: $0[3], person: $0[4]) }
        }
    }

    /// Of timers that are due and ask nothing, those whose person was not known when they were armed.
    func unknownPersons(project: String, until: Timestamp) async throws(WebhookError) -> [String] {
        try await read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT DISTINCT identity FROM (
                        SELECT identity, person FROM trigger_instances WHERE project = ? AND asks = 0 AND state = 0 AND fire_at <= ?
                        ORDER BY fire_at, number LIMIT \(TriggerWork.mostTimers))
                    WHERE person IS NULL AND identity <> ''
                    """, arguments: [project, until.microseconds])
        }
    }

    /// Takes over who is tied to whom up to a `seq`, in pieces; the last one says that it is done.
    func seed(
        _ ties: [(a: String, b: String, isTied: Bool)], project: String, now: Timestamp, doneAt seq: Int64?
    ) async throws(WebhookError) {
        try await write { db in
            let tables = TriggerTables(db, project: project, now: now, targets: TriggerTargets())
            let engine = TriggerEngine(TriggerRules(), tables, now: now)
            for tie in ties { try engine.seed(tie.a, tie.b, isTied: tie.isTied) }
            guard let seq else { return }
            try db.execute(
                sql: "INSERT OR REPLACE INTO trigger_seeds VALUES (?, ?)", arguments: [project, seq])
            try Self.noteChange(db)
        }
    }
}
