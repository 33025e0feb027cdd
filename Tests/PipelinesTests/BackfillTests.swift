import Control
import Destinations
import DuckDB
import Model
import Testing

@testable import Pipelines

@Suite("Ranges of time that are loaded again")
struct BackfillTests {
    private static let table = """
        name: p
        export: { dataset: events }
        load: { destination: { type: duckdb, path: w.duckdb, table: events } }
        on_failure: { retry: { attempts: 1 } }

        """

    private static func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

    private static func rows(_ works: Works) throws -> Int64 {
        let database = try Database(path: works.folder + "/own/w.duckdb")
        let connection = try database.connect()
        return try connection.row("SELECT count(DISTINCT seq) * 1000000 + count(*) FROM events")?.first?.int ?? -1
    }

    @Test(
        "Each window is loaded by its key: rows that were there come once, those that were lost come again, live runs go on"
    )
    func windows() async throws {
        try await Works.with { works in
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: true)
            try await works.apply(Self.table)
            try await works.collect(100, from: 0)
            _ = try await keeper.start(project: "default", pipeline: "p")
            try await works.go(keeper)
            do {
                let database = try Database(path: works.folder + "/own/w.duckdb")
                try database.connect().execute("DELETE FROM events WHERE seq BETWEEN 40 AND 70")
            }
            // What came since the last run is the next run's, not the backfill's.
            try await works.collect(20, from: 50)
            let begun = try await keeper.startBackfill(
                project: "default", pipeline: "p", from: Self.at(0), to: Self.at(100), step: 30_000_000)
            let backfill = try #require(begun.backfill)
            #expect(BackfillPlan(backfill).windows == 4 && BackfillPlan(backfill).left == nil)
            // The first window waits for its place beside a live run.
            _ = try await keeper.look(works.tools.now())
            _ = try await keeper.start(project: "default", pipeline: "p")
            let jobs = try await keeper.takeUp(works.tools.now())
            #expect(jobs.count == 2)
            for job in jobs { await job() }
            let next = PipelineKeeper(tools: works.tools, followsSchedules: true)
            for _ in 0..<6 { try await works.go(next) }
            let done = try #require(try await works.control.backfill(backfill.id, project: "default"))
            #expect(done.status == .succeeded && done.windowsDone == 4, "\(done)")
            #expect(try Self.rows(works) == 120_000_120)
            let runs = try await works.runs()
            #expect(runs.count { $0.cause == .backfill } == 4)
            #expect(runs.allSatisfy { $0.status == .succeeded }, "\(runs.map(\.reason))")
            let good = try await works.control.lastGoodRun(project: "default", pipeline: "p")
            #expect(good?.cause == .manual && good?.seqTo == 120)
            // The same again changes nothing.
            _ = try await next.startBackfill(
                project: "default", pipeline: "p", from: Self.at(0), to: Self.at(100), step: 100_000_000)
            for _ in 0..<4 { try await works.go(next) }
            #expect(try Self.rows(works) == 120_000_120)
        }
    }

    @Test("One that is paused waits, one that failed goes on where it was, and another one is not begun beside it")
    func pauses() async throws {
        try await Works.with { works in
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: true)
            try await works.apply(Self.table)
            try await works.collect(10, from: 0)
            // Nothing was loaded yet: the first run loads everything.
            func begin(_ end: Int64) async throws -> (backfill: BackfillRecord?, isOther: Bool) {
                try await keeper.startBackfill(
                    project: "default", pipeline: "p", from: Self.at(0), to: Self.at(end), step: 5_000_000)
            }
            let id = try #require(try await begin(10).backfill?.id)
            for _ in 0..<2 { try await works.go(keeper) }
            var now = try #require(try await works.control.backfill(id, project: "default"))
            #expect(now.status == .failed && now.reason?.contains("the first run loads everything") ?? false)
            _ = try await keeper.start(project: "default", pipeline: "p")
            try await works.go(keeper)
            _ = try await keeper.setBackfill(id, project: "default", .paused)
            for _ in 0..<2 { try await works.go(keeper) }
            #expect(try await works.control.backfill(id, project: "default")?.windowsDone == 0)
            #expect(try await begin(7).isOther)
            // The same again goes on with it.
            #expect(try await begin(10).backfill?.id == id)
            for _ in 0..<4 { try await works.go(keeper) }
            now = try #require(try await works.control.backfill(id, project: "default"))
            #expect(now.status == .succeeded && now.rows == 10)
            _ = try await keeper.setBackfill(id, project: "default", .cancelled)
            #expect(try await works.control.backfill(id, project: "default")?.status == .succeeded)
        }
    }

    @Test("What cannot be loaded again without a row being there twice is refused")
    func refused() throws {
        let registry = DestinationRegistry.builtin
        for (export, load, message) in [
            (
                "{ dataset: events, incremental: false }", "{ destination: { type: duckdb, path: a, table: t } }",
                "loads everything"
            ),
            ("{ dataset: aliases }", "{ destination: { type: duckdb, path: a, table: t } }", "is of events"),
            ("{ dataset: events }", "{ destination: { type: folder, path: a } }", "cannot tell rows"),
            (
                "{ dataset: events, columns: [seq, event] }", "{ destination: { type: duckdb, path: a, table: t } }",
                "event_id"
            ),
            (
                "{ dataset: events, columns: [identity, event] }",
                "{ destination: { type: duckdb, path: a, table: t }, mode: upsert, key: identity }", "in its key"
            ),
        ] {
            let file = try PipelineFile(text: "name: p\nexport: \(export)\nload: \(load)\n")
            let definition = try #require(file.pipelines.first)
            guard case .inline(let settings) = definition.load.target else { continue }
            let type = try registry.type(settings["type"]?.stringValue ?? "")
            let error = #expect(throws: PipelineError.self) { try BackfillPlan.check(definition, type) }
            #expect(error?.message.contains(message) ?? false, "\(error?.message ?? "")")
        }
    }
}
