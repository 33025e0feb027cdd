import EventStore
import Model
import Testing

@testable import Reports

@Suite("Wrong reports are refused where they are wrong")
struct SpecTests {
    @Test(
        "the node is named",
        arguments: [
            (#"[]"#, "report: a report is an object"),
            (#"{}"#, "report: \"type\" is missing"),
            (#"{"type":"pie"}"#, "type: one of funnel"),
            (#"{"type":"funnel"}"#, "report: \"steps\" is missing"),
            (#"{"type":"funnel","steps":[{"event":"A"}]}"#, "steps: a list of 2 to 20"),
            (#"{"type":"funnel","steps":[{"event":"A"},{"evnt":"B"}]}"#, "steps[1]: there is no \"evnt\""),
            (#"{"type":"funnel","steps":[{"event":"A"},{"event":7}]}"#, "steps[1].event: an event's name"),
            (
                #"{"type":"funnel","steps":[{"event":"A"},{"event":"B","where":{"property":"x","gtt":1}}]}"#,
                "steps[1].where: there is no operator"
            ),
            (#"{"type":"funnel","steps":[{"event":"A"},{"event":"B"}],"window":"7"}"#, "window: a duration"),
            (#"{"type":"funnel","steps":[{"event":"A"},{"event":"B"}],"window":"0d"}"#, "window: a duration"),
            (
                #"{"type":"funnel","steps":[{"event":"A"},{"event":"B"}],"window":"99999d"}"#,
                "window: a duration from 1s to 36500d"
            ),
            (#"{"type":"funnel","steps":[{"event":"A"},{"event":"B"}],"order":"some"}"#, "order: one of any, strict"),
            (#"{"type":"funnel","steps":[{"event":"A"},{"event":"B"}],"from":"soon"}"#, "from: \"soon\" is no time"),
            (
                #"{"type":"funnel","steps":[{"event":"A"},{"event":"B"}],"from":"2026-02-01","to":"2026-01-01"}"#,
                "report: \"from\""
            ),
            (
                #"{"type":"funnel","steps":[{"event":"A"},{"event":"B"}],"breakdown":{}}"#,
                "breakdown: a breakdown has either"
            ),
            (
                #"{"type":"funnel","steps":[{"event":"A"},{"event":"B"}],"breakdown":{"event_property":"x","step":3}}"#,
                "breakdown.step: a whole number from 1 to 2"
            ),
            (
                #"{"type":"funnel","steps":[{"event":"A"},{"event":"B"}],"timezone":"Mars/X"}"#,
                "timezone: there is no zone"
            ),
            (#"{"type":"cohort","start":{"event":"A"}}"#, "report: \"return\" is missing"),
            (#"{"type":"cohort","start":{},"return":{},"periods":0}"#, "periods: a whole number from 1 to 120"),
            (
                #"{"type":"cohort","start":{},"return":{},"interval":"hour"}"#,
                "interval: a cohort report has rows of a day"
            ),
            (
                #"{"type":"revenue","measure":{"event":"A","property":"x"},"churn":{"after":"751d"}}"#,
                "churn.after: a duration from 1s to 750d"
            ),
            (#"{"type":"metric"}"#, "report: either \"measure\""),
            (#"{"type":"metric","measure":{"event":"A","of":"p100"}}"#, "measure.of: one of people"),
            (#"{"type":"metric","measure":{"event":"A","of":"sum"}}"#, "measure: \"property\" is missing"),
            (
                #"{"type":"metric","measures":{"a":{},"b":{}},"formula":"a % b"}"#, "formula: one of a + b"
            ),
            (#"{"type":"metric","measure":{},"compare":"previous"}"#, "compare: the period before"),
            (
                #"{"type":"metric","measure":{"where":{"did":"A","where":{"person":"x","is":1}}}}"#,
                "measure.where.where: \"person\" asks"
            ),
        ])
    func refused(_ text: String, _ expected: String) throws {
        let world = try ReportWorld()
        let error = try #require(throws: QueryError.self) { try world.ask(text) }
        #expect(error.message.hasPrefix(expected), "\(error.message)")
    }

    @Test(
        "what is no cell of a report's answer",
        arguments: [
            (
                #"{"type":"funnel","steps":[{"event":"A"},{"event":"B"}]}"#, #"{"step":3}"#,
                "cell.step: a whole number from 1"
            ),
            (#"{"type":"funnel","steps":[{"event":"A"},{"event":"B"}]}"#, #"{"stp":1}"#, "cell: there is no \"stp\""),
            (#"{"type":"cohort","start":{},"return":{}}"#, #"{"cohort":"2026-01-06"}"#, "cell.cohort: a date as"),
            (
                #"{"type":"cohort","start":{},"return":{}}"#, #"{"cohort":"2026-01-05","period":8}"#,
                "cell.period: a whole"
            ),
            (#"{"type":"metric","measure":{},"interval":"hour"}"#, #"{"t":"noon"}"#, "cell.t: a date as"),
            (#"{"type":"metric","measure":{}}"#, #"{"measure":"a"}"#, "cell: there is no \"measure\""),
            (
                #"{"type":"revenue","measure":{"event":"A","property":"x"}}"#, #"{"outcome":"kept"}"#,
                "cell.outcome: one of paid"
            ),
            (
                #"{"type":"attribution","conversion":{},"property":{"event_property":"x"}}"#, #"{"k":1}"#,
                "cell: there is no"
            ),
            (#"{"type":"metric","measure":{}}"#, #"[]"#, "cell: a cell of this report is an object"),
        ])
    func cells(_ report: String, _ cell: String, _ expected: String) throws {
        let report = try ReportRunner.check(JSONValue(text: report), now: ReportWorld.now)
        let cell = try JSONValue(text: cell)
        let error = try #require(throws: QueryError.self) { try report.check(cell: cell) }
        #expect(error.message.hasPrefix(expected), "\(error.message)")
    }

    @Test("Columns that a report needs")
    func needs() throws {
        let text = #"""
            {"type":"funnel","steps":[{"event":"A","where":{"property":"p","is":1}},{"event":"B"}],
             "where":{"person":"plan","is":"x"},"breakdown":{"person_property":"tier"}}
            """#
        let report = try ReportRunner.check(JSONValue(text: text), now: ReportWorld.now)
        #expect(
            Set(report.needs.map(\.text)) == ["event", "timestamp", "properties.p", "person.plan", "person.tier"])
    }
}
