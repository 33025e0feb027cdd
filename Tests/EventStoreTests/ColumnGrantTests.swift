import EventStore
import Model
import Testing

@Suite("A list of columns grants what it names and nothing else")
struct ColumnGrantTests {
    private func need(_ text: String, _ dataset: Dataset) throws -> ColumnNeed {
        try ColumnExpression(text, dataset: dataset).need(in: dataset)
    }

    @Test(
        "Columns",
        arguments: [
            ("person_id", Dataset.people, "person_id", true), ("id", .events, "event_id", true),
            ("identity", .events, "identities", false), ("identities", .people, "identity", false),
            ("properties.plan", .events, "properties.plan", true),
            ("properties.plan", .people, "properties.plan", false),
            ("properties.plan", .people, "person.plan", true), ("person.plan", .events, "person.plan", true),
            ("person.plan", .events, "properties.plan", false), ("properties.plan", .events, "person.*", false),
            ("properties.plan::double as p", .events, "properties.plan", true),
            ("properties.plan", .events, "properties.*", true), ("properties.plan", .events, "properties", true),
            ("properties", .events, "properties.*", true), ("properties", .events, "properties.plan", false),
            ("properties.*", .events, "properties", true), ("properties", .people, "properties.*", false),
            ("properties", .people, "person.*", true), ("properties.*", .people, "person.*", true),
            ("properties.planned", .events, "properties.plan", false),
            ("properties.pla", .events, "properties.plan", false),
            ("properties.PLAN", .events, "properties.plan", false),
            ("properties.\"a::b\"", .events, "properties.a::b", true),
            ("properties.e\u{301}", .events, "properties.é", false),
            ("count(Paid)", .people, "count(Paid)", true), ("count(Paid)", .people, "count(Bought)", false),
            ("last(Paid)", .people, "count(Paid)", false), ("value", .propertyChanges, "person.*", false),
            ("other", .aliases, "other", true), ("named", .identities, "named", true),
        ])
    func columns(_ column: String, _ dataset: Dataset, _ listed: String, _ isGranted: Bool) throws {
        let need = try need(column, dataset)
        #expect(ColumnGrant([listed]).allows(need) == isGranted)
        #expect(ColumnGrant.isColumn(listed) && ColumnGrant.isColumn(need.text))
        #expect(ColumnGrant.all.allows(need) && !ColumnGrant([]).allows(need))
        #expect(ColumnGrant([]).missing(of: [need]) == need && ColumnGrant([need.text]).missing(of: [need]) == nil)
    }

    @Test("Whoever sees all events with their times may count them")
    func measures() throws {
        let columns = ["person_id", "event", "timestamp"]
        #expect(ColumnGrant(columns).allows(try need("last(Paid)", .people)))
        #expect(!ColumnGrant(["person_id", "event"]).allows(try need("last(Paid)", .people)))
        #expect(ColumnGrant(["person_id", "event"]).allows(try need("count(Paid)", .people)))
        #expect(!ColumnGrant(["event", "timestamp"]).allows(try need("count(Paid)", .people)))
    }

    @Test(
        "Conditions need what they test, however deep",
        arguments: [
            (#"{"event":"A"}"#, Dataset.events, ["event"]), (#"{"property":"p","is":1}"#, .events, ["properties.p"]),
            (#"{"property":"p","is":1}"#, .people, ["properties.p"]),
            (#"{"property":"p","is":1}"#, .propertyChanges, ["person.p"]),
            (#"{"person":"p","exists":false}"#, .events, ["person.p"]),
            (
                #"{"all":[{"any":[{"not":{"person":"a","is":1}},{"property":"b","gt":1}]},{"event":["A","B"]}]}"#,
                .events,
                ["event", "person.a", "properties.b"]
            ),
            (#"{"did":"A"}"#, .people, ["event"]), (#"{"did":"A","within":"7d"}"#, .people, ["event", "timestamp"]),
            (
                #"{"not":{"did":"A","where":{"property":"p","contains":"x"},"at_least":2}}"#, .people,
                ["event", "properties.p"]
            ),
        ])
    func conditions(_ json: String, _ dataset: Dataset, _ expected: [String]) throws {
        let condition = try Condition(try JSONValue(text: json)) { (_, _) throws(QueryError) in
            Timestamp(microseconds: 0)
        }
        #expect(condition.needs(in: dataset).map(\.text).sorted() == expected)
    }
}
