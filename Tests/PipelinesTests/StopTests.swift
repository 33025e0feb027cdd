import Control
import Model
import Testing

@testable import Pipelines

@Suite("Rows that are not what they should be stop a run")
struct StopTests {
    @Test("A rule that does not hold stops the run, keeps the rows aside, and loads nothing")
    func validation() async throws {
        try await Works.with { works in
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: false)
            try await works.collect(6, from: 0)
            let rules = [
                ("validate: { columns: { event: { accepted: [Bought] } } }", "6 of 6 rows"),
                ("validate: { columns: { who: timestamp } }", "no column \"who\""),
                ("validate: { columns: { event: bigint } }", "no bigint"),
                ("validate: { columns: { identity: { unique: true } } }", "there twice"),
                ("validate: { columns: { identity: { matches: email } } }", "does not match"),
                ("validate: { columns: { seq: { max: 3 } } }", "at most 3"),
                ("validate: { columns: { timestamp: { min: 2020-01-01 } } }", "at least 2020"),
                ("validate: { row_count: { min: 10 } }", "at least 10"),
                ("validate: { freshness: { column: timestamp, max_age: 1h } }", "the newest"),
                ("validate: { sql: [{ name: none, sql: \"select * from export where seq = '2'\" }] }", "none: 1 rows"),
                (
                    "validate: { sql: [{ name: x, sql: \"select * from read_csv('/etc/passwd')\" }] }",
                    "the query failed"
                ),
            ]
            for (rule, reason) in rules {
                try await works.apply(KeeperTests.table + rule + "\n")
                _ = try await keeper.start(project: "default", pipeline: "p")
                try await works.go(keeper)
                let run = try #require(try await works.runs().first)
                #expect(run.status == .failed && run.reason?.contains(reason) ?? false, "\(rule): \(run.reason ?? "")")
                #expect(run.rows == nil)
            }
            try await works.apply(
                KeeperTests.table
                    + "validate: { columns: { event: { accepted: [Seen], required: true } }, not_empty: true }\n"
            )
            _ = try await keeper.start(project: "default", pipeline: "p")
            try await works.go(keeper)
            #expect(try await works.runs().first?.rows == 6)
        }
    }

    @Test(
        "How many rows there may be",
        arguments: [
            (false, Int64(0), [Int64](), false), (true, 0, [], true), (false, 100, [], true),
            (false, 9, [100, 100, 90], false),
            (false, 11, [100, 100, 90], true), (true, 1, [100, 100], true), (false, 5, [0, 0], true),
        ])
    func counts(isIncremental: Bool, found: Int64, previous: [Int64], holds: Bool) {
        let rules = CountRules(
            plan: ValidationPlan(), isIncremental: isIncremental, found: found, declared: found, previous: previous)
        #expect(!rules.checks().contains { $0.outcome == .failed } == holds)
        let cut = CountRules(
            plan: ValidationPlan(), isIncremental: isIncremental, found: found, declared: found + 1, previous: [])
        #expect(cut.checks().contains { $0.rule == "complete" && $0.outcome == .failed })
    }
}
