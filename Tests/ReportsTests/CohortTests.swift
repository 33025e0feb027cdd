import Model
import Testing

@testable import Reports

@Suite("Cohorts count by hand")
struct CohortTests {
    /// 2026-01-05 was a Monday.
    private func world() throws -> ReportWorld {
        let world = try ReportWorld()
        try world.identities(9)
        try world.events([
            (1, "A", "2026-01-05T10:00:00Z", #"{"plan":"x"}"#), (1, "B", "2026-01-06T10:00:00Z", "{}"),
            (1, "B", "2026-01-13T10:00:00Z", "{}"), (1, "B", "2026-01-14T10:00:00Z", "{}"),
            (2, "A", "2026-01-11T23:00:00Z", #"{"plan":"y"}"#), (2, "B", "2026-01-12T01:00:00Z", "{}"),
            (3, "B", "2026-01-12T01:00:00Z", "{}"), (3, "A", "2026-01-12T02:00:00Z", #"{"plan":"x"}"#),
            (4, "A", "2026-01-20T02:00:00Z", "{}"), (4, "A", "2026-02-20T02:00:00Z", "{}"),
            (4, "B", "2026-02-20T02:00:00Z", "{}"),
        ])
        return world
    }

    private func rows(_ report: String) throws -> [String] {
        let answer = try world().ask(
            "{\"type\":\"cohort\",\"start\":{\"event\":\"A\"},\"return\":{\"event\":\"B\"},\(report)}")
        return (answer.at("rows").arrayValue ?? []).map { row in
            let values = (row.at("values").arrayValue ?? []).map { $0.text }.joined(separator: " ")
            let cohort = row.at("cohort")
            return "\(cohort.stringValue ?? cohort.text) \(row.at("people").text): \(values)"
        }
    }

    @Test(
        "people in each period",
        arguments: [
            (
                #""interval":"week","periods":6,"mode":"every","bucket":"calendar""#,
                ["2026-01-05 2: 1 2 0 0 0 0", "2026-01-12 1: 0 0 0 0 0 0", "2026-01-19 1: 0 0 0 0 1 0"]
            ),
            (
                #""interval":"week","periods":3,"mode":"first","bucket":"calendar""#,
                ["2026-01-05 2: 1 1 0", "2026-01-12 1: 0 0 0", "2026-01-19 1: 0 0 0"]
            ),
            (
                #""interval":"week","periods":2,"mode":"every","bucket":"relative""#,
                ["2026-01-05 2: 2 1", "2026-01-12 1: 0 0", "2026-01-19 1: 0 0"]
            ),
            (
                #""interval":"day","periods":3,"mode":"every","bucket":"relative""#,
                ["2026-01-05 1: 0 1 0", "2026-01-11 1: 1 0 0", "2026-01-12 1: 0 0 0", "2026-01-20 1: 0 0 0"]
            ),
            (
                #""interval":"day","periods":2,"mode":"every","bucket":"calendar""#,
                ["2026-01-05 1: 0 1", "2026-01-11 1: 0 1", "2026-01-12 1: 0 0", "2026-01-20 1: 0 0"]
            ),
            (#""interval":"month","periods":2,"mode":"every","bucket":"calendar""#, ["2026-01-01 4: 2 1"]),
            (#""interval":"month","periods":2,"mode":"every","bucket":"relative""#, ["2026-01-01 4: 2 1"]),
            (
                #""interval":"week","periods":2,"mode":"every","from":"2026-01-10","to":"2026-01-18""#,
                ["2026-01-05 1: 0 1", "2026-01-12 1: 0 0"]
            ),
            (
                #""interval":"day","periods":2,"mode":"every","timezone":"Europe/Berlin","to":"2026-01-13""#,
                ["2026-01-05 1: 0 1", "2026-01-12 2: 1 0"]
            ),
            (
                #""interval":"week","periods":2,"mode":"every","breakdown":{"event_property":"plan"}"#,
                [#"x 2: 1 1"#, "y 1: 0 1", "null 1: 0 0"]
            ),
            (
                #""interval":"day","periods":100,"mode":"every","from":"2026-01-05","to":"2026-01-06""#,
                ["2026-01-05 1: 0 1 0 0 0 0 0 0 1 1" + String(repeating: " 0", count: 90)]
            ),
        ])
    func periods(_ report: String, _ expected: [String]) throws { #expect(try rows(report) == expected) }

    @Test("An event is not its own return")
    func own() throws {
        let world = try ReportWorld()
        try world.identities(3)
        try world.events([
            (1, "A", "2026-01-05", "{}"), (2, "A", "2026-01-05", "{}"), (2, "A", "2026-01-05", "{}"),
            (3, "A", "2026-01-05", "{}"), (3, "A", "2026-01-12", "{}"),
        ])
        let answer = try world.ask(
            #"{"type":"cohort","start":{"event":"A"},"return":{"event":"A"},"interval":"week","periods":2,"mode":"every"}"#
        )
        #expect(answer.at("rows.0.values").text == "[1,1]")
        #expect(answer.at("rows.0.people").intValue == 3)
    }

    @Test("Per cent and cumulative")
    func shares() throws {
        let answer = try world().ask(
            #"{"type":"cohort","start":{"event":"A"},"return":{"event":"B"},"interval":"week","periods":2,"mode":"every"}"#
        )
        #expect(answer.at("rows.0.percent").text == "[50.0,100.0]")
        #expect(answer.at("rows.0.cumulative").text == "[1,3]")
        #expect(answer.at("looked_at.people").intValue == 4)
    }
}
