import Model
import Testing

@testable import EventStore

@Suite("The condition did is read as written, and becomes one pass over the events")
struct QueryDidTests {
    private func condition(_ json: String) throws -> Condition {
        try Condition(try JSONValue(text: json), times: absoluteTimes)
    }

    private static let now = Timestamp(microseconds: 1_700_000_000_000_000)

    @Test(arguments: [
        (#"{"did":"A"}"#, Did(["A"])),
        (#"{"did":["A","B"],"at_least":2}"#, Did(["A", "B"], count: CountTest(atLeast: 2))),
        (#"{"at_most":3,"did":"A"}"#, Did(["A"], count: CountTest(atLeast: 0, atMost: 3))),
        (#"{"did":"A","exactly":0}"#, Did(["A"], count: CountTest(atLeast: 0, atMost: 0))),
        (#"{"did":"A","at_least":2,"at_most":2}"#, Did(["A"], count: CountTest(atLeast: 2, atMost: 2))),
        (
            #"{"did":"A","within":"60s"}"#,
            Did(["A"], window: TimeWindow(from: Timestamp(microseconds: 1_699_999_940_000_000), to: now))
        ),
        (
            #"{"did":"A","within":{"to":"now"},"first_ever":true}"#,
            Did(["A"], window: TimeWindow(to: now), isFirstEver: true)
        ),
        (
            #"{"did":"A","where":{"property":"n","exists":true}}"#, Did(["A"], test: .property("n", .exists(true)))
        ),
    ])
    func reads(_ json: String, _ did: Did) throws {
        #expect(try condition(json) == .did(did))
    }

    @Test(arguments: [
        (#"{"did":1}"#, "where.did: an event's name or a list of names should be here, not a number"),
        (#"{"did":[]}"#, "where.did: an event's name"),
        (#"{"did":["A",null]}"#, "where.did[1]: an event's name should be here, not null"),
        (#"{"did":"A","atleast":1}"#, "where: \"atleast\" does not go with \"did\"; there are at_least, at_most"),
        (#"{"did":"A","event":"B"}"#, "where: \"did\" and \"event\" cannot be one condition"),
        (#"{"all":[{"event":"A"},{"did":"A","at_least":"2"}]}"#, "where.all[1].at_least: a whole number from 0 to"),
        (
            #"{"did":"A","at_least":-1}"#,
            "where.at_least: a whole number from 0 to 1000000000000 should be here, not -1"
        ),
        (
            #"{"did":"A","at_most":1.5}"#,
            "where.at_most: a whole number from 0 to 1000000000000 should be here, not 1.5"
        ),
        (#"{"did":"A","exactly":9223372036854775807}"#, "where.exactly: a whole number from 0 to"),
        (#"{"did":"A","exactly":1,"at_most":2}"#, "where.at_most: \"exactly\" says it all"),
        (#"{"did":"A","at_least":3,"at_most":2}"#, "where.at_most: 2 is less than \"at_least\" (3)"),
        (#"{"did":"A","within":"30"}"#, "where.within: a duration such as 30d (s m h d w)"),
        (#"{"did":"A","within":"-30d"}"#, "where.within: a duration such as 30d"),
        (#"{"did":"A","within":30}"#, "where.within: a duration such as 30d"),
        (#"{"did":"A","within":{}}"#, "where.within: a duration such as 30d"),
        (#"{"did":"A","within":{"since":1}}"#, "where.within: there is no \"since\"; there are \"from\" and \"to\""),
        (#"{"did":"A","within":{"from":true}}"#, "where.within.from: a time should be here, not true or false"),
        (
            #"{"did":"A","within":{"from":"2024-01-02","to":"2024-01-01"}}"#,
            "where.within: \"from\" (2024-01-02T00:00:00.000000Z) is after \"to\""
        ),
        (#"{"did":"A","first_ever":1}"#, "where.first_ever: true or false should be here, not a number"),
        (#"{"did":"A","first_ever":true,"exactly":0}"#, "where.first_ever: nobody does something for the first time"),
        (#"{"did":"A","where":{"property":"n"}}"#, "where.where: an operator is missing"),
        (#"{"not":{"did":"A","where":{"all":[{"x":1}]}}}"#, "where.not.where.all[0]: a condition needs one of"),
    ])
    func errorsNameTheNode(_ json: String, _ start: String) throws {
        let error = #expect(throws: QueryError.self) { _ = try condition(json) }
        #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
        #expect(error?.code == .invalidCondition)
    }

    /// What a `did` asks of an event is the event's alone, in every dataset.
    @Test(arguments: [
        (#"{"did":"A","where":{"person":"n","is":1}}"#, "where.where: \"person\" asks about the person"),
        (#"{"any":[{"did":"A","where":{"not":{"did":"B"}}}]}"#, "where.any[0].where.not: \"did\" asks about"),
    ])
    func eventsKnowNoPerson(_ json: String, _ start: String) throws {
        let condition = try condition(json)
        for row in [QueryScope.Row.event, .person, .change] {
            var needs = PersonNeeds()
            let scope = QueryScope(row: row, asOf: 9, personMap: "people", personID: "m.person_id")
            let error = #expect(throws: QueryError.self) { _ = try condition.sql(scope, &needs) }
            #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
        }
    }

    @Test func nestingIsBounded() throws {
        var deep: JSONValue = ["property": "n", "exists": true]
        for _ in 0..<Condition.deepest { deep = ["did": "A", "where": deep] }
        #expect(throws: QueryError.self) { _ = try Condition(deep, times: absoluteTimes) }
    }

    @Test func whatIsFixedReadsAsTheSame() throws {
        let json = try JSONValue(
            text: #"{"all":[{"did":"A","within":"60s"},{"any":[{"not":{"within":{"from":"2024-01-01"},"did":"B"}}]}]}"#)
        let read = try Condition(json, times: absoluteTimes)
        let fixed = read.fixed(json)
        #expect(
            fixed.text
                == #"{"all":[{"did":"A","within":{"from":"2023-11-14T22:12:20.000000Z","to":"2023-11-14T22:13:20.000000Z"}},{"any":[{"not":{"within":{"from":"2024-01-01T00:00:00.000000Z"},"did":"B"}}]}]}"#
        )
        #expect(try Condition(fixed) { (text, _) in WrittenTime(text)?.timestamp() ?? Self.now } == read)
        #expect(read.fixed(fixed) == fixed)
    }

    // MARK: SQL

    /// The test, and the queries of the sets.
    private func sql(_ json: String, row: QueryScope.Row = .event) throws -> [String] {
        var needs = PersonNeeds()
        let scope = QueryScope(row: row, asOf: 9, personMap: "people", personID: "m.person_id")
        let test = try condition(json).sql(scope, &needs)
        return [SQLStatement(test).text]
            + needs.sets.statements.dropFirst().map {
                String(SQLStatement($0).text.dropFirst("INSERT INTO person_sets SELECT 0, s.person_id FROM (".count))
            }
    }

    private static let held = "m.person_id IN (SELECT d.person_id FROM person_sets d WHERE d.number = 0)"
    private static let joined = ") s JOIN people m ON m.identity_id = s.identity_id GROUP BY m.person_id"

    @Test(arguments: [
        (
            #"{"did":"A"}"#, held,
            "SELECT m.person_id FROM (SELECT e.identity_id FROM events e WHERE e.seq <= 9 AND e.event = $1 "
                + "GROUP BY e.identity_id\(joined)) s"
        ),
        (
            #"{"did":["A","B"],"at_least":2,"within":{"from":"2024-01-01","to":"2024-01-02"}}"#, held,
            "SELECT m.person_id FROM (SELECT e.identity_id, count(*) AS total FROM events e WHERE e.seq <= 9 "
                + "AND e.event IN ($1, $2) AND e.timestamp >= make_timestamp(1704067200000000) "
                + "AND e.timestamp < make_timestamp(1704153600000000) GROUP BY e.identity_id\(joined) "
                + "HAVING sum(s.total) >= 2) s"
        ),
        (
            #"{"did":"A","at_most":1,"where":{"property":"n","exists":true}}"#, "NOT \(held)",
            "SELECT m.person_id FROM (SELECT e.identity_id, count(*) AS total FROM events e WHERE e.seq <= 9 "
                + "AND e.event = $1 AND property_token(e.properties, $2) IS NOT NULL GROUP BY e.identity_id\(joined) "
                + "HAVING sum(s.total) >= 2) s"
        ),
        (
            #"{"did":"A","first_ever":true,"within":{"from":"2024-01-01","to":"2024-01-02"}}"#, held,
            "SELECT m.person_id FROM (SELECT e.identity_id, min(e.timestamp) AS earliest FROM events e "
                + "WHERE e.seq <= 9 AND e.event = $1 AND e.timestamp < make_timestamp(1704153600000000) "
                + "GROUP BY e.identity_id\(joined) HAVING min(s.earliest) >= make_timestamp(1704067200000000)) s"
        ),
    ])
    func golden(_ json: String, _ test: String, _ set: String) throws {
        for row in [QueryScope.Row.event, .person, .change] { #expect(try sql(json, row: row) == [test, set]) }
    }

    @Test func equalSetsAreFoundOnce() throws {
        let found = try sql(#"{"any":[{"did":"A"},{"not":{"did":"A"}},{"all":[{"did":"A","at_most":0}]}]}"#)
        #expect(found[0] == "(\(Self.held) OR NOT \(Self.held) OR (NOT \(Self.held)))")
        #expect(found.count == 2)
        #expect(try sql(#"{"did":"A","at_least":0}"#) == ["true"])
    }
}
