import Connectors
import GRDB
import Model
import Testing

@testable import Triggers
@testable import Webhooks

@Suite("Triggers in the outbox")
struct TriggerTablesTests {
    private static let rules = [
        #"{"event":"A","absent":{"event":"B","within":"10s"},"correlate":"properties.c","grace":"2s","retract":true}"#,
        #"{"event":"A","absent":{"event":"B","within":"10s"},"reentry":"first_open","cooldown":"20s"}"#,
        #"{"event":"A","absent":{"event":"B","within":"7s"},"reentry":"each"}"#,
        #"{"event":"A","absent":{"event":"B","within":"7s"},"reentry":"once_ever"}"#,
        #"{"count":{"event":"A","at_least":3,"within":"20s"}}"#, #"{"property":"plan","to":"pro"}"#,
        #"{"new_person":true}"#,
    ]

    private static func rule(_ text: String, _ number: Int64) throws -> TriggerRule {
        let (when, policy) = try TriggerWhen.read(try JSONValue(text: text))
        return TriggerRule(
            number: number, id: "trg_\(number)", project: "p", name: "t", version: 1, when: when, policy: policy,
            since: 0)
    }

    /// Items with ties, undone ties and everything in a random order of coming.
    private static func items(_ random: inout SplitMix) -> [TriggerItem] {
        var ties: [(String, String)] = []
        let people = ["ann", "bob", "cookie", "phone", "eve"]
        return (1...120).map { seq in
            let received = Double(seq) / 2
            let at = received - Double(random.next() % 80) / 10
            let who = people[Int(random.next() % 5)]
            func item(_ kind: TriggerItem.Kind, _ name: String, _ properties: String) -> TriggerItem {
                var item = TriggerItem(
                    kind: kind, seq: Int64(seq), identity: who, eventID: kind == .event ? "e\(seq)" : "", name: name,
                    at: Timestamp(microseconds: Int64(at * 1_000_000)),
                    receivedAt: Timestamp(microseconds: Int64(received * 1_000_000)),
                    properties: Array(properties.utf8))
                item.identifies = kind != .event
                return item
            }
            switch random.next() % 20 {
            case 0:
                let other = people[Int(random.next() % 5)]
                ties.append((who, other))
                return item(.alias(other: other, isDerived: random.next() % 2 == 0), "", "{}")
            case 1:
                guard let tie = ties.last, tie.0 == who else { return item(.event, "C", "{}") }
                return item(.undo(other: tie.1), "", "{}")
            case 2: return item(.set, "", #"{"plan":"\#(random.next() % 2 == 0 ? "pro" : "free")"}"#)
            case 3...8: return item(.event, "B", #"{"c":\#(random.next() % 2)}"#)
            default: return item(.event, "A", #"{"c":\#(random.next() % 2)}"#)
            }
        }
    }

    @Test("The tables keep what the plain model keeps", arguments: 1...12)
    func model(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let rules = TriggerRules(try Self.rules.enumerated().map { try Self.rule($1, Int64($0 + 1)) })
        let memory = MemoryStorage()
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        let queue = try DatabaseQueue(configuration: configuration)
        try DeliveryMigrations.migrator.migrate(queue)
        let items = Self.items(&random)
        try queue.write { db in
            func both(_ now: Timestamp, _ body: (TriggerEngine) throws -> Void) throws {
                try body(TriggerEngine(rules, memory, now: now))
                let tables = TriggerTables(db, project: "p", now: now, targets: TriggerTargets())
                try body(TriggerEngine(rules, tables, now: now))
            }
            for var item in items where item.match(rules) {
                try both(item.receivedAt) { engine in
                    try engine.fireDue(
                        until: Timestamp(microseconds: item.receivedAt.microseconds - 1), limit: 1_000)
                    try engine.take(item)
                }
            }
            let end = Timestamp(microseconds: 1_000_000_000)
            try both(end) { try $0.fireDue(until: end, limit: 1_000) }
            let firings = try Row.fetchAll(db, sql: "SELECT instance, type FROM trigger_firings ORDER BY number")
                .map { "\($0[0] as String) \($0[1] as String)" }
            #expect(firings == memory.firings.map { "\($0.instance) \($0.type)" })
            #expect(!firings.isEmpty)
            let states = try Row.fetchAll(db, sql: "SELECT id, state, key FROM trigger_instances ORDER BY number")
                .map { "\($0[0] as String) \($0[1] as Int64) \($0[2] as String)" }
            #expect(states == memory.instances.map { "\($0.id) \($0.state.number) \($0.key)" })
        }
    }

    @Test("A dry run does what was done", arguments: 0..<5)
    func dryRun(place: Int) throws {
        let text = Self.rules[place]
        let rule = try Self.rule(text, 1)
        var random = SplitMix(state: UInt64(place + 100))
        let items = Self.items(&random).filter { $0.kind != .set }
        let memory = MemoryStorage()
        let rules = TriggerRules([rule])
        for var item in items where item.match(rules) {
            while let due = memory.nextDue, due < item.receivedAt {
                try TriggerEngine(rules, memory, now: due).fireDue(until: due, limit: 1)
            }
            try TriggerEngine(rules, memory, now: item.receivedAt).take(item)
        }
        while let due = memory.nextDue { try TriggerEngine(rules, memory, now: due).fireDue(until: due, limit: 1) }
        let record = TriggerRecord(
            number: 1, id: rule.id, project: "p", name: "t", version: 1, when: try JSONValue(text: text),
            actions: .array([]), state: .enabled, sinceSeq: 0, reason: nil, changedBy: "k", stateAt: .earliest,
            createdAt: .earliest, updatedAt: .earliest)
        let run = try TriggerDryRun(record.when, record: record, project: "p")
        try run.begin(at: .earliest)
        try run.take(items)
        try run.advance(to: Timestamp(microseconds: 1_000_000_000))
        #expect(try run.fired() == memory.firings.map(\.instance))
        #expect(!memory.firings.isEmpty)
        #expect(try run.result()["fires"] == JSONValue(memory.firings.filter { $0.type == "trigger.fired" }.count))
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
