import Connectors
import Control
import Destinations
import Foundation
import Model
import Synchronization
import Testing

@testable import Pipelines

/// A DuckDB file whose loads arrive, and of whose answers nobody hears: the call lasts until it is cancelled.
private struct HeldDestination: Destination {
    static let loaded = AsyncStream<Void>.makeStream()
    static let kind = DuckDBDestination.kind
    static let fields = DuckDBDestination.fields
    static let abilities = DuckDBDestination.abilities

    let file: DuckDBDestination

    init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        file = try DuckDBDestination(settings, tools)
    }

    var location: String { file.location }
    func check() async throws(ConnectorError) { try await file.check() }
    func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition { try await file.position(stream) }
    func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt {
        _ = try await file.load(batch)
        Self.loaded.continuation.yield()
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(60)) }
        throw ConnectorError(.unreachable, "cut off", isTransient: true)
    }
    func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        try await file.verify(batch, receipt)
    }
}

@Suite("What makes and runs pipelines", .serialized)
struct KeeperTests {
    static let table = """
        name: p
        export: { dataset: events }
        load: { destination: { type: duckdb, path: w.duckdb, table: events } }
        on_failure: { retry: { attempts: 2, base: 1m, backoff: fixed } }

        """
    private static let hour: Int64 = 3_600_000_000

    @Test("A run loads what is new, is over with the watermark, and the next one goes on there")
    func twoRuns() async throws {
        try await Works.with { works in
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: false)
            try await works.apply(Self.table)
            try await works.collect(30, from: 0)
            _ = try await keeper.start(project: "default", pipeline: "p")
            try await works.go(keeper)
            try await works.collect(5, from: 30)
            _ = try await keeper.start(project: "default", pipeline: "p")
            try await works.go(keeper)
            let runs = try await works.runs()
            #expect(runs.map(\.status) == [.succeeded, .succeeded], "\(runs.map(\.reason))")
            #expect(runs.map(\.rows) == [5, 30])
            #expect(runs[0].seqFrom == runs[1].seqTo)
            #expect(keeper.unfinishedCount == 0)
            let target = try #require(runs[0].target)
            let watermark = try await works.control.watermark(pipeline: "p", project: "default", target: target)
            #expect(watermark?.seq == 35 && watermark?.run == runs[0].id)
            // Nothing of the runs' files stays.
            let left = try? FileManager.default.contentsOfDirectory(atPath: works.folder + "/runs/p")
            #expect(left == [])
        }
    }

    @Test("What another start left after its load goes on with its window, and is loaded once")
    func restart() async throws {
        try await Works.with { works in
            try await works.apply(Self.table)
            try await works.collect(10, from: 0)
            // The server ends once the rows are committed, and before that is written down.
            var tools = works.tools
            (tools.boot, tools.registry) = ("b0", DestinationRegistry([HeldDestination.self]))
            let first = PipelineKeeper(tools: tools, followsSchedules: false)
            _ = try await first.start(project: "default", pipeline: "p")
            let jobs = try await first.takeUp(tools.now())
            let task = Task { for job in jobs { await job() } }
            for await _ in HeldDestination.loaded.stream { break }
            task.cancel()
            await task.value
            let left = try #require(try await works.runs().first)
            #expect(left.status == .running && left.boot == "b0" && left.rows == nil)
            // What came since is the next run's.
            try await works.collect(4, from: 10)
            let second = PipelineKeeper(tools: works.tools, followsSchedules: false)
            try await works.go(second)
            let run = try #require(try await works.runs().first)
            #expect(run.status == .succeeded && run.boot == "b1" && run.rows == 10 && run.seqTo == left.seqTo)
            #expect(run.steps.text.contains("it had been loaded before"))
            #expect(try works.loaded() == 10)
            _ = try await second.start(project: "default", pipeline: "p")
            try await works.go(second)
            #expect(try works.loaded() == 14)
        }
    }

    @Test("A step that takes too long is cut off in the middle of a statement")
    func timeout() async throws {
        try await Works.with { works in
            try await works.collect(1, from: 0)
            let endless = "select 1 from range(1000000) a, range(1000000) b, export where a.range + b.range < 0"
            try await works.apply(
                Self.table + "timeout: 1s\nvalidate: { sql: [{ name: x, sql: \"\(endless)\" }] }\n")
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: false)
            _ = try await keeper.start(project: "default", pipeline: "p")
            try await works.go(keeper)
            let run = try #require(try await works.runs().first)
            #expect(run.reason?.contains("longer than 1 s") ?? false, "\(run.reason ?? "")")
        }
    }

    @Test("A control database that is busy ends no run, and everything else does")
    func busyControl() {
        #expect(PipelineKeeper.leavesOpen(ControlError(.database, "busy", isTransient: true)))
        #expect(!PipelineKeeper.leavesOpen(ControlError(.database, "gone")))
        #expect(!PipelineKeeper.leavesOpen(PipelineError(.badDefinition, "no", isTransient: true)))
    }

    @Test("Whatever is at work for a project is cut off and goes on, and that of others is not touched")
    func interrupted() async throws {
        try await Works.with { works in
            try await works.apply(Self.table)
            try await works.collect(10, from: 0)
            var tools = works.tools
            tools.registry = DestinationRegistry([HeldDestination.self])
            let keeper = PipelineKeeper(tools: tools, followsSchedules: false)
            _ = try await keeper.start(project: "default", pipeline: "p")
            let jobs = try await keeper.takeUp(tools.now())
            let task = Task { for job in jobs { await job() } }
            for await _ in HeldDestination.loaded.stream { break }
            await keeper.interrupt(project: "other")
            #expect(try await keeper.takeUp(tools.now()).isEmpty)
            await keeper.interrupt(project: "default")
            await task.value
            try await works.go(PipelineKeeper(tools: works.tools, followsSchedules: false))
            #expect(try await works.runs().map(\.status) == [.succeeded])
            #expect(try works.loaded() == 10)
        }
    }

    @Test("A step that fails waits for its next attempt, and gives up in the end; nothing is loaded twice meanwhile")
    func retries() async throws {
        try await Works.with { works in
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: false)
            try await works.apply(
                Self.table.replacing(
                    "type: duckdb, path: w.duckdb, table: events",
                    with: "type: http, url: \"https://does-not-exist.invalid/\""))
            try await works.collect(3, from: 0)
            _ = try await keeper.start(project: "default", pipeline: "p")
            try await works.go(keeper)
            var run = try #require(try await works.runs().first)
            #expect(run.status == .running && run.nextAttemptAt != nil && run.reason != nil)
            works.clock.add(59_000_000)
            try await works.go(keeper)
            #expect(try await works.runs().first?.status == .running)
            works.clock.add(2_000_000)
            try await works.go(keeper)
            run = try #require(try await works.runs().first)
            #expect(run.status == .failed && run.reason?.hasPrefix("load: ") ?? false)
            #expect(keeper.unfinishedCount == 0)
        }
    }

    @Test("Scheduled times run once each, and those that were missed are on record")
    func schedules() async throws {
        try await Works.with { works in
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: true)
            try await works.apply(Self.table + "schedule: { cron: \"0 * * * *\", catch_up: latest }\n")
            try await works.go(keeper)
            #expect(try await works.runs().isEmpty)
            works.clock.add(Self.hour)
            try await works.go(keeper)
            try await works.go(keeper)
            #expect(try await works.runs().map(\.cause) == [.schedule])
            works.clock.add(3 * Self.hour + Self.hour / 2)
            try await works.go(keeper)
            let runs = try await works.runs()
            #expect(runs.map(\.status) == [.succeeded, .skipped, .skipped, .succeeded])
            #expect(runs[0].cause == .catchUp)
            #expect(runs.filter { $0.status == .skipped }.allSatisfy { $0.reason != nil })
            // A pause lets times pass without a record.
            _ = try await works.control.pausePipeline("p", project: "default", isPaused: true, at: works.tools.now())
            works.clock.add(2 * Self.hour)
            try await works.go(keeper)
            _ = try await works.control.pausePipeline("p", project: "default", isPaused: false, at: works.tools.now())
            try await works.go(keeper)
            #expect(try await works.runs().count == 4)
        }
    }

    @Test("Two runs of one pipeline are never at work at once, and those of others are")
    func oneAtATime() async throws {
        try await Works.with { works in
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: false)
            try await works.apply(Self.table + "---\n" + Self.table.replacing("name: p", with: "name: q"))
            for name in ["p", "p", "q"] { _ = try await keeper.start(project: "default", pipeline: name) }
            let jobs = try await keeper.takeUp(works.tools.now())
            #expect(jobs.count == 2)
            #expect(try await keeper.takeUp(works.tools.now()).isEmpty)
            for job in jobs { await job() }
            #expect(try await keeper.takeUp(works.tools.now()).count == 1)
        }
    }
}
