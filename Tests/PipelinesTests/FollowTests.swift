import Control
import Model
import Testing

@testable import Pipelines

@Suite("Pipelines that follow others, what comes, and clocks that are moved")
struct FollowTests {
    private static let hour: Int64 = 3_600_000_000

    private static func pipeline(_ name: String, fails: Bool = false, _ more: String = "") -> String {
        let destination =
            fails
            ? "{ type: http, url: \"https://does-not-exist.invalid/\" }"
            : "{ type: duckdb, path: \(name).duckdb, table: events }"
        return """
            name: \(name)
            export: { dataset: events }
            load: { destination: \(destination) }
            on_failure: { retry: { attempts: 1 } }
            \(more)

            """
    }

    private static func statuses(_ works: Works, _ name: String) async throws -> [PipelineRunRecord.Status] {
        try await works.control.pipelineRuns(project: "default", pipeline: name, limit: 100).map(\.status).reversed()
    }

    @Test("One without a schedule runs when those before it are done, and is on record where one of them failed")
    func after() async throws {
        try await Works.with { works in
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: true)
            try await works.collect(1, from: 0)
            try await works.apply(
                [Self.pipeline("a"), Self.pipeline("b"), Self.pipeline("c", "after: [a, b]")].joined(separator: "---\n")
            )
            func run(_ name: String) async throws {
                _ = try await keeper.start(project: "default", pipeline: name)
                for _ in 0..<3 { try await works.go(keeper) }
            }
            try await run("a")
            #expect(try await Self.statuses(works, "c") == [])
            try await run("b")
            #expect(try await Self.statuses(works, "c") == [.succeeded])
            let first = try #require(try await works.control.lastRunAfterOthers(project: "default", pipeline: "c"))
            #expect(first.upstream?["a"]?["status"] == "succeeded" && first.cause == .after)
            // One success of each makes one run, whoever comes first.
            try await run("a")
            try await run("a")
            #expect(try await Self.statuses(works, "c").count == 1)
            try await works.apply(Self.pipeline("b", fails: true))
            try await run("b")
            #expect(try await Self.statuses(works, "c") == [.succeeded, .skipped])
            let skipped = try #require(try await works.control.lastRunAfterOthers(project: "default", pipeline: "c"))
            #expect(skipped.reason?.contains("comes after b") ?? false)
            // What succeeded meanwhile counts when the other one is well again.
            try await works.apply(Self.pipeline("b"))
            try await run("b")
            #expect(try await Self.statuses(works, "c") == [.succeeded, .skipped, .succeeded])
            for _ in 0..<3 { try await works.go(keeper) }
            #expect(try await Self.statuses(works, "c").count == 3)
        }
    }

    @Test("A scheduled one waits for those before it, for the same time")
    func scheduled() async throws {
        try await Works.with { works in
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: true)
            try await works.collect(1, from: 0)
            let hourly = "schedule: { cron: \"0 * * * *\" }"
            try await works.apply(
                Self.pipeline("a", "schedule: { cron: \"0 * * * *\", buffer: 10m }") + "---\n"
                    + Self.pipeline("b", hourly + "\nafter: a"))
            works.clock.add(Self.hour)
            try await works.go(keeper)
            #expect(try await Self.statuses(works, "b") == [.queued])
            works.clock.add(Self.hour / 6)
            for _ in 0..<2 { try await works.go(keeper) }
            #expect(try await Self.statuses(works, "a") == [.succeeded])
            #expect(try await Self.statuses(works, "b") == [.succeeded])
            // The next time: what a loaded for the one before says nothing.
            works.clock.add(Self.hour * 5 / 6)
            try await works.apply(Self.pipeline("a", fails: true, "schedule: { cron: \"0 * * * *\", buffer: 10m }"))
            try await works.go(keeper)
            #expect(try await Self.statuses(works, "b") == [.succeeded, .queued])
            works.clock.add(Self.hour / 6)
            for _ in 0..<2 { try await works.go(keeper) }
            #expect(try await Self.statuses(works, "a") == [.succeeded, .failed])
            #expect(try await Self.statuses(works, "b") == [.succeeded, .skipped])
        }
    }

    @Test("What follows what comes runs when something came, and not when nothing did")
    func continuous() async throws {
        try await Works.with { works in
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: true)
            try await works.apply(Self.pipeline("p", "schedule: { continuous: 4s }"))
            try await works.collect(5, from: 0)
            try await works.go(keeper)
            for _ in 0..<5 {
                works.clock.add(10_000_000)
                try await works.go(keeper)
            }
            #expect(try await works.runs().map(\.rows) == [5])
            try await works.collect(7, from: 5)
            try await works.go(keeper)
            try await works.go(keeper)
            #expect(try await works.runs().map(\.rows) == [7, 5])
            #expect(try await works.runs().allSatisfy { $0.cause == .continuous })
            // One that fails is not tried again at once.
            try await works.apply(Self.pipeline("p", fails: true, "schedule: { continuous: true }"))
            for _ in 0..<3 { try await works.go(keeper) }
            #expect(try await works.runs().map(\.status) == [.failed, .succeeded, .succeeded])
            works.clock.add(61_000_000)
            for _ in 0..<3 { try await works.go(keeper) }
            #expect(try await works.runs().count == 4)
            // Old ones are counted on, and leave the record.
            for run in try await works.runs() {
                var work = WatchWork()
                work.seen = [(run.number, true)]
                try await works.control.note(work)
            }
            try await works.control.pruneContinuousRuns(project: "default", pipeline: "p", keep: 1)
            #expect(try await works.runs().map(\.rows) == [nil, nil, 7])
            let counts = try await works.control.runCounts().filter { $0.status == "succeeded" }
            #expect(counts.map(\.runs) == [2] && counts.map(\.rows) == [12])
        }
    }

    @Test("Between two looks nothing is asked but how far the journal is; what comes is gathered for a while")
    func idle() {
        var followed = Followed()
        func now(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }
        followed.set([Followed.Entry(project: "d", seq: 10, gather: 2_000_000)])
        #expect(!followed.isDue(now(0)) { _ in 10 })
        #expect(!followed.isDue(now(1)) { _ in 11 })
        #expect(!followed.isDue(now(2)) { _ in 12 })
        // A look in between does not begin anew.
        followed.set([Followed.Entry(project: "d", seq: 10, gather: 2_000_000)])
        #expect(followed.isDue(now(3)) { _ in 12 })
        followed.set([Followed.Entry(project: "d", seq: 12, gather: 2_000_000)])
        #expect(!followed.isDue(now(4)) { _ in 12 })
        // The clock is put back while something waits.
        #expect(!followed.isDue(now(100)) { _ in 13 })
        #expect(!followed.isDue(now(50)) { _ in 13 })
        #expect(followed.isDue(now(52)) { _ in 13 })
    }

    @Test("A clock that ran ahead and is put right: what it passed in error comes again, in its time")
    func clocks() async throws {
        try await Works.with { works in
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: true)
            try await works.apply(Self.pipeline("p", "schedule: { cron: \"0 * * * *\", buffer: 20m }"))
            works.clock.add(Self.hour + Self.hour / 2)
            try await works.go(keeper)
            #expect(try await works.runs().count { $0.status == .succeeded } == 1)
            works.clock.add(48 * Self.hour)
            try await works.go(keeper)
            #expect(try await works.runs().count { $0.status == .succeeded } == 2)
            works.clock.add(-48 * Self.hour)
            try await works.go(keeper)
            #expect(try await works.runs().count { $0.status == .succeeded } == 2)
            // 1:30; the next one is for 2:00, due at 2:20.
            works.clock.add(Self.hour * 4 / 6)
            try await works.go(keeper)
            #expect(try await works.runs().count { $0.status == .succeeded } == 2)
            works.clock.add(Self.hour / 5)
            try await works.go(keeper)
            let last = try #require(try await works.runs().first)
            #expect(last.status == .succeeded && last.cause == .schedule)
            #expect(last.scheduledFor?.microseconds == 1_767_225_600_000_000 + 2 * Self.hour)
            // A few seconds back make nothing run twice.
            works.clock.add(-30_000_000)
            try await works.go(keeper)
            #expect(try await works.runs().count { $0.status == .succeeded } == 3)
        }
    }

    @Test(
        "Over a change of the clock on the wall each day has its run, once, wherever the program was down",
        arguments: [("2026-03-07T12:00:00Z", "0 2 * * *"), ("2026-10-31T12:00:00Z", "30 1 * * *")])
    func wallClock(start: String, cron: String) throws {
        let schedule = Schedule(
            cron: try CronExpression(cron), zone: try ZoneClock("America/New_York"), buffer: 0, catchUp: .all)
        let begin = try #require(WrittenTime(start)?.timestamp())
        for stride in [Self.hour / 60, Self.hour, 7 * Self.hour, 60 * Self.hour] {
            var (through, now, seen) = (begin, begin, [Timestamp]())
            while now.microseconds < begin.microseconds + 96 * Self.hour {
                now = Timestamp(microseconds: now.microseconds + stride)
                let agenda = Agenda(schedule, pipeline: "p", through: through, isWaiting: false, now: now)
                seen += agenda.entries.map(\.scheduled)
                through = seen.last ?? through
            }
            let end = begin.microseconds + 96 * Self.hour
            let times = seen.filter { $0.microseconds <= end }
            #expect(times.count == 4 && Set(times).count == 4, "\(times.map(\.text))")
        }
    }
}
