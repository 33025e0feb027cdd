import DuckDB
import Model
import Testing

@testable import EventStore

@Suite("A condition says where it is wrong, and becomes SQL with bound values")
struct QueryConditionTests {
    @Test(arguments: [
        (#"[]"#, "where: a condition is an object"),
        (#"{}"#, "where: a condition needs one of"),
        (#"{"all":[]}"#, "where.all: a list of at least one condition"),
        (#"{"all":[{"event":"A"},{"property":"x","gt":true}]}"#, "where.all[1].gt: a number, a text, a time or"),
        (#"{"any":[{"not":{"property":"x","is":null}}]}"#, "where.any[0].not.is: null is no value"),
        (#"{"property":"x"}"#, "where: an operator is missing; one of is, is_not"),
        (#"{"property":"x","is":1,"gt":2}"#, "where: \"is\" and \"gt\" cannot be one condition"),
        (#"{"property":"x","like":"a"}"#, "where: there is no operator \"like\"; there are is, is_not"),
        (#"{"property":1,"is":1}"#, "where.property: a property's name should be here, not a number"),
        (#"{"event":"A","property":"x","is":1}"#, "where: \"event\" and \"property\" cannot be one condition"),
        (#"{"event":"A","is":1}"#, "where: \"is\" does not go with \"event\""),
        (#"{"event":[1]}"#, "where.event[0]: an event's name should be here, not a number"),
        (#"{"person":"x","in":[]}"#, "where.in: a list of at least one value"),
        (
            #"{"person":"x","in":["a",{}]}"#,
            "where.in[1]: a text, a number, true or false should be here, not an object"
        ),
        (#"{"person":"x","exists":"yes"}"#, "where.exists: true or false should be here, not a text"),
        (#"{"person":"x","contains":1}"#, "where.contains: a text should be here, not a number"),
        (#"{"person":"x","gt":1e999}"#, "where.gt: the number is out of range"),
    ])
    func errorsNameTheNode(_ json: String, _ start: String) throws {
        let value = try JSONValue(text: json)
        let error = #expect(throws: QueryError.self) { _ = try Condition(value, times: absoluteTimes) }
        #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
        #expect(error?.code == .invalidCondition)
    }

    @Test func sizeAndDepthAreBounded() throws {
        var deep: JSONValue = ["event": "A"]
        for _ in 0..<Condition.deepest { deep = ["not": deep] }
        #expect(throws: QueryError.self) { _ = try Condition(deep, times: absoluteTimes) }
        let wide: JSONValue = ["any": .array(Array(repeating: ["event": "A"], count: Condition.mostNodes))]
        #expect(throws: QueryError.self) { _ = try Condition(wide, times: absoluteTimes) }
    }

    private func sql(_ json: String, row: QueryScope.Row) throws -> SQLStatement {
        var needs = PersonNeeds()
        return SQLStatement(try sql(json, row: row, &needs))
    }

    private func sql(_ json: String, row: QueryScope.Row, _ needs: inout PersonNeeds) throws -> SQLFragment {
        let scope = QueryScope(row: row, asOf: 9, personMap: "people", personID: "q.person_id")
        return try Condition(try JSONValue(text: json), times: absoluteTimes).sql(scope, &needs)
    }

    @Test(arguments: [
        (#"{"event":"A'"}"#, "e.event = $1", [SQLValue.text("A'")]),
        (#"{"event":["A","B"]}"#, "e.event IN ($1, $2)", [.text("A"), .text("B")]),
        (
            #"{"all":[{"event":"A"},{"not":{"property":"n","gte":10}}]}"#,
            "(e.event = $1 AND NOT coalesce(token_number(property_token(e.properties, $2)) >= $3, false))",
            [.text("A"), .text("n"), .double(10)]
        ),
        (
            #"{"property":"t","lt":"2024-01-01"}"#,
            "coalesce(token_time(property_token(e.properties, $1)) < make_timestamp(1704067200000000), false)",
            [.text("t")]
        ),
        (
            #"{"property":"t","is":"t"}"#,
            "coalesce((token_text(property_token(e.properties, $1)) = $1 AND starts_with(property_token(e.properties, $1), '\"')), false)",
            [.text("t")]
        ),
        (
            #"{"any":[{"person":"a","is":true},{"person":"b","exists":false},{"person":"a","starts_with":"x"}]}"#,
            "(coalesce(p.p0 = 'true', false) OR p.p1 IS NULL OR coalesce(starts_with(token_text(p.p0), $1), false))",
            [.text("x")]
        ),
    ])
    func golden(_ json: String, _ text: String, _ binds: [SQLValue]) throws {
        let statement = try sql(json, row: .event)
        #expect(statement.text == text)
        #expect(statement.binds == binds)
    }

    @Test func onPeopleAnEventAndItsPropertiesAreOneEvent() throws {
        var needs = PersonNeeds()
        let test = try sql(
            #"{"all":[{"event":"A"},{"property":"n","exists":true},{"person":"x","exists":true}]}"#, row: .person,
            &needs)
        #expect(
            SQLStatement(test).text
                == "(q.person_id IN (SELECT d.person_id FROM person_sets d WHERE d.number = 0) AND p.p0 IS NOT NULL)")
        #expect(
            needs.sets.statements.map { SQLStatement($0).text } == [
                "CREATE OR REPLACE TEMP TABLE person_sets(number INTEGER, person_id BIGINT)",
                "INSERT INTO person_sets SELECT 0, s.person_id FROM (SELECT m.person_id FROM (SELECT e.identity_id "
                    + "FROM events e WHERE e.seq <= 9 AND e.event = $1 AND property_token(e.properties, $2) IS NOT NULL "
                    + "GROUP BY e.identity_id) s JOIN people m ON m.identity_id = s.identity_id GROUP BY m.person_id) s",
            ])
        #expect(throws: QueryError.self) {
            _ = try sql(#"{"all":[{"event":"A"},{"event":"B"},{"property":"n","exists":true}]}"#, row: .person)
        }
    }
}

@Suite("Names and texts are taken byte by byte")
struct ExactNameTests {
    @Test(arguments: [
        ("a\"b", "\"a\"\"b\""), ("a\u{600}\"b", "\"a\u{600}\"\"b\""), ("a\"\u{301}", "\"a\"\"\u{301}\""),
        ("\"\u{200d}y", "\"\"\"\u{200d}y\""), ("a\0b", "\"a\u{fffd}b\""),
    ])
    func quotesInNamesAreDoubled(_ name: String, _ quoted: String) {
        #expect(Array(DuckDBDialect.identifier(name).utf8) == Array(quoted.utf8))
    }

    @Test func equivalentTextsAreTwo() throws {
        let (one, other) = ("Caf\u{e9}", "Cafe\u{301}")
        var needs = PersonNeeds()
        let scope = QueryScope(row: .event, asOf: 9, personMap: "people", personID: "q.person_id")
        let json: JSONValue = ["event": [.string(one), .string(other)]]
        let statement = SQLStatement(try Condition(json, times: absoluteTimes).sql(scope, &needs))
        #expect(statement.binds == [.text(one), .text(other)])
        #expect(SQLValue.text(one) != .text(other))
        #expect(needs.properties.token(one) != needs.properties.token(other))
    }
}
