import Model
import Testing

@testable import Triggers

/// The numbers are those of the acceptance tests in the specification of triggers.
@Suite("A and not B within a length of time")
struct AbsenceTests {
    static let cart = #"{"event":"A","absent":{"event":"B","within":"30m"}}"#

    @Test("1: B a millisecond before the deadline: nothing; 2: B at the deadline: it fires")
    func deadline() throws {
        for (at, fires) in [(1_799.999, false), (1_800.0, true), (1_800.001, true)] {
            let bench = try Bench(Self.cart)
            try bench.event("A", at: 0)
            // Heard of before the timer runs: the time at which it happened counts.
            try bench.event("B", at: at, received: 1_799)
            try bench.advance(to: 4_000)
            #expect(bench.fired == (fires ? ["e1"] : []), "B at \(at)")
        }
    }

    @Test("3: B came before A and happened after it: nothing")
    func arrivesFirst() throws {
        let bench = try Bench(Self.cart)
        try bench.event("B", at: 10, received: 20)
        try bench.event("A", at: 5, received: 21)
        try bench.advance(to: 4_000)
        #expect(bench.fired == [] && bench.states == ["satisfied_at_arm"])
        // One that happened before A cancels nothing.
        let other = try Bench(Self.cart)
        try other.event("B", at: 5)
        try other.event("A", at: 10)
        try other.advance(to: 4_000)
        #expect(other.fired == ["e2"])
    }

    @Test("A start whose predecessor's window is over counts, though that still waits for what comes late")
    func windowsOfFirstOpen() throws {
        let bench = try Bench(
            #"{"event":"A","absent":{"event":"B","within":"10s"},"reentry":"first_open","grace":"100s"}"#)
        for at in [0.0, 5, 12] { try bench.event("A", at: at) }
        try bench.advance(to: 4_000)
        #expect(bench.fired == ["e1", "e3"])
    }

    @Test("A start that the cooldown let go ends nothing")
    func restartInCooldown() throws {
        let bench = try Bench(
            #"{"event":"A","absent":{"event":"B","within":"30m"},"correlate":"properties.c","cooldown":"5m"}"#)
        try bench.event("A", at: 0, #"{"c":1}"#)
        try bench.event("A", at: 1_700, #"{"c":2}"#)
        // Cart 1 has fired at 1800.
        try bench.event("A", at: 1_900, #"{"c":2}"#)
        try bench.advance(to: 10_000)
        #expect(bench.fired == ["e1", "e2"])
    }

    @Test("At one moment the order of coming decides")
    func sameMoment() throws {
        let bench = try Bench(Self.cart)
        try bench.event("B", at: 5)
        try bench.event("A", at: 5)
        try bench.advance(to: 4_000)
        #expect(bench.fired == ["e2"])
        let other = try Bench(Self.cart)
        try other.event("A", at: 5)
        try other.event("B", at: 5)
        try other.advance(to: 4_000)
        #expect(other.fired == [])
    }

    @Test("4: B comes within the grace: nothing; 5: after it: it has fired, is contradicted, and taken back")
    func grace() throws {
        let rule = #"{"event":"A","absent":{"event":"B","within":"30m"},"grace":"60s","retract":true}"#
        for (received, fired, types) in [
            (1_830.0, [] as [String], [] as [String]), (1_861, ["e1"], ["trigger.fired", "trigger.retracted"]),
        ] {
            let bench = try Bench(rule)
            try bench.event("A", at: 0)
            try bench.event("B", at: 1_799, received: received)
            try bench.advance(to: 4_000)
            #expect(bench.fired == fired && bench.storage.firings.map(\.type) == types)
            #expect(Set(bench.storage.firings.map(\.instance)).count == fired.count)
            #expect(Set(bench.storage.firings.map(\.message)).count == types.count)
        }
    }

    @Test("10: A, A under restart: one firing, after the last")
    func restart() throws {
        let bench = try Bench(Self.cart)
        try bench.event("A", at: 0)
        try bench.event("A", at: 600)
        // One that is older comes late and moves nothing.
        try bench.event("A", at: 300, received: 700)
        try bench.advance(to: 2_399)
        #expect(bench.fired == [])
        try bench.advance(to: 2_400)
        #expect(bench.fired == ["e2"] && bench.storage.firings[0].firedAt == Bench.time(2_400))
        #expect(bench.states == ["superseded", "fired", "superseded"])
    }

    @Test("11: two carts, B for one: one firing; what has no cart is a cart of its own")
    func correlation() throws {
        let bench = try Bench(
            #"{"event":"A","absent":{"event":"B","within":"30m"},"correlate":"properties.cart_id"}"#)
        try bench.event("A", at: 0, #"{"cart_id":1}"#)
        try bench.event("A", at: 1, #"{"cart_id":2}"#)
        try bench.event("A", at: 2)
        try bench.event("B", at: 3, #"{"cart_id":1}"#)
        try bench.advance(to: 4_000)
        #expect(bench.fired == ["e2", "e3"])
        #expect(bench.storage.counts[.uncorrelated] == 1)
    }

    @Test("12: B under the other identity, tied before or after: nothing")
    func merge() throws {
        let bench = try Bench(Self.cart)
        try bench.event("A", of: "cookie", at: 0)
        try bench.event("B", of: "ann", at: 10)
        try bench.alias("ann", "cookie", at: 20)
        try bench.advance(to: 4_000)
        #expect(bench.fired == [] && bench.states == ["cancelled"])
        let after = try Bench(Self.cart)
        try after.alias("ann", "cookie", at: 0)
        try after.event("A", of: "cookie", at: 1)
        try after.event("B", of: "ann", at: 10)
        try after.advance(to: 4_000)
        #expect(after.fired == [])
    }

    @Test("A tie that is undone parts what is waited for, too")
    func untied() throws {
        let bench = try Bench(Self.cart)
        try bench.alias("ann", "cookie", at: 0)
        try bench.alias("cookie", "phone", at: 0)
        try bench.event("A", of: "cookie", at: 1)
        try bench.take(.undo(other: "cookie"), of: "ann", at: 2)
        try bench.event("B", of: "ann", at: 3)
        try bench.advance(to: 4_000)
        #expect(bench.fired == ["e3"])
        try bench.event("A", of: "cookie", at: 4_000)
        try bench.event("B", of: "phone", at: 4_001)
        try bench.advance(to: 9_000)
        #expect(bench.fired == ["e3"])
    }

    @Test("13: what is imported or long ago starts nothing; what is imported ends")
    func imports() throws {
        let bench = try Bench(Self.cart)
        try bench.take(.event, "A", at: -86_400, received: 0, isImport: true)
        try bench.event("A", of: "bob", at: -7_200, received: 0)
        try bench.event("A", of: "eve", at: 1)
        try bench.take(.event, "B", of: "eve", at: 5, isImport: true)
        try bench.advance(to: 4_000)
        #expect(bench.fired == [] && bench.states == ["cancelled"])
        #expect(bench.storage.counts[.historical] == 2)
    }

    @Test("A that comes after its own deadline is decided at once")
    func lateStart() throws {
        let bench = try Bench(Self.cart)
        try bench.event("A", at: -2_000, received: 0)
        try bench.event("A", of: "bob", at: -2_000, received: 1)
        try bench.advance(to: 1)
        #expect(bench.fired == ["e1", "e2"])
    }

    @Test("Each start waits by itself, up to 25 of one person")
    func each() throws {
        let bench = try Bench(#"{"event":"A","absent":{"event":"B","within":"30m"},"reentry":"each"}"#)
        for n in 0..<30 { try bench.event("A", at: Double(n)) }
        try bench.advance(to: 4_000)
        #expect(bench.fired.count == 25 && bench.storage.counts[.overflow] == 5)
    }

    @Test("The first that is open, once ever, and a cooldown")
    func reentry() throws {
        let first = try Bench(#"{"event":"A","absent":{"event":"B","within":"10s"},"reentry":"first_open"}"#)
        for at in [0.0, 5, 12, 30] { try first.event("A", at: at) }
        try first.advance(to: 100)
        #expect(first.fired == ["e1", "e3", "e4"])
        let once = try Bench(#"{"event":"A","absent":{"event":"B","within":"10s"},"reentry":"once_ever"}"#)
        for at in [0.0, 5, 12, 30] { try once.event("A", at: at) }
        try once.advance(to: 100)
        #expect(once.fired == ["e1"])
        let cooled = try Bench(#"{"event":"A","absent":{"event":"B","within":"10s"},"cooldown":"1h"}"#)
        for at in [0.0, 30, 3_700] { try cooled.event("A", at: at) }
        try cooled.advance(to: 9_000)
        #expect(cooled.fired == ["e1", "e3"])
    }

    @Test("16: the same timer twice fires once; a clock that goes back an hour fires nothing again")
    func clockBack() throws {
        let bench = try Bench(Self.cart)
        try bench.event("A", at: 0)
        try bench.advance(to: 1_800)
        let engine = TriggerEngine(bench.rules, bench.storage, now: Bench.time(-3_600))
        try engine.fireDue(until: Bench.time(10_000), limit: 100)
        #expect(bench.fired == ["e1"])
    }

    @Test("A held trigger keeps what comes due; a disabled one drops it")
    func paused() throws {
        for (state, expected) in [(TriggerRule.State.held, "held"), (.disabled, "cancelled")] {
            let bench = try Bench(Self.cart)
            try bench.event("A", at: 0)
            let rules = TriggerRules([try Bench.rule(Self.cart, state: state)])
            let engine = TriggerEngine(rules, bench.storage, now: Bench.time(1_800))
            try engine.fireDue(until: Bench.time(1_800), limit: 10)
            #expect(bench.states == [expected] && bench.fired == [])
        }
    }

    @Test("18: every order of coming within the grace gives the same firings", arguments: ["restart", "each"])
    func permuted(reentry: String) throws {
        let rule =
            #"{"event":"A","absent":{"event":"B","within":"10s"},"correlate":"properties.c","grace":"100s","reentry":""#
            + reentry + #""}"#
        for seed in 1...60 {
            var random = SplitMix(state: UInt64(seed))
            let events = (0..<10).map { place in
                (
                    id: place, name: random.next() % 3 == 0 ? "B" : "A", of: random.next() % 2 == 0 ? "ann" : "bob",
                    at: Double(random.next() % 300) / 10 + Double(place) / 1_000,
                    properties: #"{"c":\#(random.next() % 2),"n":\#(place)}"#
                )
            }
            var expected: Set<String>?
            for turn in 0..<6 {
                let order = turn == 0 ? events.sorted { $0.at < $1.at } : events.shuffled(using: &random)
                let bench = try Bench(rule)
                for (place, event) in order.enumerated() {
                    try bench.event(
                        event.name, of: event.of, at: event.at, received: 40 + Double(place), event.properties)
                }
                try bench.advance(to: 1_000)
                let fired = Set(
                    bench.storage.firings.map { firing in
                        String(decoding: firing.event ?? [], as: UTF8.self).split(separator: "\"n\":").last.map(
                            String.init) ?? ""
                    })
                if let expected { #expect(fired == expected, "seed \(seed)") } else { expected = fired }
            }
        }
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
