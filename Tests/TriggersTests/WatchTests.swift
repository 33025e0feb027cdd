import Model
import Testing

@testable import Triggers

@Suite("Segments, columns and reports, as their watchers tell the engine")
struct WatchTests {
    /// A column or a number whose value somebody looks at.
    private final class Watched {
        let bench: Bench
        let threshold: Threshold
        private var kept: WatchState?
        private var at = 0.0

        init(_ text: String) throws {
            bench = try Bench(text)
            guard case .watched(let watch) = bench.rules.rules[0].when else { throw TriggerError(at: "when", "else") }
            switch watch {
            case .column(_, let threshold): self.threshold = threshold
            case .report(let report): threshold = report.threshold
            case .segment: throw TriggerError(at: "when", "a segment")
            }
        }

        func look(_ values: Double?..., at time: Double? = nil, isFirst: Bool = false) throws {
            for value in values {
                at = time ?? at + 1
                var place = WatchPlace(version: 1, since: 0)
                place.lookedAt = Bench.time(at)
                var step = WatchStep(rule: 1, place: place)
                let next = WatchState.next(
                    kept, threshold.reading(value), now: place.lookedAt.microseconds, hold: threshold.hold,
                    isFirst: isFirst)
                var entry = WatchStep.Entry(person: 7, identity: "ann", state: next.state, news: next.news)
                entry.new = value.map { .number("\($0)") } ?? .null
                step.entries = [entry]
                try bench.advance(to: at)
                try bench.engine.watch(step)
                kept = next.state
            }
        }

        var types: [String] { bench.storage.firings.map(\.type) }
    }

    @Test("19: a value that hovers about the bound is told once, with hysteresis")
    func hover() throws {
        let watched = try Watched(#"{"column":"score","below":50,"recover_at":55,"recovered":true}"#)
        try watched.look(60, 50, 50.1, 50, 49.9, 50, 50.1, 49.9, 54.9, 49.9, 50)
        #expect(watched.types == ["trigger.fired"])
        let firing = watched.bench.storage.firings[0]
        #expect(firing.change?["new"] == .number("49.9"))
        #expect(firing.change?["below"] == 50 && firing.change?["recover_at"] == 55)
        #expect(firing.identity == "ann" && firing.person == 7)
        try watched.look(55)
        #expect(watched.types == ["trigger.fired", "trigger.recovered"])
        let back = watched.bench.storage.firings[1]
        #expect(back.instance == firing.instance && back.message != firing.message)
        try watched.look(49)
        #expect(watched.types.count == 3 && watched.bench.storage.firings[2].instance != firing.instance)
    }

    @Test("The bound itself is not beyond it; a drop of so many percent is")
    func bounds() throws {
        for (text, values, count) in [
            (#"{"column":"c","below":40}"#, [40.0, 39.999, 40, 39], 2), (#"{"column":"c","above":40}"#, [40, 41], 1),
            (#"{"report":{},"drop_percent":20}"#, [19.9, 20, 25, 19], 1),
        ] {
            let watched = try Watched(text)
            for value in values { try watched.look(value) }
            #expect(watched.types == Array(repeating: "trigger.fired", count: count), "\(text)")
        }
    }

    @Test("Who begins beyond the bound has not crossed it, and nothing is told of their coming back")
    func first() throws {
        let watched = try Watched(#"{"column":"score","below":40,"recovered":true}"#)
        try watched.look(10, isFirst: true)
        try watched.look(10, 50)
        #expect(watched.types == [])
        try watched.look(30)
        #expect(watched.types == ["trigger.fired"])
    }

    @Test("For so long: what is back before is not told; without a value nothing is")
    func hold() throws {
        let watched = try Watched(#"{"column":"score","below":40,"for":"10m"}"#)
        try watched.look(30, at: 0)
        try watched.look(41, at: 599)
        try watched.look(30, at: 600)
        try watched.look(nil, at: 700)
        try watched.look(30, at: 800)
        try watched.look(30, at: 1_399)
        #expect(watched.types == [])
        try watched.look(30, at: 1_400)
        #expect(watched.types == ["trigger.fired"])
        try watched.look(nil, at: 1_500)
        try watched.look(30, at: 1_600)
        #expect(watched.types.count == 1)
    }

    @Test("Within a cooldown nothing is told, and nothing of its end")
    func cooldown() throws {
        let watched = try Watched(#"{"column":"score","below":40,"cooldown":"1h","recovered":true}"#)
        try watched.look(30, 50, 30, 50)
        #expect(watched.types == ["trigger.fired", "trigger.recovered"])
        #expect(watched.bench.storage.counts[.ignored] == 1)
    }

    @Test(
        "Segments: entered and left, each its own; one who was merged is the same person",
        arguments: ["entered", "left"])
    func segment(on: String) throws {
        let bench = try Bench(#"{"segment":"seg_1","on":"\#(on)"}"#)
        var place = WatchPlace(version: 1, since: 0)
        func step(_ at: Double, _ person: Int64, _ state: WatchState?, _ news: WatchNews?) throws {
            place.lookedAt = Bench.time(at)
            var step = WatchStep(rule: 1, place: place)
            step.entries = [WatchStep.Entry(person: person, identity: "u\(person)", state: state, news: news)]
            try bench.engine.watch(step)
        }
        let inside = WatchState(.crossed, since: 0)
        try step(1, 1, inside, .crossed)
        try step(2, 2, inside, .crossed)
        var moved = WatchStep(rule: 1, place: place)
        moved.moves = [(from: 2, to: 3, identity: "u3")]
        try bench.engine.watch(moved)
        #expect(bench.storage.watched(rule: 1, person: 2) == nil)
        #expect(bench.storage.watched(rule: 1, person: 3)?.identity == "u3")
        try step(3, 3, nil, .recovered)
        #expect(bench.storage.firings.map(\.identity) == (on == "entered" ? ["u1", "u2"] : ["u3"]))
        #expect(bench.storage.firings.allSatisfy { $0.type == "trigger.fired" && $0.change?["segment"] == "seg_1" })
    }

    @Test("What was seen by another version, or before the rule was enabled again, does nothing")
    func stale() throws {
        for rule in [
            try Bench.rule(#"{"segment":"s"}"#, version: 2), try Bench.rule(#"{"segment":"s"}"#, since: 5),
            try Bench.rule(#"{"segment":"s"}"#, state: .disabled), try Bench.rule(#"{"event":"A"}"#),
        ] {
            let bench = Bench(rules: TriggerRules([rule]))
            var step = WatchStep(rule: 1, place: WatchPlace(version: 1, since: 0))
            step.entries = [
                WatchStep.Entry(person: 1, identity: "ann", state: WatchState(.crossed, since: 0), news: .crossed)
            ]
            try bench.engine.watch(step)
            #expect(bench.storage.firings.isEmpty && bench.storage.places.isEmpty)
        }
    }

    @Test("A report that was looked at by a clock which was put back since is looked at again")
    func putBack() throws {
        let watch = ReportWatch(
            report: .null, value: "a", threshold: Threshold(.above, 1), every: 100, against: nil, leastBase: 0)
        func isDue(_ lookedAt: Int64, _ now: Int64) -> Bool {
            watch.isDue(lookedAt: Timestamp(microseconds: lookedAt), now: Timestamp(microseconds: now))
        }
        #expect(!isDue(1_000, 1_099) && isDue(1_000, 1_100) && isDue(90_000, 1_000))
    }
}
