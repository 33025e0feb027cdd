import Model
import Testing

@testable import Reports

@Suite("Metrics count by hand")
struct MetricTests {
    private func world() throws -> ReportWorld {
        let world = try ReportWorld()
        try world.identities(9)
        try world.events([
            (1, "B", "2026-01-05T10:00:00Z", #"{"amount":10,"plan":"x"}"#),
            (1, "B", "2026-01-05T11:00:00Z", #"{"amount":"20.5","plan":"x"}"#),
            (2, "B", "2026-01-05T23:30:00Z", #"{"amount":0.1,"plan":"y"}"#),
            (3, "B", "2026-01-07T00:00:00Z", #"{"amount":0.2,"plan":"z"}"#),
            (3, "B", "2026-01-07T12:00:00Z", #"{"amount":"none","plan":"y"}"#),
            (3, "B", "2026-01-14T12:00:00Z", "{}"),
            (4, "C", "2026-01-05T12:00:00Z", "{}"), (4, "C", "2026-01-07T12:00:00Z", "{}"),
        ])
        try world.change(1, "tier", #""gold""#, at: "2026-01-01")
        return world
    }

    /// `t value` of each point of each series, and the total.
    private func series(_ report: String, _ place: String = "series") throws -> [String] {
        let answer = try world().ask("{\"type\":\"metric\",\(report)}")
        return (answer.at(place).arrayValue ?? []).map { one in
            let points = (one.at("points").arrayValue ?? []).map { point in
                "\((point.at("t").stringValue ?? "-").suffix(5)) \(point.at("value").text)"
            }
            return "\(one.at("key").text) [\(one.at("total").text)] " + points.joined(separator: ", ")
        }
    }

    @Test(
        "points",
        arguments: [
            (
                #""measure":{"event":"B","of":"events"},"interval":"day","to":"2026-01-09""#,
                ["null [5] 01-05 3, 01-06 0, 01-07 2, 01-08 0"]
            ),
            (
                #""measure":{"event":"B","of":"people"},"interval":"day""#,
                [
                    "null [3] 01-05 2, 01-06 0, 01-07 1, 01-08 0, 01-09 0, 01-10 0, 01-11 0, 01-12 0, 01-13 0, 01-14 1"
                ]
            ),
            (
                #""measure":{"event":"B","of":"sum","property":"amount"},"interval":"week""#,
                ["null [30.8] 01-05 30.8, 01-12 0"]
            ),
            (
                #""measure":{"event":"B","of":"avg","property":"amount"},"interval":"week""#,
                ["null [7.7] 01-05 7.7, 01-12 null"]
            ),
            (
                #""measure":{"event":"B","of":"median","property":"amount"},"interval":"week""#,
                ["null [5.1] 01-05 5.1, 01-12 null"]
            ),
            (
                #""measure":{"event":"B","of":"p75","property":"amount"},"interval":"day","to":"2026-01-06""#,
                ["null [15.25] 01-05 15.25"]
            ),
            (
                #""measure":{"event":"B","of":"min","property":"amount"},"interval":"month""#,
                ["null [0.1] 01-01 0.1"]
            ),
            (
                #""measure":{"event":"B","of":"max","property":"amount"},"interval":"month""#,
                ["null [20.5] 01-01 20.5"]
            ),
            (#""measure":{"event":"B","of":"events"}"#, ["null [6] - 6"]),
            (
                #""measure":{"event":"B"},"interval":"day","timezone":"Europe/Berlin","to":"2026-01-08""#,
                ["null [5] 01-05 2, 01-06 1, 01-07 2"]
            ),
            (
                #""measure":{"event":"B"},"interval":"week","breakdown":{"event_property":"plan"}"#,
                [
                    #""x" [2] 01-05 2, 01-12 0"#, #""y" [2] 01-05 2, 01-12 0"#, #""z" [1] 01-05 1, 01-12 0"#,
                    "null [1] 01-05 0, 01-12 1",
                ]
            ),
            (
                #""measure":{"event":"B","of":"people"},"interval":"week","breakdown":{"event_property":"plan","top":1}"#,
                [#""y" [2] 01-05 2, 01-12 0"#, #""other" [2] 01-05 2, 01-12 1"#]
            ),
            (
                #""measure":{"event":"B","of":"sum","property":"amount"},"interval":"month","breakdown":{"event_property":"plan","top":1}"#,
                [#""x" [30.5] 01-01 30.5"#, #""other" [0.3] 01-01 0.3"#]
            ),
            (
                #""measure":{"event":"B"},"interval":"month","breakdown":{"person_property":"tier"}"#,
                ["null [4] 01-01 4", #""gold" [2] 01-01 2"#]
            ),
            (
                #""measure":{"event":"B"},"interval":"month","breakdown":{"event_property":"plan","value":"first"}"#,
                [#""z" [3] 01-01 3"#, #""x" [2] 01-01 2"#, #""y" [1] 01-01 1"#]
            ),
            (
                #""measures":{"a":{"event":"B"},"b":{"event":"C"}},"formula":"a / b","interval":"day","to":"2026-01-08""#,
                ["null [2.5] 01-05 3, 01-06 null, 01-07 2"]
            ),
            (
                #""measures":{"a":{"event":"B"},"b":{"event":"C"}},"formula":"a - b","interval":"week""#,
                ["null [4] 01-05 3, 01-12 1"]
            ),
            (
                #""measure":{"event":"none"},"interval":"day","from":"2026-01-05","to":"2026-01-07""#,
                ["null [0] 01-05 0, 01-06 0"]
            ),
        ])
    func points(_ report: String, _ expected: [String]) throws { #expect(try series(report) == expected) }

    @Test("Hours are moments in UTC, and one that comes twice is two")
    func hours() throws {
        let world = try ReportWorld()
        try world.identities(1)
        // Clocks go back at 01:00 UTC.
        for time in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] { try world.event(1, "B", time) }
        let answer = try world.ask(
            #"{"type":"metric","measure":{"event":"B"},"interval":"hour","timezone":"Europe/Berlin"}"#)
        #expect(
            answer.at("series.0.points").text
                == #"[{"t":"2026-10-25T00:00:00.000000Z","value":1},{"t":"2026-10-25T01:00:00.000000Z","value":1}]"#)
    }

    @Test("The period before")
    func previous() throws {
        let report =
            #""measure":{"event":"B"},"interval":"day","from":"2026-01-07","to":"2026-01-09","compare":"previous""#
        #expect(try series(report) == ["null [2] 01-07 2, 01-08 0"])
        #expect(try series(report, "previous.series") == ["null [3] 01-05 3, 01-06 0"])
    }

    @Test(
        "Of whole calendar periods, the ones before",
        arguments: [
            ("2026-03-01", "2026-04-01", "UTC", "2026-02-01T00:00:00.000000Z"),
            ("2026-04-01", "2026-07-01", "UTC", "2026-01-01T00:00:00.000000Z"),
            ("2025-01-01", "2026-01-01", "UTC", "2024-01-01T00:00:00.000000Z"),
            ("2026-03-30", "2026-04-06", "Europe/Berlin", "2026-03-22T23:00:00.000000Z"),
            ("2026-03-01", "2026-04-01", "Europe/Berlin", "2026-01-31T23:00:00.000000Z"),
            ("2026-03-02", "2026-03-03T12:00:00Z", "UTC", "2026-02-28T12:00:00.000000Z"),
        ])
    func calendar(_ from: String, _ to: String, _ zone: String, _ expected: String) throws {
        let answer = try ReportWorld().ask(
            """
            {"type":"metric","measure":{},"compare":"previous","from":"\(from)","to":"\(to)","timezone":"\(zone)"}
            """)
        #expect(answer.at("previous.from").stringValue == expected)
        #expect(answer.at("previous.to") == answer.at("from"))
    }

    @Test("Days of a zone over a change of its clocks")
    func clocks() throws {
        let world = try ReportWorld()
        try world.identities(1)
        for time in ["2026-03-28T22:59:00Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:00Z", "2026-03-29T22:00:00Z"] {
            try world.event(1, "B", time)
        }
        let answer = try world.ask(
            #"{"type":"metric","measure":{"event":"B"},"interval":"day","timezone":"Europe/Berlin"}"#)
        #expect(
            answer.at("series.0.points").text
                == #"[{"t":"2026-03-28","value":1},{"t":"2026-03-29","value":2},{"t":"2026-03-30","value":1}]"#)
    }
}
