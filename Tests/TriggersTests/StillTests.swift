import Model
import Testing

@testable import Triggers

@Suite("What must still be so when a wait comes due")
struct StillTests {
    private static let rule =
        #"{"event":"A","absent":{"event":"B","within":"30m"},"still":{"person":"plan","is":"free"}}"#

    @Test("Where it holds it fires, where it does not it is cancelled, and what was not asked waits on")
    func answers() throws {
        let bench = try Bench(Self.rule)
        for who in ["ann", "bob", "eve", "zoe"] { try bench.event("A", of: who, at: 0) }
        let due = Bench.time(1_800)
        let engine = TriggerEngine(bench.rules, bench.storage, now: due)
        #expect(try engine.fireDue(until: due, limit: 10) == 0)
        try engine.fireAsked([0: .holds, 1: .fails, 2: .senseless("it is gone")], until: due)
        #expect(bench.fired == ["e1"] && bench.states == ["fired", "cancelled", "cancelled", "armed"])
        #expect(bench.storage.counts[.cancelled] == 2 && bench.storage.counts[.dropped] == 1)
        let why = bench.storage.instances.map { bench.rules.rules[0].whyNot(events: [], instances: [$0]) }
        #expect(why[1] == #"when it came due, "still" does not hold of the person"#)
        #expect(why[2] == #"when it came due, "still" cannot be asked: it is gone"#)
        try engine.fireAsked([3: .holds], until: due)
        #expect(bench.fired == ["e1", "e4"])
    }

    @Test("What came meanwhile ends it, whatever is so")
    func cancelled() throws {
        let bench = try Bench(Self.rule)
        try bench.event("A", at: 0)
        try bench.event("B", at: 5)
        try TriggerEngine(bench.rules, bench.storage, now: Bench.time(1_800)).fireAsked(
            [0: .holds], until: Bench.time(1_800))
        #expect(bench.fired == [] && bench.states == ["cancelled"])
    }

    @Test("It goes with an absence alone, and is a condition")
    func refused() throws {
        for (text, path) in [
            (#"{"event":"A","still":{"person":"plan","is":"free"}}"#, "when"),
            (#"{"event":"A","absent":{"event":"B","within":"5m"},"still":"free"}"#, "when.still"),
        ] {
            let error = #expect(throws: TriggerError.self) { _ = try TriggerWhen.read(try JSONValue(text: text)) }
            #expect(error?.path == path)
        }
    }
}

@Suite("A trigger that fires too often is held")
struct CapTests {
    @Test("So many within a length of time; waits stay until it is enabled")
    func capped() throws {
        let bench = try Bench(
            #"{"event":"A","at_most":{"count":2,"within":"10m"}}"#,
            #"{"event":"C","absent":{"event":"B","within":"1m"},"reentry":"each","at_most":{"count":1,"within":"1m"}}"#)
        for at in [0.0, 300, 700, 800, 810] { try bench.event("A", at: at) }
        // By then the first is of more than ten minutes ago.
        #expect(bench.fired == ["e1", "e2", "e3"] && bench.storage.counts[.dropped] == 2)
        let minute = Bench.time(810).microseconds / 60_000_000
        #expect(bench.storage.fired(rule: 1, sinceMinute: 0, toMinute: minute) == 3)
        #expect(bench.storage.fired(rule: 1, sinceMinute: 0, toMinute: minute - 10) == 1)
        #expect(bench.storage.held == [1: "it would have fired more than 2 times within 10m"])
        for _ in 0..<3 { try bench.event("C", at: 900) }
        try bench.advance(to: 1_000)
        #expect(bench.states == ["fired", "held", "held"] && bench.storage.held.count == 2)
    }

    @Test("Of what is watched, too")
    func watched() throws {
        let bench = try Bench(#"{"segment":"s","at_most":{"count":1,"within":"1h"}}"#)
        for at in 0..<3 { try WatchLoopTests.cross(bench, at: Double(at)) }
        #expect(bench.storage.firings.count == 1 && bench.storage.held[1] != nil)
    }
}

@Suite("What is watched and what is written back because of it")
struct WatchLoopTests {
    static func cross(
        _ bench: Bench, at: Double, identity: String = "ann", _ news: WatchNews = .crossed
    ) throws {
        var place = WatchPlace(version: 1, since: 0)
        place.lookedAt = Bench.time(at)
        var step = WatchStep(rule: 1, place: place)
        let state = news == .crossed ? WatchState(.crossed, since: 0) : nil
        let entry = WatchStep.Entry(person: 7, identity: identity, state: state, news: news)
        step.entries = [entry]
        try bench.engine.watch(step)
    }

    private static func writeBack(_ bench: Bench, _ depth: Int, of identity: String = "ann", at: Double) throws {
        try bench.take(.set, of: identity, at: at, #"{"plan":"pro","$trigger_depth":\#(depth)}"#)
    }

    @Test("A crossing a moment after something was written back counts as caused by it, and the third is the last")
    func depth() throws {
        let bench = try Bench(#"{"segment":"s"}"#)
        try Self.cross(bench, at: 0)
        try Self.writeBack(bench, 1, at: 1)
        try Self.cross(bench, at: 60)
        try Self.writeBack(bench, 2, at: 61)
        try Self.cross(bench, at: 62)
        try Self.writeBack(bench, 3, at: 63)
        try Self.cross(bench, at: 64)
        #expect(bench.storage.firings.map(\.depth) == [1, 2, 3] && bench.storage.counts[.looped] == 1)
        // Later it is no longer taken for the cause, nor of anybody else.
        try Self.cross(bench, at: 65, identity: "bob")
        try Self.cross(bench, at: 63 + 121)
        #expect(bench.storage.firings.map(\.depth) == [1, 2, 3, 1, 1])
    }

    @Test("What is written back when a value is back counts as well, so that back and forth ends")
    func recovered() throws {
        let bench = try Bench(#"{"column":"score","above":5,"recovered":true}"#)
        for turn in 0..<6 {
            try Self.cross(bench, at: Double(turn * 4))
            let crossed = bench.storage.firings.last?.depth ?? 0
            try Self.writeBack(bench, Int(crossed), at: Double(turn * 4 + 1))
            try Self.cross(bench, at: Double(turn * 4 + 2), .recovered)
            let recovered = bench.storage.firings.last?.depth ?? 0
            try Self.writeBack(bench, Int(recovered), at: Double(turn * 4 + 3))
        }
        #expect(
            bench.storage.firings.map(\.type) == [
                "trigger.fired", "trigger.recovered", "trigger.fired", "trigger.recovered",
            ])
        #expect(bench.storage.firings.map(\.depth) == [1, 2, 3, 4] && bench.storage.counts[.looped] == 4)
    }

    @Test("What is less does not hide what was written back a moment before")
    func greatest() throws {
        let bench = try Bench(#"{"segment":"s"}"#)
        try Self.writeBack(bench, 3, at: 0)
        try Self.writeBack(bench, 1, at: 1)
        try Self.cross(bench, at: 2)
        #expect(bench.storage.firings.isEmpty && bench.storage.counts[.looped] == 1)
    }

    @Test("It is the person's, whatever identity it was written back of")
    func tied() throws {
        let bench = try Bench(#"{"column":"score","above":5}"#)
        try Self.writeBack(bench, 3, of: "cookie", at: 0)
        try bench.alias("cookie", "ann", at: 1)
        try Self.cross(bench, at: 2)
        #expect(bench.storage.firings.isEmpty && bench.storage.counts[.looped] == 1)
    }

    @Test("Where nothing is watched, what is written back is no item of anybody's")
    func unwatched() throws {
        let rules = try Bench(#"{"event":"A"}"#).rules
        var item = TriggerItem(
            kind: .set, seq: 1, identity: "ann", at: .earliest, receivedAt: .earliest,
            properties: Array(#"{"plan":"pro","$trigger_depth":1}"#.utf8))
        let isWanted = item.match(rules)
        #expect(!isWanted && item.depth == 1)
    }
}
