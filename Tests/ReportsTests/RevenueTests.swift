import Model
import Testing

@testable import Reports

@Suite("Revenue and attribution count by hand")
struct RevenueTests {
    private func shop() throws -> ReportWorld {
        let world = try ReportWorld()
        try world.identities(9)
        try world.events([
            (1, "Paid", "2026-01-05", #"{"amount":10}"#), (1, "Paid", "2026-01-20", #"{"amount":20}"#),
            (2, "Paid", "2025-12-01", #"{"amount":5}"#), (2, "Paid", "2026-01-10", #"{"amount":7}"#),
            (3, "Paid", "2026-02-01", #"{"amount":"100"}"#), (3, "Paid", "2026-02-02", #"{"amount":-10}"#),
            (4, "Paid", "2026-01-03", #"{"amount":0}"#), (5, "Left", "2026-01-03", "{}"),
            (3, "Left", "2026-02-20", "{}"),
        ])
        return world
    }

    private func revenue(_ members: String) throws -> JSONValue {
        try shop().ask(
            """
            {"type":"revenue","measure":{"event":"Paid","property":"amount"},"from":"2026-01-01","to":"2026-03-01"\(members)}
            """)
    }

    @Test("Total, per person, gained, lost and lifetime value")
    func numbers() throws {
        let answer = try revenue(#","interval":"month""#)
        #expect(answer.at("total").text == "127")
        #expect(answer.at("people").intValue == 3)
        #expect(answer.at("gained").intValue == 2)
        #expect(answer.at("lost").intValue == 2)
        #expect(answer.at("per_person").double == 127.0 / 3)
        #expect(answer.at("churn_rate").double == 2.0 / 3)
        #expect(answer.at("lifetime_value").double == 63.5)
        #expect(
            answer.at("points").text
                == #"[{"t":"2026-01-01","total":37,"people":2,"gained":1,"lost":0},{"t":"2026-02-01","total":90,"people":1,"gained":1,"lost":2}]"#
        )
    }

    @Test(
        "lost",
        arguments: [
            (#","churn":{"after":"10d"}"#, 3), (#","churn":{"after":"60d"}"#, 0), (#","churn":{"event":"Left"}"#, 1),
            (#","churn":{"event":"Left","after":"30d"}"#, 3),
        ])
    func lost(_ churn: String, _ expected: Int64) throws {
        let answer = try revenue(churn)
        #expect(answer.at("lost").intValue == expected)
        #expect((answer.at("lifetime_value") == .null) == (expected == 0))
    }

    @Test("No more are lost than could be")
    func churn() throws {
        // 2 paid in December and was lost in January, in which 1 paid.
        let answer = try shop().ask(
            """
            {"type":"revenue","measure":{"event":"Paid","property":"amount"},"from":"2025-12-30","to":"2026-01-08"}
            """)
        #expect(answer.at("people").intValue == 1)
        #expect(answer.at("lost").intValue == 1)
        #expect(answer.at("churn_rate").double == 0.5)
    }

    @Test(
        "the people of a cell",
        arguments: [
            (#"{}"#, [1, 2, 3]), (#"{"outcome":"gained"}"#, [1, 3]), (#"{"outcome":"lost"}"#, [1, 2]),
            (#"{"t":"2026-01-01"}"#, [1, 2]), (#"{"outcome":"lost","t":"2026-02-01"}"#, [1, 2]),
            (#"{"outcome":"lost","t":"2026-01-01"}"#, []),
        ] as [(String, [Int64])])
    func people(_ cell: String, _ expected: [Int64]) throws {
        let report = #"""
            {"type":"revenue","measure":{"event":"Paid","property":"amount"},"from":"2026-01-01","to":"2026-03-01",
             "interval":"month"}
            """#
        #expect(try shop().people(report, cell) == expected)
    }

    @Test(
        "the people of an attribution's row",
        arguments: [(#"{}"#, [4, 5]), (#"{"key":"a"}"#, [4]), (#"{"key":null}"#, [5]), (#"{"key":"b"}"#, [])]
            as [(String, [Int64])])
    func credited(_ cell: String, _ expected: [Int64]) throws {
        let world = try ReportWorld()
        try world.identities(5)
        try world.events([
            (4, "Visit", "1", #"{"channel":"a"}"#), (4, "Buy", "2", "{}"), (5, "Buy", "2", "{}"),
            (3, "Visit", "1", #"{"channel":"b"}"#),
        ])
        let report = #"{"type":"attribution","conversion":{"event":"Buy"},"property":{"event_property":"channel"}}"#
        #expect(try world.people(report, cell) == expected)
    }

    @Test(
        "the people of a formula's point",
        arguments: [
            (#"{}"#, [1, 2, 3, 4, 5]), (#"{"measure":"a"}"#, [1, 2, 3, 4]), (#"{"measure":"b"}"#, [3, 5]),
            (#"{"measure":"b","t":"2026-01-01"}"#, [5]),
        ] as [(String, [Int64])])
    func formula(_ cell: String, _ expected: [Int64]) throws {
        let report = #"""
            {"type":"metric","measures":{"a":{"event":"Paid"},"b":{"event":"Left"}},"formula":"a / b","interval":"month"}
            """#
        #expect(try shop().people(report, cell) == expected)
    }

    @Test(
        "models",
        arguments: [
            ("first_ever", "", [#""a" 1 2 30"#, "null 1 1 5"]),
            ("last_ever", "", [#""c" 1 2 30"#, "null 1 1 5"]),
            ("first_in_range", #","from":"2","to":"5""#, [#""b" 1 2 30"#, "null 1 1 5"]),
            ("last_in_range", #","from":"2","to":"6""#, [#""c" 1 2 30"#, "null 1 1 5"]),
            ("last_touch", "", [#""a" 1 1 10"#, #""b" 1 1 20"#, "null 1 1 5"]),
            ("last_touch", #","from":"3""#, [#""b" 1 1 20"#, "null 1 1 5"]),
        ])
    func models(_ model: String, _ range: String, _ expected: [String]) throws {
        let world = try ReportWorld()
        try world.identities(3)
        try world.tie(2, to: 1)
        try world.events([
            (1, "Visit", "1", #"{"channel":"a"}"#), (2, "Visit", "3", #"{"channel":"b"}"#),
            (1, "Buy", "2", #"{"amount":10}"#), (2, "Buy", "4", #"{"amount":20}"#),
            (1, "Visit", "5", #"{"channel":"c"}"#), (3, "Buy", "3", #"{"amount":5}"#), (3, "Visit", "1", "{}"),
        ])
        let answer = try world.ask(
            """
            {"type":"attribution","conversion":{"event":"Buy","property":"amount"},"model":"\(model)",\
            "property":{"event_property":"channel"}\(range)}
            """)
        let rows = (answer.at("rows").arrayValue ?? []).map { row in
            ["key", "people", "conversions", "value"].map { row.at($0).text }.joined(separator: " ")
        }
        #expect(rows == expected, "\(answer.text)")
        #expect(answer.at("total.people").intValue == 2)
    }
}
