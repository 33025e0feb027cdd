import Testing

@testable import EventStore

@Suite("Columns are read as they are written")
struct QueryColumnTests {
    @Test(arguments: [
        ("seq", ColumnExpression(.builtin(.seq), name: "seq")),
        ("id", ColumnExpression(.builtin(.eventID), name: "id")),
        (" timestamp as when ", ColumnExpression(.builtin(.timestamp), name: "when")),
        ("properties.resource", ColumnExpression(.property("resource"), name: "properties.resource")),
        ("properties.a b.c as x y", ColumnExpression(.property("a b.c"), name: "x y")),
        ("properties.n::double", ColumnExpression(.property("n"), cast: .double, name: "properties.n::double")),
        ("properties.n::bigint as n", ColumnExpression(.property("n"), cast: .bigint, name: "n")),
        ("person.known as is as z", ColumnExpression(.person("known as is"), name: "z")),
        (#"properties."a::b as ""c""" as d"#, ColumnExpression(.property(#"a::b as "c""#), name: "d")),
        (#"properties."a"::text"#, ColumnExpression(.property("a"), cast: .text, name: #"properties."a"::text"#)),
        ("properties.*", ColumnExpression(.allProperties, name: "properties.*")),
        (#"properties."*""#, ColumnExpression(.property("*"), name: #"properties."*""#)),
    ])
    func parses(_ text: String, _ column: ColumnExpression) throws {
        #expect(try ColumnExpression(text, dataset: .events) == column)
    }

    @Test(arguments: [
        ("", "a column's name is missing"), ("foo", "events have no column \"foo\"; there are seq, event_id"),
        ("seq::double", "a built-in column keeps its type"), ("properties.", "a property's name is missing"),
        ("properties.n::dubble", "there is no type \"dubble\"; there are double"),
        ("properties.* as x", "properties.* takes neither"), ("person.*", "there is no person.*"),
        ("seq as ", "events have no column \"seq as\""), (#"properties."a"#, "a closing quote is missing"),
        ("identities", "events have no column \"identities\""),
    ])
    func refuses(_ text: String, _ reason: String) {
        let error = #expect(throws: QueryError.self) {
            _ = try ColumnExpression(text, dataset: .events, path: "columns[3]")
        }
        #expect(error?.message.hasPrefix("columns[3]: \(reason)") == true, "\(error?.message ?? "")")
    }

    /// The last bracket closes the column; a name may hold anything.
    @Test(
        arguments: [
            ("first(Signed Up)", .first, "Signed Up", "first(Signed Up)"),
            (" last(A) as latest ", .last, "A", "latest"),
            ("count(A)  AS n (all)", .count, "A", "n (all)"),
            (#"count(A) as "n""#, .count, "A", "n"),
            ("count(Left (for good))", .count, "Left (for good)", "count(Left (for good))"),
            ("count())", .count, ")", "count())"),
            ("count( A )", .count, " A ", "count( A )"),
            (#"count(Say "hi", twice)"#, .count, #"Say "hi", twice"#, #"count(Say "hi", twice)"#),
            ("first(Sign up as guest)", .first, "Sign up as guest", "first(Sign up as guest)"),
            ("first(Sign up as guest) as g", .first, "Sign up as guest", "g"),
            ("count(A) as b) as c", .count, "A) as b", "c"),
            ("count(a::b)", .count, "a::b", "count(a::b)"),
            ("count(\u{301}é\u{301})", .count, "\u{301}é\u{301}", "count(\u{301}é\u{301})"),
            ("first(first(x))", .first, "first(x)", "first(first(x))"),
        ] as [(String, EventMeasure, String, String)])
    func eventColumns(_ text: String, _ measure: EventMeasure, _ event: String, _ name: String) throws {
        let column = try ColumnExpression(text, dataset: .people)
        #expect(column == ColumnExpression(.event(measure, of: event), name: name))
        #expect(column.type == (measure == .count ? .bigint : .timestamp))
    }

    @Test(arguments: [
        ("count(A", Dataset.people, "a \")\" should close \"count(\""),
        ("count(A)::double", .people, "a \")\" should close \"count(\""),
        ("first()", .people, "an event's name is missing in \"first()\""),
        ("Count(A)", .people, "people have no column \"Count(A)\"; there are person_id"),
        ("count", .people, "people have no column \"count\"; there are person_id"),
        ("count(A)", .events, "events have no column \"count(A)\"; first(EVENT), last(EVENT) and count(EVENT) are"),
    ])
    func refusesEventColumns(_ text: String, _ dataset: Dataset, _ reason: String) {
        let error = #expect(throws: QueryError.self) {
            _ = try ColumnExpression(text, dataset: dataset, path: "columns[3]")
        }
        #expect(error?.message.hasPrefix("columns[3]: \(reason)") == true, "\(error?.message ?? "")")
    }

    @Test func namesAreUnique() {
        let error = #expect(throws: QueryError.self) {
            _ = try ColumnExpression.parse(["seq", "event", "properties.x as seq"], dataset: .events)
        }
        #expect(error?.message.hasPrefix("columns[2]: the name \"seq\" is given twice (also by columns[0])") == true)
    }

    @Test func oneLineIsSplitAsCSV() throws {
        #expect(
            try ColumnExpression.split(line: #"seq, "properties.a,b as ""x""",properties."c,d",person.y as z"#)
                == ["seq", #"properties.a,b as "x""#, #"properties."c,d""#, "person.y as z"])
        #expect(
            try ColumnExpression.split(line: #"count(A b) as n,"count(Say ""hi"", (twice))",last(x)"#)
                == ["count(A b) as n", #"count(Say "hi", (twice))"#, "last(x)"])
        #expect(throws: QueryError.self) { _ = try ColumnExpression.split(line: #"seq,"a"#) }
    }

    @Test func everyDatasetHasItsDefaults() throws {
        for dataset in Dataset.allCases {
            let columns = try ColumnExpression.parse([], dataset: dataset)
            #expect(columns.map(\.name) == dataset.defaultColumns.map(\.rawValue))
        }
        #expect(try Dataset(name: "property-changes") == .propertyChanges)
        #expect(throws: QueryError.self) { _ = try Dataset(name: "reports") }
    }
}
