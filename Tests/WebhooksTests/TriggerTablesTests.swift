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
            actions: .array([]), state: .enabled, sinceSeq: 0, changedBy: "k", stateAt: .earliest,
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

@Suite("Triggers and their outbox, in one transaction")
struct TriggerLedgerTests {
    private static func trigger(
        _ outbox: Outbox, _ when: String, _ actions: [TriggerAction] = []
    ) async throws -> TriggerRecord {
        try await outbox.store.create(
            TriggerDraft(name: "t", when: try JSONValue(text: when), actions: actions), project: "p", by: "k",
            now: outbox.now, durable: { 0 })
    }

    private static func item(_ seq: Int64, _ name: String, _ outbox: Outbox, of who: String = "ann") -> TriggerItem {
        TriggerItem(
            kind: .event, seq: seq, identity: who, eventID: "e\(seq)", name: name, at: outbox.now,
            receivedAt: outbox.now, properties: Array("{}".utf8))
    }

    @discardableResult
    private static func take(_ items: [TriggerItem], due: Bool = false, _ outbox: Outbox) async throws -> LedgerAnswer {
        let live = try await outbox.store.live()
        var work = TriggerWork(triggers: try #require(live.triggers["p"]))
        work.items = items.compactMap { item in
            var item = item
            return item.match(work.triggers.rules) ? item : nil
        }
        if due { work.dueUntil = outbox.now }
        var ledger = LedgerWork()
        ledger.batches = [
            OutboxBatch(
                project: "p", change: live.change, messages: [], checkpoint: items.last?.seq, triggers: work)
        ]
        return try await outbox.store.cycle(ledger, now: outbox.now)
    }

    @Test("7: a firing and its message are written together; the same items again make neither")
    func together() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["trigger.fired"]])
        _ = try await Self.trigger(outbox, #"{"event":"A"}"#, [.endpoint(endpoint.id)])
        let items = [Self.item(1, "A", outbox)]
        #expect(try await Self.take(items, outbox).fed == [endpoint.number])
        try await Self.take(items, outbox)
        let claimed = try await outbox.claim(endpoint)
        #expect(claimed.map(\.message.type) == ["trigger.fired"] && claimed[0].message.depth == 1)
        #expect(try await outbox.store.checkpoint(project: "p") == 1)
    }

    @Test("14: another window with migrate holds for what is waited for; pinned it does not; cancelled nothing fires")
    func edited() async throws {
        for (open, fires) in [(OpenInstances.migrate, 1), (.pin, 0), (.cancel, 0)] {
            let outbox = try Outbox()
            let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
            let made = try await Self.trigger(
                outbox, #"{"event":"A","absent":{"event":"B","within":"30m"}}"#, [.endpoint(endpoint.id)])
            try await Self.take([Self.item(1, "A", outbox)], outbox)
            let changed = try await outbox.store.update(
                made.id, name: nil, when: try JSONValue(text: #"{"event":"A","absent":{"event":"B","within":"10m"}}"#),
                actions: nil, open: open, project: "p", by: "k", now: outbox.now)
            #expect(changed.version == 2)
            outbox.advance(600)
            try await Self.take([], due: true, outbox)
            #expect(try await outbox.claim(endpoint).count == fires, "\(open)")
            outbox.advance(1_200)
            try await Self.take([], due: true, outbox)
            #expect(try await outbox.claim(endpoint).count == (open == .pin ? 1 : 0), "\(open)")
        }
    }

    @Test("15: a timer is run once, however often it is asked for")
    func claimedOnce() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        _ = try await Self.trigger(
            outbox, #"{"event":"A","absent":{"event":"B","within":"30m"}}"#, [.endpoint(endpoint.id)])
        try await Self.take([Self.item(1, "A", outbox)], outbox)
        outbox.advance(1_800)
        async let first = Self.take([], due: true, outbox)
        async let second = Self.take([], due: true, outbox)
        _ = try await (first, second)
        // 16: the clock goes back.
        outbox.advance(-3_600)
        try await Self.take([], due: true, outbox)
        outbox.advance(7_200)
        try await Self.take([], due: true, outbox)
        #expect(try await outbox.claim(endpoint).count == 1)
    }

    @Test("What is held is kept, and sent or dropped when it is enabled")
    func held() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        let made = try await Self.trigger(
            outbox, #"{"event":"A","absent":{"event":"B","within":"30m"}}"#, [.endpoint(endpoint.id)])
        try await Self.take([Self.item(1, "A", outbox)], outbox)
        func set(_ state: TriggerRule.State, _ sends: Bool? = nil) async throws {
            _ = try await outbox.store.setState(
                made.id, state, sendsHeld: sends, by: "k", project: "p", now: outbox.now, durable: { 1 })
        }
        try await set(.held)
        outbox.advance(1_800)
        try await Self.take([Self.item(2, "A", outbox, of: "bob")], due: true, outbox)
        #expect(try await outbox.claim(endpoint).isEmpty)
        await #expect(throws: WebhookError.self) { try await set(.enabled) }
        try await set(.enabled, true)
        try await Self.take([], due: true, outbox)
        #expect(try await outbox.claim(endpoint).count == 1)
    }

    @Test("An erasure ends what is waited for, and what was said is gone")
    func erased() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        let actions = [TriggerAction.endpoint(endpoint.id)]
        _ = try await Self.trigger(outbox, #"{"event":"A","absent":{"event":"B","within":"30m"}}"#, actions)
        _ = try await Self.trigger(outbox, #"{"event":"C"}"#, actions)
        try await Self.take(
            [Self.item(1, "A", outbox), Self.item(2, "C", outbox), Self.item(3, "A", outbox, of: "bob")], outbox)
        let erased = try await outbox.store.eraseTriggers(
            identities: ["ann"], seqs: [], project: "p", now: outbox.now)
        #expect(erased.rows == 1 && erased.isGone)
        #expect(try await outbox.states(endpoint) == ["aborted"])
        outbox.advance(1_800)
        try await Self.take([], due: true, outbox)
        #expect(try await outbox.claim(endpoint).count == 1)
        let left = try await outbox.store.read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT (SELECT count(*) FROM trigger_instances WHERE identity = 'ann' OR key = 'ann')
                    + (SELECT count(*) FROM trigger_marks WHERE identity = 'ann' OR key = 'ann')
                    + (SELECT count(*) FROM trigger_firings WHERE identity = 'ann' OR key = 'ann')
                    """)
        }
        #expect(left == 0)
    }

    @Test("Retention takes what waits and values of the events that go, by their numbers, and leaves the others")
    func aged() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        let actions = [TriggerAction.endpoint(endpoint.id)]
        _ = try await Self.trigger(outbox, #"{"event":"A","absent":{"event":"B","within":"30m"}}"#, actions)
        _ = try await Self.trigger(outbox, #"{"property":"plan"}"#, actions)
        var set = TriggerItem(
            kind: .set, seq: 2, identity: "ann", at: outbox.now, receivedAt: outbox.now,
            properties: Array(#"{"plan":"pro"}"#.utf8))
        set.setsProperties = true
        try await Self.take([Self.item(1, "A", outbox), set, Self.item(3, "A", outbox, of: "bob")], outbox)
        let erased = try await outbox.store.eraseTriggers(
            identities: [], seqs: [1, 2], project: "p", now: outbox.now)
        #expect(erased.rows == 1 && erased.isGone)
        let left = try await outbox.store.read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT identity FROM trigger_instances WHERE event IS NOT NULL
                    UNION ALL SELECT identity FROM trigger_values UNION ALL SELECT identity FROM trigger_marks
                    """)
        }
        #expect(Set(left) == ["bob"])
        outbox.advance(1_800)
        try await Self.take([], due: true, outbox)
        #expect(try await outbox.claim(endpoint).count == 1)
    }

    @Test("A silence of another length is waited for at once; an action that stays keeps what waits")
    func changed() async throws {
        let outbox = try Outbox()
        let slack = TriggerAction.connector("slack", ["url": "https://hooks.example/x", "text": "hi"])
        let made = try await Self.trigger(outbox, #"{"silence":{"for":"10m"}}"#, [slack])
        func change(_ when: JSONValue?, _ actions: [TriggerAction]?) async throws -> TriggerRecord {
            try await outbox.store.update(
                made.id, name: nil, when: when, actions: actions, open: .pin, project: "p", by: "k", now: outbox.now)
        }
        let first = try await change(["silence": ["for": "5m"]], nil)
        let deadlines = try await outbox.store.read { db in
            try Int64.fetchAll(db, sql: "SELECT deadline - at FROM trigger_instances WHERE state = 0")
        }
        #expect(deadlines == [300_000_000])
        let other = TriggerAction.connector("slack", ["url": "https://hooks.example/y", "text": "hi"])
        let second = try await change(nil, [other, slack])
        #expect(first.actions.arrayValue?[0]["deliveries"] != nil)
        #expect(second.actions.arrayValue?[1]["deliveries"] == first.actions.arrayValue?[0]["deliveries"])
        #expect(second.actions.arrayValue?[0]["deliveries"] != first.actions.arrayValue?[0]["deliveries"])
        let third = try await change(nil, [other])
        #expect(third.actions.arrayValue?[0]["deliveries"] == second.actions.arrayValue?[0]["deliveries"])
        let rows = try await outbox.store.read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM endpoints WHERE connector IS NOT NULL")
        }
        #expect(rows == 1)
    }

    @Test("An endpoint that is thin hears of ids alone")
    func thin() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(
            ["url": "https://r.example/", "events": ["trigger.fired"], "payload": "thin"])
        _ = try await Self.trigger(outbox, #"{"event":"A"}"#)
        try await Self.take([Self.item(1, "A", outbox)], outbox)
        let body = try #require(try await outbox.claim(endpoint).first?.message.body)
        let document = try JSONValue(body.span)
        guard case .object(let members)? = document["data"] else {
            Issue.record("no data")
            return
        }
        #expect(members.map(\.key) == ["trigger", "instance_id", "person_id"])
    }
}
