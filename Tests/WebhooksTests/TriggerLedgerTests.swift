import Connectors
import GRDB
import Model
import Testing

@testable import Triggers
@testable import Webhooks

@Suite("Triggers and their outbox, in one transaction")
struct TriggerLedgerTests {
    static func trigger(
        _ outbox: Outbox, _ when: String, _ actions: [TriggerAction] = []
    ) async throws -> TriggerRecord {
        try await outbox.store.create(
            TriggerDraft(name: "t", when: try JSONValue(text: when), actions: actions), project: "p", by: "k",
            now: outbox.now, durable: { 0 })
    }

    static func item(_ seq: Int64, _ name: String, _ outbox: Outbox, of who: String = "ann") -> TriggerItem {
        TriggerItem(
            kind: .event, seq: seq, identity: who, eventID: "e\(seq)", name: name, at: outbox.now,
            receivedAt: outbox.now, properties: Array("{}".utf8))
    }

    @discardableResult
    static func take(_ items: [TriggerItem], due: Bool = false, _ outbox: Outbox) async throws -> LedgerAnswer {
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

    @Test("One that fires oftener than it may is held, that is told once, and it can be enabled again")
    func capped() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        let watcher = try await outbox.endpoint(["url": "https://w.example/", "events": ["trigger.paused"]])
        let made = try await Self.trigger(
            outbox, #"{"event":"A","at_most":{"count":2,"within":"1h"}}"#, [.endpoint(endpoint.id)])
        let answer = try await Self.take((1...5).map { Self.item($0, "A", outbox) }, outbox)
        #expect(answer.hasChanged)
        #expect(try await outbox.claim(endpoint).count == 2)
        let told = try await outbox.claim(watcher)
        #expect(told.map(\.message.type) == ["trigger.paused"])
        let held = try #require(try await outbox.store.trigger(made.id, project: "p"))
        #expect(held.state == .held && held.changedBy == "sluice")
        #expect(held.reason == "it would have fired more than 2 times within 1h")
        _ = try await outbox.store.setState(
            made.id, .enabled, by: "k", project: "p", now: outbox.now, durable: { 5 })
        #expect(try await outbox.store.trigger(made.id, project: "p")?.reason == nil)
        try await Self.take([Self.item(6, "A", outbox)], outbox)
        #expect(try await outbox.claim(endpoint).count == 1)
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
