import EventStore
import Model
import Testing

@testable import Triggers

@Suite("The kinds of triggers")
struct KindTests {
    @Test("An event with a condition")
    func event() throws {
        let bench = try Bench(#"{"event":["A","C"],"where":{"property":"n","gt":5}}"#)
        try bench.event("A", at: 0, #"{"n":5}"#)
        try bench.event("A", at: 1, #"{"n":6}"#)
        try bench.event("C", at: 2, #"{"n":7}"#)
        try bench.event("B", at: 3, #"{"n":7}"#)
        #expect(bench.fired == ["e2", "e3"])
        // The id is made of trigger, version, person, correlation and event.
        #expect(Set(bench.storage.firings.map(\.message)).count == 2)
        #expect(bench.storage.firings.allSatisfy { $0.message.dropFirst(4) == $0.instance.dropFirst(3) })
    }

    @Test("Triggers that cause one another end after three")
    func loop() throws {
        let bench = try Bench(#"{"event":"A"}"#)
        for depth in 0..<5 { try bench.event("A", at: Double(depth), #"{"$trigger_depth":\#(depth),"some":"text"}"#) }
        #expect(bench.fired == ["e1", "e2", "e3"] && bench.storage.firings.map(\.depth) == [1, 2, 3])
        #expect(bench.storage.counts[.looped] == 2)
    }

    @Test("The same where properties are written back")
    func loopOfProperties() throws {
        let bench = try Bench(#"{"property":"n"}"#)
        for depth in 0..<5 {
            try bench.take(.set, at: Double(depth), #"{"n":\#(depth),"$trigger_depth":\#(depth),"some":"text"}"#)
        }
        #expect(bench.storage.firings.map(\.depth) == [1, 2, 3] && bench.storage.counts[.looped] == 2)
    }

    @Test("The third within an hour, by the times of the events; then it begins anew")
    func count() throws {
        let bench = try Bench(#"{"count":{"event":"A","at_least":3,"within":"1h"}}"#)
        for at in [0.0, 100, 3_600] { try bench.event("A", at: at) }
        #expect(bench.fired == [], "the first is an hour before the last, and outside")
        try bench.event("A", at: 3_000, received: 3_601)
        #expect(bench.fired == ["e4"])
        for at in [3_610.0, 3_620] { try bench.event("A", at: at) }
        #expect(bench.fired == ["e4"])
        try bench.event("A", at: 3_630)
        #expect(bench.fired == ["e4", "e7"])
        try bench.event("A", of: "bob", at: 3_640)
        #expect(bench.fired.count == 2)
    }

    @Test("Rearming: every third of the window, and with a cooldown")
    func rearm() throws {
        let every = try Bench(#"{"count":{"event":"A","at_least":3,"within":"1h"},"rearm":"every"}"#)
        for n in 0..<7 { try every.event("A", at: Double(n)) }
        #expect(every.fired == ["e3", "e6"])
        // A steady six in each window: each third of them all the same.
        let steady = try Bench(#"{"count":{"event":"A","at_least":3,"within":"1h"},"rearm":"every"}"#)
        for n in 0..<30 { try steady.event("A", at: Double(n) * 600) }
        #expect(steady.fired == (1...10).map { "e\($0 * 3)" })
        let cooled = try Bench(
            #"{"count":{"event":"A","at_least":2,"within":"1h"},"rearm":"cooldown","cooldown":"1m"}"#)
        for at in [0.0, 1, 2, 62, 63] { try cooled.event("A", at: at) }
        #expect(cooled.fired == ["e2", "e4"])
    }

    @Test("What came before a trigger began ends waits and is known, and starts nothing")
    func beforeItBegan() throws {
        let absence = #"{"event":"A","absent":{"event":"B","within":"30m"}}"#
        let bench = Bench(rules: TriggerRules([try Bench.rule(absence, since: 2)]))
        try bench.event("A", of: "bob", at: 0)
        try bench.event("B", at: 9, received: 10)
        try bench.event("A", at: 5, received: 11)
        try bench.advance(to: 4_000)
        #expect(bench.fired.isEmpty && bench.states == ["satisfied_at_arm"])
        let property = Bench(rules: TriggerRules([try Bench.rule(#"{"property":"plan","to":"pro"}"#, since: 1)]))
        try property.take(.set, at: 0, #"{"plan":"pro"}"#)
        try property.take(.set, at: 1, #"{"plan":"pro"}"#)
        #expect(property.fired.isEmpty)
        try property.take(.set, at: 2, #"{"plan":"free"}"#)
        try property.take(.set, at: 3, #"{"plan":"pro"}"#)
        #expect(property.fired == ["4"])
        let person = Bench(rules: TriggerRules([try Bench.rule(#"{"new_person":true}"#, since: 1)]))
        for who in ["ann", "ann", "bob"] { try person.take(.set, of: who, at: 0, identifies: true) }
        #expect(person.fired == ["3"])
    }

    @Test("A silence of a trigger that is held waits until it is enabled")
    func heldSilence() throws {
        let text = #"{"silence":{"for":"10m"}}"#
        let bench = Bench(rules: TriggerRules([try Bench.rule(text, state: .enabled)]))
        try bench.engine.listen(rule: 1, version: 1)
        let held = TriggerEngine(
            TriggerRules([try Bench.rule(text, state: .held)]), bench.storage, now: Bench.time(600))
        try held.fireDue(until: Bench.time(600), limit: 10)
        #expect(bench.states == ["held"] && bench.storage.firings.isEmpty)
        // Something that comes then moves another one.
        try bench.engine.heard(rule: 1, version: 1, at: Bench.time(700))
        #expect(bench.states == ["held", "armed"])
    }

    @Test("A property's change, by the times of the values")
    func property() throws {
        let bench = try Bench(#"{"property":"plan","to":"pro"}"#)
        try bench.take(.set, at: 0, #"{"plan":"free"}"#)
        try bench.take(.set, at: 1, #"{"plan":"pro","x":1}"#)
        try bench.take(.set, at: 2, #"{"plan":"pro"}"#)
        try bench.take(.set, at: 3, #"{"plan":"free"}"#)
        // Older than what is known.
        try bench.take(.set, at: 1.5, received: 4, #"{"plan":"pro"}"#)
        #expect(bench.fired == ["2"])
        #expect(bench.storage.firings[0].change == ["property": "plan", "old": "free", "new": "pro"])
        // Nobody had a plan: a first value counts.
        try bench.take(.set, of: "bob", at: 5, #"{"plan":"pro"}"#)
        #expect(bench.fired == ["2", "6"])
        // What was so before the trigger was made is no change.
        var prior = TriggerItem.Prior()
        prior.properties = ["plan": "pro"]
        try bench.take(.set, of: "eve", at: 6, #"{"plan":"pro"}"#, prior: prior)
        #expect(bench.fired == ["2", "6"])
    }

    @Test("From one value to another; 1 is 1.0 and not \"1\"")
    func fromTo() throws {
        let bench = try Bench(#"{"property":"n","from":1,"to":2}"#)
        try bench.take(.set, at: 0, #"{"n":1.0}"#)
        try bench.take(.set, at: 1, #"{"n":"2"}"#)
        try bench.take(.set, at: 2, #"{"n":1}"#)
        try bench.take(.set, at: 3, #"{"n":2.0}"#)
        #expect(bench.fired == ["4"])
    }

    @Test("A new person: once, not for who is known, not for two who are")
    func newPerson() throws {
        let bench = try Bench(#"{"new_person":true}"#)
        try bench.event("A", of: "cookie", at: 0)
        try bench.take(.alias(other: "ann", isDerived: true), of: "cookie", at: 1, identifies: true)
        #expect(bench.fired == ["2"])
        try bench.take(.set, of: "ann", at: 2, identifies: true)
        try bench.take(.alias(other: "phone", isDerived: true), of: "ann", at: 3, identifies: true)
        #expect(bench.fired == ["2"])
        try bench.take(.set, of: "bob", at: 4, identifies: true)
        try bench.take(.alias(other: "bob", isDerived: false), of: "ann", at: 5, identifies: true)
        try bench.take(.set, of: "bob", at: 6, identifies: true)
        #expect(bench.fired == ["2", "5"])
        var prior = TriggerItem.Prior()
        prior.isKnown = true
        try bench.take(.set, of: "old", at: 7, identifies: true, prior: prior)
        try bench.take(.set, of: "past", at: 8, isImport: true, identifies: true)
        try bench.take(.set, of: "past", at: 9, identifies: true)
        #expect(bench.fired == ["2", "5"])
    }

    @Test("Silence: once after ten minutes, again only after something came")
    func silence() throws {
        let bench = try Bench(#"{"silence":{"event":"A","for":"10m"}}"#)
        try bench.engine.listen(rule: 1, version: 1)
        for at in [100.0, 200, 300] { try bench.engine.heard(rule: 1, version: 1, at: Bench.time(at)) }
        try bench.advance(to: 899)
        #expect(bench.fired == [])
        try bench.advance(to: 5_000)
        #expect(bench.fired.count == 1 && bench.storage.firings[0].firedAt == Bench.time(900))
        try bench.engine.heard(rule: 1, version: 1, at: Bench.time(5_000))
        try bench.advance(to: 9_000)
        #expect(bench.fired.count == 2)
    }

    @Test(
        "What cannot be is refused, and the node is named",
        arguments: [
            ("{}", "when"), (#"{"event":5}"#, "when.event"), (#"{"event":"A","x":1}"#, "when"),
            (#"{"event":"A","absent":{"event":"B"}}"#, "when.absent.within"),
            (#"{"event":"A","absent":{"within":"5m"}}"#, "when.absent.event"),
            (#"{"event":"A","absent":{"event":"B","within":"soon"}}"#, "when.absent.within"),
            (#"{"event":"A","absent":{"event":"B","within":"5m"},"reentry":"often"}"#, "when.reentry"),
            (#"{"event":"A","absent":{"event":"B","within":"5m"},"correlate":"cart"}"#, "when.correlate"),
            (#"{"count":{"event":"A","at_least":1,"within":"1h"}}"#, "when.count.at_least"),
            (#"{"count":{"event":"A","at_least":2,"within":"1h"},"rearm":"cooldown"}"#, "when.cooldown"),
            (#"{"property":"p","to":[1]}"#, "when.to"), (#"{"silence":{"for":"0s"}}"#, "when.silence.for"),
            (#"{"new_person":false}"#, "when.new_person"), (#"{"event":"A","late":"never"}"#, "when.late"),
            (#"{"segment":5}"#, "when.segment"), (#"{"segment":"s","on":"stayed"}"#, "when.on"),
            (#"{"column":"c"}"#, "when"), (#"{"column":"c","below":"x"}"#, "when.below"),
            (#"{"column":"c","below":1,"above":2}"#, "when"), (#"{"column":"c","drop_percent":2}"#, "when"),
            (#"{"column":"c","below":40,"recover_at":30}"#, "when.recover_at"),
            (#"{"column":"c","above":40,"recover_at":50}"#, "when.recover_at"),
            (#"{"report":1,"below":1}"#, "when.report"), (#"{"report":{},"drop_percent":120}"#, "when.drop_percent"),
            (#"{"report":{},"below":1,"against":"7d"}"#, "when.against"),
            (#"{"report":{},"below":1,"every":"10ms"}"#, "when.every"),
            (#"{"event":"A","at_most":5}"#, "when.at_most"),
            (#"{"event":"A","at_most":{"count":0,"within":"1h"}}"#, "when.at_most.count"),
            (#"{"segment":"s","at_most":{"count":5,"within":"90s"}}"#, "when.at_most.within"),
        ])
    func refused(text: String, path: String) throws {
        do {
            _ = try TriggerWhen.read(try JSONValue(text: text))
            Issue.record("\(text) is taken")
        } catch let error as TriggerError {
            #expect(error.path == path)
        }
    }

    @Test("A condition's node is named within the trigger")
    func refusedCondition() throws {
        do {
            _ = try TriggerWhen.read(
                try JSONValue(
                    text: #"{"event":"A","absent":{"event":"B","within":"5m","where":{"all":[{"property":"x"}]}}}"#))
            Issue.record("it is taken")
        } catch let error as QueryError {
            #expect(error.path.hasPrefix("when.absent.where.all[0]"))
        }
    }
}
