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
