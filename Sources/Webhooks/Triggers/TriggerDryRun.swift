internal import GRDB
public import Model
public import Triggers

/// A trigger run over what was collected before: the same state machines on the same tables, in memory, with a clock that stands where
/// the events were received. Blocking.
public final class TriggerDryRun {
    private let queue: DatabaseQueue
    private let rules: TriggerRules
    /// Whether it asks something of persons when a wait comes due, which is not asked here.
    public let asksStill: Bool
    private var now = Timestamp.earliest

    private static let mostSamples = 20

    public init(_ when: JSONValue, record: TriggerRecord?, project: String) throws {
        var configuration = Configuration()
        // Of the trigger itself there is no row here.
        configuration.foreignKeysEnabled = false
        queue = try DatabaseQueue(configuration: configuration)
        try DeliveryMigrations.migrator.migrate(queue)
        asksStill = try TriggerWhen.read(when).0.still != nil
        var plain = when
        if asksStill, case .object(let members) = when { plain = .object(members.filter { $0.key != "still" }) }
        let (parsed, policy) = try TriggerWhen.read(plain)
        let rule = TriggerRule(
            number: 1, id: record?.id ?? "trg_dry_run", project: project, name: record?.name ?? "",
            version: record?.version ?? 1, when: parsed, policy: policy, since: 0)
        rules = TriggerRules([rule])
    }

    /// Names of events that it needs; nil for all.
    public var names: [String]? { rules.names }

    /// Begins at a moment.
    public func begin(at time: Timestamp) throws {
        now = time
        try run { engine in try engine.listen(rule: 1, version: rules.rules[0].version) }
    }

    /// Takes items in the order of `seq`, each when it was received; timers that are due before run before.
    public func take(_ items: [TriggerItem]) throws {
        try queue.write { db in
            for var item in items where item.match(rules) {
                if item.receivedAt > now {
                    try advance(to: Timestamp(microseconds: item.receivedAt.microseconds - 1), db)
                    now = item.receivedAt
                }
                let engine = TriggerEngine(rules, tables(db), now: now)
                if item.interests.contains(where: { $0.role == .breaks }) {
                    try engine.heard(rule: 1, version: rules.rules[0].version, at: item.receivedAt)
                }
                try engine.take(item)
            }
        }
    }

    /// Runs what is due until then.
    public func advance(to time: Timestamp) throws {
        try queue.write { db in try advance(to: time, db) }
        now = max(now, time)
    }

    private func advance(to time: Timestamp, _ db: Database) throws {
        while let due = try TriggerTables.nextDue(db, "dry"), due <= time {
            now = max(now, due)
            try TriggerEngine(rules, tables(db), now: now).fireDue(until: now, limit: 1_000)
        }
    }

    private func run(_ body: (TriggerEngine) throws -> Void) throws {
        try queue.write { db in try body(TriggerEngine(rules, tables(db), now: now)) }
    }

    private func tables(_ db: Database) -> TriggerTables {
        TriggerTables(db, project: "dry", now: now, targets: TriggerTargets())
    }

    /// The instances that fired, by their ids, in the order of firing.
    func fired() throws -> [String] {
        try queue.read { db in try String.fetchAll(db, sql: "SELECT instance FROM trigger_firings ORDER BY number") }
    }

    /// `{"fires","samples","counts"}`.
    public func result() throws -> JSONValue {
        try queue.read { db in
            let fires = try Int64.fetchOne(
                db,
                sql: "SELECT count(*) FROM trigger_firings WHERE type = ?", arguments: [TriggerFiring.firedType])
            let samples = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM trigger_firings f
                    ORDER BY number LIMIT \(Self.mostSamples)
                    """
            ).map { row -> JSONValue in
                let (identity, person): (String, Int64?) = (row["identity"], row["person"])
                let at: Int64 = row["fired_at"]
                return [
                    "instance_id": .string(row["instance"]),
                    "identity": identity.isEmpty ? .null : .string(identity),
                    "person_id": JSONValue(person.map { PersonID($0).text }),
                    "event_id": .string(row["event_id"]), "seq": (row["seq"] as Int64?).map { JSONValue($0) } ?? .null,
                    "fired_at": .string(Timestamp(microseconds: at).text),
                ]
            }
            let counts = try Row.fetchAll(db, sql: "SELECT what, total FROM trigger_counts ORDER BY what")
            return [
                "fires": JSONValue(fires ?? 0), "samples": .array(samples),
                "counts": .object(counts.map { .init($0[0], JSONValue($0[1] as Int64)) }),
            ]
        }
    }
}
