import Model
import Testing

@testable import Triggers

@Suite("Events in their order, and perhaps not another after them")
struct SequenceTests {
    private static let three =
        #"{"sequence":[{"event":"A"},{"event":"B","within":"10s"},{"event":"C","within":"20s"}]}"#
    private static let open =
        #"{"sequence":[{"event":"A"},{"event":"B","within":"10s"}],"absent":{"event":"C","within":"30s"}}"#

    private static func run(
        _ rule: String, _ events: [(name: String, at: Double)], received: Double? = nil
    ) throws -> Bench {
        let bench = try Bench(rule)
        for event in events { try bench.event(event.name, at: event.at, received: received) }
        try bench.advance(to: 10_000)
        return bench
    }

    @Test func allOfThemInOrderFire() throws {
        #expect(try Self.run(Self.three, [("A", 0), ("B", 5), ("C", 20)]).fired == ["e3"])
        // With others between, and more than once.
        #expect(try Self.run(Self.three, [("A", 0), ("C", 1), ("B", 5), ("X", 6), ("C", 20)]).fired == ["e5"])
        #expect(try Self.run(Self.three, [("A", 0), ("B", 5), ("C", 6), ("C", 7)]).fired == ["e3", "e4"])
    }

    @Test func whatIsMissingOrInAnotherOrderDoesNot() throws {
        for names in ["AC", "BC", "C", "ACB", "BAC", "CBA"] {
            let events = names.enumerated().map { (name: String($1), at: Double($0)) }
            #expect(try Self.run(Self.three, events).fired == [], "\(names)")
        }
    }

    @Test("Windows are half-open, each from the step before")
    func windows() throws {
        for (b, c, fires) in [
            (9.999, 29.998, true), (10, 12, false), (9, 29, false), (9, 28.999, true), (0, 0, true),
        ] {
            #expect(
                try Self.run(Self.three, [("A", 0), ("B", b), ("C", c)]).fired == (fires ? ["e3"] : []), "\(b), \(c)")
        }
        // The first A is too long ago, the second is not; and the first B.
        #expect(try Self.run(Self.three, [("A", 0), ("A", 8), ("B", 15), ("C", 16)]).fired == ["e4"])
        #expect(try Self.run(Self.three, [("A", 0), ("B", 1), ("B", 15), ("C", 20.9)]).fired == ["e4"])
    }

    @Test("One event is one step, even if it is like two")
    func sameName() throws {
        let rule = #"{"sequence":[{"event":"A"},{"event":"A","within":"10s"}]}"#
        #expect(try Self.run(rule, [("A", 0)]).fired == [])
        #expect(try Self.run(rule, [("A", 0), ("A", 3), ("A", 13)]).fired == ["e2"])
    }

    @Test func whatComesLateCountsWithinTheGrace() throws {
        let late = [(name: "C", at: 20.0), ("B", 5), ("A", 0)]
        #expect(try Self.run(Self.three, late, received: 30).fired == [])
        let patient = Self.three.dropLast() + #","grace":"60s"}"#
        #expect(try Self.run(String(patient), late, received: 30).fired == ["e1"])
        let bench = try Self.run(String(patient), [("C", 20)], received: 30)
        #expect(bench.fired == [] && bench.states == ["cancelled"])
        #expect(bench.storage.instances[0].endedBy == SequenceChain.missing)
    }

    @Test("Every order of arrival within the grace gives the same firings", arguments: 0..<40)
    func anyOrder(seed: Int) throws {
        var random = SplitMix(state: UInt64(seed))
        let rule = String(Self.three.dropLast() + #","grace":"100s"}"#)
        // No two of one moment, at which the order of coming decides.
        let events = (0..<10).map { place in
            (name: ["A", "B", "C"][Int(random.next() % 3)], at: Double(random.next() % 60) + Double(place) / 1_000)
        }
        var found: Set<[Double]> = []
        for _ in 0..<6 {
            let order = events.shuffled(using: &random)
            let bench = try Self.run(rule, order, received: 60)
            found.insert(
                bench.storage.firings.compactMap { firing in Int(firing.eventID.dropFirst()).map { order[$0 - 1].at } }
                    .sorted())
        }
        #expect(found.count == 1, "\(events)")
    }

    @Test func aPersonsOwnAndTheSameCorrelation() throws {
        let bench = try Bench(String(Self.open.dropLast() + #","correlate":"properties.cart"}"#))
        try bench.event("A", of: "ann", at: 0, #"{"cart":1}"#)
        try bench.event("B", of: "bob", at: 1, #"{"cart":1}"#)
        try bench.event("B", of: "ann", at: 2, #"{"cart":2}"#)
        try bench.event("B", of: "ann", at: 3, #"{"cart":1}"#)
        try bench.advance(to: 100)
        #expect(bench.fired == ["e4"])
        // Who is tied to another has done what the other did.
        let tied = try Bench(Self.open)
        try tied.event("A", of: "device", at: 0)
        try tied.alias("device", "ann", at: 1)
        try tied.event("B", of: "ann", at: 2)
        try tied.advance(to: 100)
        #expect(tied.fired == ["e3"])
    }

    @Test func whatMustNotFollowCancels() throws {
        #expect(try Self.run(Self.open, [("A", 0), ("B", 5)]).fired == ["e2"])
        let bench = try Self.run(Self.open, [("A", 0), ("B", 5), ("C", 34)])
        #expect(bench.fired == [] && bench.states == ["cancelled"])
        #expect(try Self.run(Self.open, [("A", 0), ("B", 5), ("C", 35)]).fired == ["e2"])
        // A last step that no other led to does not take the place of one that is waited for.
        #expect(try Self.run(Self.open, [("A", 0), ("B", 5), ("B", 20)]).fired == ["e2"])
        #expect(try Self.run(Self.open, [("A", 0), ("B", 5), ("A", 18), ("B", 20)]).fired == ["e4"])
        let once = String(Self.open.dropLast() + #","reentry":"once_ever"}"#)
        #expect(try Self.run(once, [("A", 0), ("B", 5), ("A", 100), ("B", 105)]).fired == ["e2"])
    }

    @Test func anImportLeadsToNothingByItselfButIsAStep() throws {
        let bench = try Bench(Self.open)
        try bench.take(.event, "A", at: 0, isImport: true)
        try bench.event("B", at: 5)
        try bench.take(.event, "A", at: 50, isImport: true)
        try bench.take(.event, "B", at: 55, isImport: true)
        try bench.advance(to: 1_000)
        #expect(bench.fired == ["e2"])
    }

    @Test(
        "A refusal names the node",
        arguments: [
            (#"{"sequence":[{"event":"A"}]}"#, "when.sequence"),
            (#"{"sequence":[{"event":"A"},{"event":"B"}]}"#, "when.sequence[1].within"),
            (#"{"sequence":[{"event":"A","within":"1h"},{"event":"B","within":"1h"}]}"#, "when.sequence[0]"),
            (#"{"sequence":[{"event":"A"},{"within":"1h"}]}"#, "when.sequence[1].event"),
            (#"{"sequence":[{"event":"A"},{"event":"B","within":"400d"}]}"#, "when.sequence[1].within"),
            (#"{"sequence":[{"event":"A"},{"event":"B","within":"1h"}],"reentry":"each"}"#, "when.reentry"),
            (#"{"sequence":[{"event":"A"},{"event":"B","within":"1h"}],"event":"C"}"#, "when"),
            (
                #"{"sequence":[{"event":"A"},{"event":"B","within":"1h"}],"absent":{"event":"C","within":"1h"},"reentry":"first_open"}"#,
                "when.reentry"
            ),
        ])
    func refusals(text: String, path: String) throws {
        let error = #expect(throws: TriggerError.self) { try TriggerWhen.read(try JSONValue(text: text)) }
        #expect(error?.path == path)
    }
}
