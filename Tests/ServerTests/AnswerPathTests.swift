import Model
import Testing

@testable import Server

@Suite("Where a number is in a report's answer")
struct AnswerPathTests {
    private static let one: JSONValue = ["type": "metric"]
    private static let divided: JSONValue = ["type": "metric", "breakdown": ["event_property": "plan"]]
    private static let answers: [String: String] = [
        "metric": #"{"type":"metric","series":[{"key":null,"total":3,"points":[{"t":"a","value":3}]}],"from":null}"#,
        "empty": #"{"type":"metric","series":[],"from":null}"#,
        "two": #"{"series":[{"key":"a","total":3,"points":[]},{"key":"b","total":1,"points":[]}]}"#,
        "funnel":
            #"{"steps":[{"event":"A","people":4,"conversion":1},{"event":"B","people":1,"conversion":null}],"groups":[]}"#,
        "cohort": #"{"rows":[]}"#,
        "cohorts": #"{"rows":[{"cohort":"2026-01-01","people":2,"values":[1,0]}]}"#,
        "attribution": #"{"rows":[],"total":{"people":0,"conversions":0}}"#, "nothing": #"{"rows":[],"total":null}"#,
    ]

    /// Null where there is none yet, "never" where there never is one.
    private static func said(_ path: String, _ name: String, of report: JSONValue) throws -> String {
        let answer = try JSONValue(text: try #require(answers[name]))
        do { return try AnswerPath(path).number(in: answer, of: report).text } catch { return "never" }
    }

    @Test(
        "A number, or that there is none yet, or that there never is",
        arguments: [
            ("metric", "series.0.total", "3"), ("metric", "total", "3"),
            ("metric", "$.series[0].points[last].value", "3"),
            // A point that is still to come, and a member that never is.
            ("metric", "series.0.points.9.value", "null"), ("metric", "series.0.points.9.valeu", "never"),
            ("metric", "series.0.totl", "never"), ("metric", "totl", "never"), ("metric", "series.1.total", "never"),
            ("metric", "series.0", "never"), ("metric", "series.first.total", "never"),
            ("metric", "series.0.total.more", "never"), ("metric", "series.-1.total", "never"),
            ("metric", "type", "never"), ("funnel", "steps.1.people", "1"), ("funnel", "people", "1"),
            ("funnel", "steps.last.conversion", "null"), ("funnel", "steps.2.people", "never"),
            ("funnel", "steps.0.persons", "never"), ("cohort", "rows.0.people", "null"),
            ("cohort", "rows.3.values.1", "null"), ("cohorts", "rows.3.values.1", "null"),
            ("cohorts", "rows.0.values.2", "never"), ("cohorts", "rows.9.persons", "never"),
            ("cohorts", "rows.last.people", "2"), ("attribution", "rows.0.conversions", "null"),
            ("attribution", "conversions", "0"), ("attribution", "total.value", "never"),
            ("nothing", "conversions", "null"),
        ])
    func plain(_ name: String, _ path: String, _ expected: String) throws {
        #expect(try Self.said(path, name, of: Self.one) == expected)
    }

    @Test(
        "Where it is divided, values are still to come",
        arguments: [
            ("empty", "series.1.total", "null"), ("empty", "total", "null"), ("empty", "totl", "never"),
            ("metric", "series.1.total", "null"), ("metric", "series.1.totl", "never"),
            ("two", "series.2.total", "null"),
            // Which one is meant is not said.
            ("two", "total", "never"), ("funnel", "groups.0.steps.1.people", "null"),
        ])
    func divided(_ name: String, _ path: String, _ expected: String) throws {
        #expect(try Self.said(path, name, of: Self.divided) == expected)
    }

    @Test("Numbers that there are, by their paths")
    func numbers() throws {
        let answer = try JSONValue(text: try #require(Self.answers["funnel"]))
        #expect(AnswerPath.numbers(in: answer) == ["steps.0.people", "steps.0.conversion", "steps.1.people"])
    }
}
