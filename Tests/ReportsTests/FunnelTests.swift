import DuckDB
import Model
import Testing

@testable import Reports

/// Who does what, in a letter and a second: `1A0 1B5 2A3`.
private func world(_ text: String, identities: Int64 = 9) throws -> ReportWorld {
    let world = try ReportWorld()
    try world.identities(identities)
    for part in text.split(separator: " ") {
        // `1A5` or `1A5{"plan":"x"}`
        let head = part.prefix { $0 != "{" }
        let properties = part[head.endIndex...]
        let who = Int64(head.prefix(1)) ?? 0
        let name = String(head.dropFirst().prefix(1))
        try world.event(who, name, String(head.dropFirst(2)), properties.isEmpty ? "{}" : String(properties))
    }
    return world
}

private struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let events: String
    let report: String
    let people: [Int64]
    var times: [Int64]?
    var testDescription: String { name }
}

private func steps(_ names: String) -> String {
    "\"steps\":[" + names.map { "{\"event\":\"\($0)\"}" }.joined(separator: ",") + "]"
}

@Suite("Funnels count by hand")
struct FunnelTests {
    private static let cases = [
        Case(
            name: "in order", events: "1A0 1B5 1C9 2A0 2C1 2B2 3B0 3A1", report: steps("ABC"), people: [3, 2, 1]),
        Case(
            name: "any other events between", events: "1A0 1X1 1B5 1Y6 1C9", report: steps("ABC"), people: [1, 1, 1]),
        Case(
            name: "strict: nothing between", events: "1A0 1X1 1B5 2A0 2B5 2C6 3A0 3B1 3X2 3C3",
            report: steps("ABC") + #","order":"strict""#, people: [3, 2, 1]),
        Case(
            name: "strict looks only at what the condition takes", events: "1A0 1X1 1B5",
            report: steps("AB") + #","order":"strict","where":{"not":{"event":"X"}}"#, people: [1, 1]),
        Case(
            name: "strict begins at any start", events: "1A0 1A1 1B2", report: steps("AB") + #","order":"strict""#,
            people: [1, 1], times: [2, 1]),
        Case(
            name: "the window includes its end", events: "1A0 1B60 2A0 2B61",
            report: steps("AB") + #","window":"1m""#, people: [2, 1]),
        Case(
            name: "the window counts from the first step", events: "1A0 1B50 1C70 2A0 2B30 2C60",
            report: steps("ABC") + #","window":"60s""#, people: [2, 2, 1]),
        Case(
            name: "any start will do", events: "1A0 1A100 1B110", report: steps("AB") + #","window":"1m""#,
            people: [1, 1], times: [2, 1]),
        Case(
            name: "a later start reaches further", events: "1A0 1B10 1A100 1B110 1C120",
            report: steps("ABC") + #","window":"1m""#, people: [1, 1, 1], times: [2, 2, 1]),
        Case(
            name: "an earlier second step may do where a later one does", events: "1A0 1B1 1B50 1C55",
            report: steps("ABC"), people: [1, 1, 1]),
        Case(
            name: "equal times count where conditions are disjoint, whatever came in first",
            events: "1B5 1A5 1C5", report: steps("ABC"), people: [1, 1, 1]),
        Case(
            name: "the same event with conditions that exclude each other may coincide",
            events: #"1A5{"n":9} 1A5{"n":1} 2A5{"n":9} 2A5{"n":5}"#,
            report:
                #""steps":[{"event":"A","where":{"property":"n","lt":5}},{"event":"A","where":{"property":"n","gte":5}}]"#,
            people: [1, 1]),
        Case(
            name: "the same event that is not something may coincide with the one that is",
            events: #"1A5{"p":"x"} 1A5{"p":"y"}"#,
            report:
                #""steps":[{"event":"A","where":{"property":"p","is_not":"x"}},{"event":"A","where":{"property":"p","is":"x"}}]"#,
            people: [1, 1]),
        Case(
            name: "the same event with conditions that can both hold comes strictly later",
            events: #"1A5{"n":9,"p":"x"} 1A5{"n":1,"p":"y"} 2A5{"n":1} 2A5{"n":9}"#,
            report:
                #""steps":[{"event":"A","where":{"property":"n","lt":5}},{"event":"A","where":{"property":"n","gt":2}}]"#,
            people: [2, 1]),
        Case(
            name: "one event serves one step", events: "1A5 2A5 2A5 3A5 3A6", report: steps("AA"), people: [3, 2]),
        Case(
            name: "three of the same", events: "1A1 1A2 2A1 2A2 2A3", report: steps("AAA"), people: [2, 2, 1],
            times: [5, 3, 1]),
        Case(
            name: "A, B and A again", events: "1A1 1B1 2A1 2B1 2A1 3B1 3A1 3A1", report: steps("ABA"),
            people: [3, 3, 2]),
        Case(
            name: "each first step is a start", events: "1A0 1A1 1B5 2A0", report: steps("AB") + #","count":"times""#,
            people: [2, 1], times: [3, 2]),
        Case(
            name: "only the range", events: "1A0 1B5 2A100 2B105 3A100 3B300",
            report: steps("AB") + #","from":"50","to":"200""#, people: [2, 1]),
        Case(
            name: "the range's start is in it and its end is not", events: "1A50 1B60 2A49 2B60 3A50 3B100",
            report: steps("AB") + #","from":"50","to":"100""#, people: [2, 1]),
        Case(
            name: "conditions of a step", events: #"1A0{"n":1} 1B1 2A0{"n":5} 2B1"#,
            report: #""steps":[{"event":"A","where":{"property":"n","gt":2}},{"event":"B"}]"#, people: [1, 1]),
        Case(
            name: "the same event with values that exclude each other may coincide",
            events: #"1A5{"p":"y"} 1A5{"p":"x"}"#,
            report:
                #""steps":[{"event":"A","where":{"property":"p","is":"x"}},{"event":"A","where":{"property":"p","is":"y"}}]"#,
            people: [1, 1]),
        Case(
            name: "the same event with values that do not, may not",
            events: #"1A5{"p":"y","q":1} 1A5{"p":"x","q":1}"#,
            report:
                #""steps":[{"event":"A","where":{"property":"p","is":"x"}},{"event":"A","where":{"property":"q","is":1}}]"#,
            people: [1, 0]),
        Case(
            name: "several names a step", events: "1A0 1C1 2B0 2C1",
            report: #""steps":[{"event":["A","B"]},{"event":"C"}]"#,
            people: [2, 2]),
        Case(
            name: "any event a step", events: "1A0 1X1 2A0", report: #""steps":[{"event":"A"},{}]"#, people: [2, 1]),
        Case(name: "nobody", events: "1X0", report: steps("AB"), people: [0, 0]),
        Case(
            name: "twenty steps",
            events: "1A0 1A1 1A2 1A3 1A4 1A5 1A6 1A7 1A8 1A9 1A10 1A11 1A12 1A13 1A14 1A15 1A16 1A17 1A18 1A19",
            report: steps("AAAAAAAAAAAAAAAAAAAA"), people: Array(repeating: 1, count: 20)),
    ]

    @Test("people", arguments: cases)
    private func people(_ one: Case) throws {
        let answer = try world(one.events).ask("{\"type\":\"funnel\",\(one.report)}")
        #expect(answer.at("steps").numbers("people") == one.people, "\(answer.text)")
        if let times = one.times { #expect(answer.at("steps").numbers("times") == times) }
    }

    @Test("Shares, losses and times to convert")
    func shares() throws {
        let world = try world("1A0 1B10 2A0 2B20 3A0 3B40 4A0")
        let answer = try world.ask("{\"type\":\"funnel\",\(steps("ABC"))}")
        #expect(answer.at("steps.0.conversion").double == 1)
        #expect(answer.at("steps.1.conversion").double == 0.75)
        #expect(answer.at("steps.1.step_conversion").double == 0.75)
        #expect(answer.at("steps.1.dropped").intValue == 1)
        #expect(answer.at("steps.1.median_seconds").double == 20)
        #expect(answer.at("steps.1.p90_seconds").double == 36)
        #expect(answer.at("steps.2.conversion").double == 0)
        #expect(answer.at("steps.2.median_seconds") == .null)
        #expect(answer.at("looked_at.events").intValue == 7)
        #expect(answer.at("looked_at.people").intValue == 4)
    }

    @Test("Tied identities are one person, and were not before")
    func ties() throws {
        let world = try world("1A0 2B5")
        try world.tie(2, to: 1)
        try world.connection.execute("INSERT INTO aliases VALUES (10, now()::TIMESTAMP, 'u1', 'u2', 1, 2, false, NULL)")
        let report = try JSONValue(text: "{\"type\":\"funnel\",\(steps("AB"))}")
        #expect(try world.ask(report, asOf: 10).at("steps").numbers("people") == [1, 1])
        #expect(try world.ask(report, asOf: 9).at("steps").numbers("people") == [1, 0])
    }

    @Test("Groups by the value of a step's event")
    func ownValues() throws {
        let events =
            #"1A0{"p":"x"} 1B1{"p":"q"} 2A0{"p":"x"} 3A0{"p":"y"} 3B1{"p":"r"} 4A0 4A1{"p":"z"} 4B2 5A0{"p":7}"#
        let world = try world(events)
        let answer = try world.ask("{\"type\":\"funnel\",\(steps("AB")),\"breakdown\":{\"event_property\":\"p\"}}")
        #expect(groups(answer) == [#""x" 2 1"#, #""y" 1 1"#, "7 1 0", "null 1 1"])
        let ofSecond = try world.ask(
            "{\"type\":\"funnel\",\(steps("AB")),\"breakdown\":{\"event_property\":\"p\",\"step\":2}}")
        #expect(groups(ofSecond) == ["null 3 1", #""q" 1 1"#, #""r" 1 1"#])
        let first = try world.ask(
            "{\"type\":\"funnel\",\(steps("AB")),\"breakdown\":{\"event_property\":\"p\",\"value\":\"first\",\"top\":1}}"
        )
        #expect(groups(first) == [#""x" 2 1"#, #""other" 3 2"#])
        let last = try world.ask(
            "{\"type\":\"funnel\",\(steps("AB")),\"breakdown\":{\"event_property\":\"p\",\"value\":\"last\"}}")
        #expect(groups(last) == [#""q" 1 1"#, #""r" 1 1"#, #""x" 1 0"#, #""z" 1 1"#, "7 1 0"])
        #expect(answer.at("steps").numbers("people") == [5, 3])
    }

    @Test("Groups by what persons had first, have now, and had then")
    func personValues() throws {
        let world = try world("1A10 1B20 2A10 3A10")
        try world.change(1, "plan", #""free""#, at: "5")
        try world.change(1, "plan", #""pro""#, at: "15")
        try world.change(2, "plan", #""pro""#, at: "5")
        try world.change(2, "plan", "null", at: "30")
        for (value, expected) in [
            ("first", [#""free" 1 1"#, #""pro" 1 0"#, "null 1 0"]),
            ("last", ["null 2 0", #""pro" 1 1"#]),
            ("at_step", [#""free" 1 1"#, #""pro" 1 0"#, "null 1 0"]),
        ] {
            let answer = try world.ask(
                "{\"type\":\"funnel\",\(steps("AB")),\"breakdown\":{\"person_property\":\"plan\",\"value\":\"\(value)\"}}"
            )
            #expect(groups(answer) == expected, "\(value)")
        }
        let then = try world.ask(
            "{\"type\":\"funnel\",\(steps("AB")),\"breakdown\":{\"person_property\":\"plan\",\"value\":\"at_step\",\"step\":2}}"
        )
        #expect(groups(then) == ["null 2 0", #""pro" 1 1"#])
    }

    @Test("Conditions on persons, also on what they did")
    func conditions() throws {
        let world = try world("1A0 1B1 2A0 2B1 2X2 3A0")
        try world.change(1, "plan", #""pro""#, at: "5")
        try world.change(3, "plan", #""pro""#, at: "5")
        let pro = try world.ask(
            "{\"type\":\"funnel\",\(steps("AB")),\"where\":{\"person\":\"plan\",\"is\":\"pro\"}}")
        #expect(pro.at("steps").numbers("people") == [2, 1])
        let did = try world.ask("{\"type\":\"funnel\",\(steps("AB")),\"where\":{\"did\":\"X\"}}")
        #expect(did.at("steps").numbers("people") == [1, 1])
    }

    /// `key people people` of each group.
    private func groups(_ answer: JSONValue) -> [String] {
        (answer.at("groups").arrayValue ?? []).map { group in
            "\(group.at("key").text) " + group.at("steps").numbers("people").map(String.init).joined(separator: " ")
        }
    }
}
