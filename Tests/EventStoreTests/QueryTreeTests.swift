import Model
import Testing

@testable import EventStore

@Suite("Sequences, values of other times, segments and the calendar are read as written")
struct QueryTreeTests {
    private func condition(_ json: String) throws -> Condition {
        try Condition(try JSONValue(text: json), times: absoluteTimes)
    }

    private static let day = Timestamp(microseconds: 1_704_067_200_000_000)

    @Test(arguments: [
        (#"{"did_not":"A"}"#, Condition.did(Did(["A"], count: CountTest(atLeast: 0, atMost: 0)))),
        (#"{"person":"plan","at":"last","is":"pro"}"#, .person("plan", .equals(.text("pro")))),
        (#"{"person":"plan","at":"first","is":"pro"}"#, .personThen("plan", .first, .equals(.text("pro")))),
        (#"{"at":"ever","person":"plan","exists":true}"#, .personThen("plan", .ever, .exists(true))),
        (#"{"person":"plan","at":"2024-01-01","is":1}"#, .personThen("plan", .at(day), .equals(.number("1")))),
        (#"{"person":"ends","lt":{"time":"2024-01-01"}}"#, .person("ends", .compare(.less, .time(day)))),
        (
            #"{"sequence":[{"event":"A"},{"event":["B","C"],"where":{"property":"n","exists":true}}],"window":"7d"}"#,
            .sequence(
                EventSequence(
                    [.init(["A"]), .init(["B", "C"], test: .property("n", .exists(true)))], longest: 604_800_000_000))
        ),
        (#"{"segment":"seg_a","version":2,"where":{"event":"A"}}"#, .segment(.event(["A"]))),
    ])
    func reads(_ json: String, _ wanted: Condition) throws {
        #expect(try condition(json) == wanted)
    }

    @Test(arguments: [
        (#"{"did_not":"A","at_least":1}"#, "where: \"at_least\" does not go with \"did_not\"; there are within, where"),
        (
            #"{"person":"n","at":true,"is":1}"#,
            "where.at: first, last, ever or a time should be here, not true or false"
        ),
        (#"{"property":"n","at":"first","is":1}"#, "where: there is no operator \"at\""),
        (#"{"any":[{"person":"n","gt":{"time":1}}]}"#, "where.any[0].gt.time: a time such as -30d"),
        (#"{"sequence":[{"event":"A"}]}"#, "where.sequence: a list of 2 to 20 steps"),
        (#"{"sequence":[{"event":"A"},"B"]}"#, "where.sequence[1]: a step is an object with \"event\", not a text"),
        (#"{"sequence":[{"event":"A"},{"did":"B"}]}"#, "where.sequence[1]: there is no \"did\" in a step"),
        (#"{"sequence":[{"event":"A"},{}]}"#, "where.sequence[1].event: an event's name"),
        (#"{"sequence":[{"event":"A"},{"event":"B"}],"window":7}"#, "where.window: a duration such as 7d"),
        (#"{"sequence":[{"event":"A"},{"event":"B"}],"window":"0d"}"#, "where.window: a duration such as 7d"),
        (
            #"{"not":{"sequence":[{"event":"A"},{"event":"B","where":{"x":1}}]}}"#,
            "where.not.sequence[1].where: a condition needs one of"
        ),
        (#"{"segment":"seg_a"}"#, "where: saved segments are not known here"),
        (#"{"segment":"seg_a","where":{"all":[]}}"#, "where.where.all: a list of at least one"),
    ])
    func errorsNameTheNode(_ json: String, _ start: String) throws {
        let error = #expect(throws: QueryError.self) { _ = try condition(json) }
        #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
    }

    @Test("What it needs to know of a person has no place in a step", arguments: ["person", "sequence", "segment"])
    func eventsKnowNoPerson(_ kind: String) throws {
        let inner = [
            "person": #"{"person":"n","at":"first","is":1}"#,
            "sequence": #"{"sequence":[{"event":"A"},{"event":"B"}]}"#,
            "segment": #"{"segment":"s","where":{"event":"A"}}"#,
        ]
        let condition = try condition(
            #"{"sequence":[{"event":"A"},{"event":"B","where":\#(inner[kind] ?? "")}]}"#)
        var needs = PersonNeeds()
        let scope = QueryScope(row: .person, asOf: 9, personMap: "people", personID: "m.person_id")
        let error = #expect(throws: QueryError.self) { _ = try condition.sql(scope, &needs) }
        #expect(error?.message.hasPrefix("where.sequence[1].where: \"\(kind)\" asks about the person") == true)
    }

    @Test("Fixed, it means the same whenever it is read again")
    func fixed() throws {
        let json = #"""
            {"all":[{"person":"a","at":"-60s","gt":{"time":"now"}},{"did_not":"A","within":"60s","where":
            {"property":"t","lt":{"time":"-1s"}}},{"segment":"s","version":1,"where":{"sequence":[{"event":"A"},
            {"event":"B","where":{"property":"t","gte":{"time":"now"}}}],"within":{"from":"-5s"}}}]}
            """#
        let parsed = try JSONValue(text: json)
        let tree = try Condition(parsed, times: absoluteTimes)
        let fixed = tree.fixed(parsed)
        let again = try Condition(fixed) { text, path throws(QueryError) in
            guard let time = WrittenTime(text), time.offsetSeconds == 0 else {
                throw QueryError(.invalidCondition, at: path, "\(text) is not fixed")
            }
            return time.timestamp()
        }
        #expect(again == tree)
        #expect(again.fixed(fixed) == fixed)
    }

    @Test(
        arguments: [
            ("UTC", "today", "2026-05-13"), ("UTC", "yesterday", "2026-05-12"), ("UTC", "tomorrow", "2026-05-14"),
            ("UTC", "this_week", "2026-05-11"), ("UTC", "last_week", "2026-05-04"), ("UTC", "next_week", "2026-05-18"),
            ("UTC", "this_month", "2026-05-01"), ("UTC", "last_month", "2026-04-01"),
            ("UTC", "this_quarter", "2026-04-01"), ("UTC", "last_quarter", "2026-01-01"),
            ("UTC", "next_quarter", "2026-07-01"), ("UTC", "this_year", "2026-01-01"),
            ("UTC", "last_year", "2025-01-01"), ("+05:30", "today", "2026-05-13T18:30:00Z"),
            ("-08:00", "today", "2026-05-13T08:00:00Z"), ("+05:30", "2026-05-01", "2026-04-30T18:30:00Z"),
            ("-08:00", "-1d", "2026-05-12T20:00:00Z"), ("UTC", "0", "1970-01-01"),
        ])
    func calendar(_ zone: String, _ text: String, _ wanted: String) throws {
        // A Wednesday; in +05:30 it is Thursday already.
        let now = try #require(WrittenTime("2026-05-13T20:00:00Z")).timestamp()
        let found = QueryClock(timezone: zone).read(text, now: now) { local in Timestamp(microseconds: local) }
        #expect(found == WrittenTime(wanted)?.timestamp(), "\(found?.text ?? "none")")
    }

    @Test("A period ends where the next one starts")
    func periods() {
        #expect(QueryClock.periodAfter("yesterday") == "today")
        #expect(QueryClock.periodAfter("last_week") == "this_week")
        #expect(QueryClock.periodAfter("next_month") == "after_next_month")
        for text in ["", "today ", "this_day", "this_", "last_century", "this_month_", "30d", "after_next_month"] {
            #expect(QueryClock.periodAfter(text) == nil, "\(text)")
        }
    }
}
