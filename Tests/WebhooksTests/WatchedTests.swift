import Connectors
import GRDB
import Model
import Testing

@testable import Triggers
@testable import Webhooks

@Suite("What watchers saw, in the outbox")
struct WatchedTests {
    private static func trigger(_ outbox: Outbox, _ when: String, _ endpoint: String) async throws -> TriggerRecord {
        try await outbox.store.create(
            TriggerDraft(name: "t", when: try JSONValue(text: when), actions: [.endpoint(endpoint)]), project: "p",
            by: "k", now: outbox.now, durable: { 5 })
    }

    private static func watch(_ step: WatchStep, _ outbox: Outbox) async throws -> Bool {
        let live = try await outbox.store.live()
        var work = TriggerWork(triggers: try #require(live.triggers["p"]))
        work.steps = [step]
        var ledger = LedgerWork()
        ledger.batches = [
            OutboxBatch(project: "p", change: live.change, messages: [], checkpoint: nil, triggers: work)
        ]
        return try await outbox.store.cycle(ledger, now: outbox.now).written == [true]
    }

    private static func step(_ trigger: TriggerRecord, _ outbox: Outbox) -> WatchStep {
        var place = WatchPlace(version: trigger.version, since: trigger.sinceSeq)
        (place.isReady, place.seq, place.changeSeq, place.definition) = (true, 7, 3, "d")
        (place.lookedAt, place.value) = (outbox.now, 12)
        return WatchStep(rule: trigger.number, place: place)
    }

    @Test("Place, rows and firing are one transaction; what was seen is there after the next start")
    func together() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        let made = try await Self.trigger(outbox, #"{"column":"c","below":40,"recovered":true}"#, endpoint.id)
        #expect(made.sinceSeq == 5)
        var step = Self.step(made, outbox)
        let crossed = WatchState(.crossed, since: outbox.now.microseconds)
        step.entries = [
            .init(person: 7, identity: "ann", state: crossed, news: .crossed),
            .init(person: 8, identity: "bob", state: WatchState(.pending, since: 1)),
        ]
        #expect(try await Self.watch(step, outbox))
        #expect(try await outbox.claim(endpoint).map(\.message.type) == ["trigger.fired"])
        let places = try await outbox.store.watchPlaces(project: "p")
        #expect(places[made.number]?.place == step.place)
        #expect(
            try await outbox.store.watched(trigger: made.number) == [7: crossed, 8: WatchState(.pending, since: 1)])
        let health = try await outbox.store.health(made, now: outbox.now)["watch"]
        #expect(health?["ready"] == true && health?["beyond"] == 1 && health?["pending"] == 1 && health?["value"] == 12)
        step.place.lookedAt = Timestamp(microseconds: outbox.now.microseconds + 1)
        step.entries = [.init(person: 7, identity: "ann", state: nil, news: .recovered)]
        #expect(try await Self.watch(step, outbox))
        #expect(try await outbox.claim(endpoint).map(\.message.type) == ["trigger.recovered"])
        #expect(try await outbox.store.watched(trigger: made.number).keys.sorted() == [8])
    }

    @Test("What was written back of a person counts in what is watched of them, and is erased with them")
    func writtenBack() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        let made = try await Self.trigger(outbox, #"{"segment":"s"}"#, endpoint.id)
        func take(_ who: String, _ depth: Int) async throws {
            let live = try await outbox.store.live()
            var work = TriggerWork(triggers: try #require(live.triggers["p"]))
            var item = TriggerItem(
                kind: .set, seq: 6, identity: who, at: outbox.now, receivedAt: outbox.now,
                properties: Array(#"{"plan":"pro","$trigger_depth":\#(depth)}"#.utf8))
            if item.match(work.triggers.rules) { work.items = [item] }
            var ledger = LedgerWork()
            ledger.batches = [
                OutboxBatch(project: "p", change: live.change, messages: [], checkpoint: 6, triggers: work)
            ]
            #expect(try await outbox.store.cycle(ledger, now: outbox.now).written == [true])
        }
        func cross(_ who: String) async throws -> [Int64] {
            var step = Self.step(made, outbox)
            step.entries = [
                .init(person: 7, identity: who, state: WatchState(.crossed, since: 1), news: .crossed)
            ]
            #expect(try await Self.watch(step, outbox))
            return try await outbox.claim(endpoint).map(\.message.depth)
        }
        try await take("ann", 2)
        try await take("bob", 3)
        #expect(try await cross("ann") == [3])
        #expect(try await cross("bob") == [])
        #expect(try await outbox.store.health(made, now: outbox.now)["counts"]?["looped"] == 1)
        _ = try await outbox.store.eraseTriggers(identities: ["bob"], seqs: [], project: "p", now: outbox.now)
        let left = try await outbox.store.read { db in
            try String.fetchAll(db, sql: "SELECT identity FROM trigger_depths")
        }
        #expect(left == ["ann"])
    }

    @Test("An error is seen in the health until something is seen again")
    func error() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        let made = try await Self.trigger(outbox, #"{"segment":"seg_1"}"#, endpoint.id)
        let live = try await outbox.store.live()
        let rule = try #require(live.triggers["p"]?.rules.rules.first)
        try await outbox.store.noteWatch(of: rule, error: "there is no segment", now: outbox.now)
        var health = try await outbox.store.health(made, now: outbox.now)["watch"]
        #expect(health?["error"] == "there is no segment" && health?["ready"] == false)
        #expect(try await Self.watch(Self.step(made, outbox), outbox))
        health = try await outbox.store.health(made, now: outbox.now)["watch"]
        #expect(health?["error"] == .null && health?["ready"] == true)
    }

    @Test("An erased person's rows go, and the watcher is told that they did")
    func erased() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        let made = try await Self.trigger(outbox, #"{"segment":"seg_1","on":"left"}"#, endpoint.id)
        var step = Self.step(made, outbox)
        let state = WatchState(.crossed, since: 1)
        step.entries = [
            .init(person: 7, identity: "ann", state: state), .init(person: 8, identity: "bob", state: state),
        ]
        #expect(try await Self.watch(step, outbox))
        let before = try await outbox.store.live().change
        #expect(
            try await outbox.store.eraseTriggers(identities: ["ann"], seqs: [], project: "p", now: outbox.now).isGone)
        #expect(try await outbox.store.watched(trigger: made.number).keys.sorted() == [8])
        #expect(try await outbox.store.watchPlaces(project: "p")[made.number]?.generation == 1)
        #expect(try await outbox.store.live().change > before)
    }

    @Test("Another version, and enabling again, begin anew from what is durable then")
    func anew() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        let made = try await Self.trigger(outbox, #"{"segment":"seg_1"}"#, endpoint.id)
        let old = Self.step(made, outbox)
        let changed = try await outbox.store.update(
            made.id, name: nil, when: ["segment": "seg_2"], actions: nil, open: .pin, project: "p", by: "k",
            now: outbox.now, durable: { 9 })
        #expect(changed.version == 2 && changed.sinceSeq == 9)
        #expect(try await Self.watch(old, outbox))
        #expect(try await outbox.store.watchPlaces(project: "p").isEmpty, "it is of a rule that is no more")
        #expect(try await Self.watch(Self.step(changed, outbox), outbox))
        for state in [TriggerRule.State.disabled, .enabled] {
            _ = try await outbox.store.update(
                made.id, name: nil, when: nil, actions: nil, open: .pin, state: state, project: "p", by: "k",
                now: outbox.now, durable: { 9 })
        }
        #expect(try await outbox.store.watchPlaces(project: "p").isEmpty)
    }
}
