import Control
import Model
import Synchronization
import Testing

@testable import Pipelines

@Suite("What is wrong with pipelines, and who is told")
struct WatchTests {
    private static let hour: Int64 = 3_600_000_000
    private static let start = Timestamp(microseconds: 1_767_225_600_000_000)

    private static func at(_ hours: Int64) -> Timestamp { Timestamp(microseconds: start.microseconds + hours * hour) }

    @Test("One alert when it begins, one when it gets worse, one when it is over, whatever happens in between")
    func incidents() throws {
        var book = IncidentBook([])
        func told(_ body: (inout IncidentBook) -> Void) -> [String] {
            let before = book.work.alerts.count
            body(&book)
            return book.work.alerts.dropFirst(before).map(\.type)
        }
        func bad(_ severity: IncidentRecord.Severity, _ what: String, _ run: String) -> (inout IncidentBook) -> Void {
            { book in
                book.found(
                    Finding(.run, severity, what, reason: "r", run: run), project: "d", pipeline: "p", at: Self.at(1),
                    targets: [])
            }
        }
        #expect(told(bad(.warning, "skipped", "run_1")) == ["pipeline.skipped"])
        #expect(told(bad(.warning, "stale", "run_2")) == [])
        #expect(told(bad(.error, "failed", "run_3")) == ["pipeline.failed"])
        #expect(told(bad(.warning, "skipped", "run_4")) == [])
        #expect(book.incidents.map(\.times) == [4] && book.incidents.first?.severity == .error)
        func good(_ kind: Finding.Kind) -> (inout IncidentBook) -> Void {
            { $0.recovered(kind, project: "d", pipeline: "p", at: Self.at(3), targets: []) }
        }
        #expect(told(good(.freshness)) == [])
        #expect(told(good(.run)) == ["pipeline.recovered"])
        #expect(told(good(.run)) == [])
        #expect(told(bad(.error, "failed", "run_5")) == ["pipeline.failed"])
        // Each is a message of its own, and the same whenever it is made.
        let ids = book.work.alerts.map(\.id)
        #expect(Set(ids).count == 4)
        var again = IncidentBook([])
        bad(.warning, "skipped", "run_1")(&again)
        #expect(again.work.alerts.first?.id == ids.first)
        #expect(book.work.incidents.count == 2)
    }

    @Test(
        "A number of rows that is far from those before",
        arguments: [
            (Int64(5), [Int64](repeating: 100, count: 6), true), (100, [100, 90, 110, 95, 105], false),
            (600, [100, 90, 110, 95, 105], true), (21, [100, 90, 110, 95, 105], false),
            (0, [100, 90, 110, 95], false), (0, [3, 2, 4, 3, 3], false), (30, [10, 400, 20, 300, 25, 500], false),
            (19, [100, 100, 100, 100, 100], true),
        ])
    func volume(rows: Int64, previous: [Int64], isStrange: Bool) {
        #expect((VolumeRule.strangeness(rows, previous: previous) != nil) == isStrange)
    }

    @Test("How fresh it is goes by the last run that brought everything, and by the clock alone")
    func freshness() {
        let limits = FreshnessLimits(warnAfter: 26 * Self.hour, failAfter: 50 * Self.hour)
        func state(_ hours: Int64) -> Freshness {
            Freshness(limits, good: nil, createdAt: Self.start, now: Self.at(hours))
        }
        #expect(state(26).state == .fresh && state(26).changesAt == Self.at(26))
        #expect(state(27).state == .warn && state(27).changesAt == Self.at(50))
        #expect(state(51).state == .fail && state(51).changesAt == nil)
        #expect(state(51).finding?.reason.contains("ever loaded") ?? false)
        // A clock that was put back makes nothing older, and nothing younger than new.
        #expect(state(-5).age == 0 && state(-5).state == .fresh)
    }

    private static let failing = """
        name: p
        export: { dataset: events }
        load: { destination: { type: http, url: "https://does-not-exist.invalid/" } }
        on_failure: { retry: { attempts: 1 } }

        """
    private static let working = """
        name: p
        export: { dataset: events }
        load: { destination: { type: duckdb, path: w.duckdb, table: events } }

        """

    /// What was handed over, in order.
    private final class Outbox: Sendable {
        let state = Mutex<[AlertRecord]>([])
        let isDown = Mutex(false)

        var types: [String] { state.withLock { $0.map(\.type) } }

        func take(_ alert: AlertRecord) throws -> String? {
            struct Down: Error {}
            if isDown.withLock({ $0 }) { throw Down() }
            state.withLock { $0.append(alert) }
            return nil
        }
    }

    @Test(
        "Whatever keeps a run from its end is told once, and that it is well again once; nothing is lost while the outbox is down"
    )
    func alerts() async throws {
        try await Works.with { works in
            let outbox = Outbox()
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: true)
            let watch = PipelineWatch(tools: works.tools) { try outbox.take($0) }
            try await works.apply(Self.failing)
            try await works.collect(3, from: 0)
            for _ in 0..<3 {
                _ = try await keeper.start(project: "default", pipeline: "p")
                try await works.go(keeper)
                try await watch.look(works.tools.now())
            }
            #expect(outbox.types == ["pipeline.failed"])
            #expect(try await works.runs().allSatisfy { $0.status == .failed })
            let open = try await works.control.openIncidents()
            #expect(open.map(\.times) == [3] && open.first?.reason.contains("load: ") ?? false)
            // The outbox is down when it is well again, and the program is started anew.
            outbox.isDown.withLock { $0 = true }
            try await works.apply(Self.working)
            _ = try await keeper.start(project: "default", pipeline: "p")
            try await works.go(keeper)
            await #expect(throws: (any Error).self) { try await watch.look(works.tools.now()) }
            outbox.isDown.withLock { $0 = false }
            let next = PipelineWatch(tools: works.tools) { try outbox.take($0) }
            try await next.look(works.tools.now())
            try await next.look(works.tools.now())
            #expect(outbox.types == ["pipeline.failed", "pipeline.recovered"])
            #expect(try await works.control.openIncidents().isEmpty)
            #expect(try await works.control.waitingAlerts(limit: 10).isEmpty)
        }
    }

    @Test("Times that passed while nothing ran, and what gets old meanwhile, are told")
    func missed() async throws {
        try await Works.with { works in
            let outbox = Outbox()
            let keeper = PipelineKeeper(tools: works.tools, followsSchedules: true)
            let watch = PipelineWatch(tools: works.tools) { try outbox.take($0) }
            try await works.apply(
                Self.working + "schedule: { cron: \"0 * * * *\" }\nfreshness: { warn_after: 2h, fail_after: 4h }\n")
            works.clock.add(Self.hour)
            try await works.go(keeper)
            try await watch.look(works.tools.now())
            #expect(outbox.types == [])
            // The server is down over one time: the run is late, and that is told although it succeeds at once.
            works.clock.add(Self.hour + Self.hour / 2)
            try await works.go(keeper)
            try await watch.look(works.tools.now())
            #expect(outbox.types == ["pipeline.missed", "pipeline.recovered"])
            // Nothing runs any more, by somebody's will: only its age shows.
            _ = try await works.control.pausePipeline("p", project: "default", isPaused: true, at: works.tools.now())
            works.clock.add(3 * Self.hour)
            try await watch.look(works.tools.now())
            try await watch.look(works.tools.now())
            #expect(outbox.types.dropFirst(2) == ["pipeline.freshness"])
            works.clock.add(2 * Self.hour)
            try await watch.look(works.tools.now())
            #expect(outbox.types.dropFirst(2) == ["pipeline.freshness", "pipeline.freshness"])
            _ = try await keeper.start(project: "default", pipeline: "p")
            try await works.go(keeper)
            try await watch.look(works.tools.now())
            #expect(outbox.types.suffix(1) == ["pipeline.recovered"])
            // Whatever made no run at all is seen by the clock.
            _ = try await works.control.pausePipeline("p", project: "default", isPaused: false, at: works.tools.now())
            works.clock.add(Self.hour + Self.hour / 2)
            try await watch.look(works.tools.now())
            #expect(outbox.types.suffix(1) == ["pipeline.late"])
        }
    }

    @Test("Whom alerts go to")
    func targets() throws {
        let known = ["ops", "quiet"].map { name in
            AlertTargetRecord(
                name: name,
                settings: ["type": "slack", "url": "secret://env/S", "default": .bool(name == "ops")], isTrusted: true,
                changedAt: Self.start)
        }
        func keys(_ chosen: [AlertTarget]?) -> [String] {
            (AlertTarget.list(chosen, pipeline: "p", isTrusted: false, known: known).arrayValue ?? []).compactMap {
                $0["key"]?.stringValue
            }
        }
        #expect(keys(nil) == ["t:ops"])
        #expect(keys([]) == [])
        #expect(keys([.named("quiet"), .inline(["type": "endpoint", "id": "ep_1"])]) == ["t:quiet", "p:p:1"])
        let base = Self.working
        for (text, message) in [
            ("on_failure: { alert: [{ type: slack, url: \"https://x\" }] }", "is a secret"),
            ("on_failure: { alert: [{ type: pigeon }] }", "one of webhook, http, slack, email, endpoint"),
            ("on_failure: { alert: [{ type: slack }] }", "\"url\" is missing"),
            ("on_failure: { alert: [{ type: endpoint }] }", "\"id\" is that of a webhook endpoint"),
            ("on_failure: { alert: [A B] }", "is no name"), ("after: p", "cannot come after itself"),
            ("schedule: { continuous: 1d }", "1s to 1h"),
            ("schedule: { continuous: true, cron: x }", "there is no \"cron\""),
        ] {
            #expect {
                _ = try PipelineFile(text: base + text + "\n")
            } throws: { error in
                guard let error = error as? PipelineError else { return false }
                return error.message.contains(message) && error.place?.line == 4
            }
        }
        let file = try PipelineFile(
            text: base
                + "on_failure: { alert: none }\nalerts: { ops: { type: slack, url: secret://env/S, default: false } }\n"
        )
        #expect(file.pipelines.first?.alerts == [] && file.alerts.map(\.name) == ["ops"])
        let sharing = try PipelineFile(
            text: "exports: { big: { dataset: events, columns: [seq] } }\npipelines:\n"
                + ["a", "b"].map {
                    "- { name: \($0), export: big, load: { destination: { type: folder, path: \($0) } } }\n"
                }.joined())
        #expect(sharing.pipelines.map { $0.export["columns"] } == [["seq"], ["seq"]])
        #expect(throws: PipelineError.self) {
            try PipelineFile(text: base.replacing("{ dataset: events }", with: "big"))
        }
        #expect(PipelineDefinition.circle(["a": ["b"], "b": ["c"], "c": ["a"]]) == ["a", "b", "c", "a"])
        #expect(PipelineDefinition.circle(["a": ["b", "c"], "b": ["c"], "c": []]) == nil)
    }
}
