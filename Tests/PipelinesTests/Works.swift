import Connectors
import Control
import Destinations
import DuckDB
import EventStore
import Exports
import Foundation
import Journal
import Logging
import Model
import Synchronization
import Testing

@testable import Pipelines

/// A data folder with a store that events go into, and pipelines over it, by a clock that stands still.
struct Works {
    let folder: String
    let journal: Journal
    let control: ControlStore
    let clock: Clock
    let tools: RunTools

    static func with(_ body: (Works) async throws -> Void) async throws {
        let folder = NSTemporaryDirectory() + "sluice-pipelines-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder + "/store", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try ControlStore.initialize(directory: folder + "/data")
        let control = try ControlStore(directory: folder + "/data")
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let store = try EventStore.open(directory: folder + "/store", settings: StoreSettings(), logger: logger)
        let journal = try Journal.open(JournalOptions(directory: folder + "/store/journal"), logger: logger)
        async let running: Void = Applier(store: store, journal: journal, logger: logger).run()
        let clock = Clock(1_767_225_600_000_000)
        let policy = OutboundPolicy()
        let tools = RunTools(
            control: control,
            destinations: DestinationTools(
                http: try OutboundClient(policy: policy), policy: policy, resolver: SystemResolver(),
                roots: FolderRoots(own: folder + "/own"), warn: { _ in }),
            secrets: SecretResolver(), ownerSecrets: SecretResolver(),
            project: { _ in
                PipelineProject(
                    store: store, folder: folder + "/runs",
                    pin: {
                        try await store.waitForApplied(journal.durableSeq, timeout: .seconds(300))
                        return max(journal.durableSeq, store.appliedSeq)
                    }, durable: { journal.durableSeq }, spec: { json, _ in try ExportSpec(json: json) })
            }, now: { Timestamp(microseconds: clock.value) }, boot: "b1", logger: logger)
        try await body(Works(folder: folder, journal: journal, control: control, clock: clock, tools: tools))
        await journal.close()
        try await running
        try await store.close()
        try control.close()
    }

    func collect(_ count: Int, from first: Int) async throws {
        try await collect(
            (first..<(first + count)).map { number in
                let time = Timestamp(microseconds: Int64(number) * 1_000_000)
                var item = Item(kind: .event, wire: .native, timestamp: time, receivedAt: time)
                item.id = Array("e\(number)".utf8)
                item.identity = Array("ann".utf8)
                item.name = Array("Seen".utf8)
                item.properties = Array("{}".utf8)
                return item
            })
    }

    func collect(_ items: [Item]) async throws {
        var submission = Submission()
        for item in items { submission.add(item) }
        _ = try await journal.append(submission)
    }

    func apply(_ text: String) async throws {
        let file = try PipelineFile(text: text)
        try await control.applyPipelines(
            project: "default", pipelines: file.pipelines.map { ($0.name, $0.json) },
            destinations: file.destinations, isTrusted: false, at: tools.now())
    }

    /// Looks, and does all that can be done now.
    func go(_ keeper: PipelineKeeper) async throws {
        _ = try await keeper.look(tools.now())
        while case let jobs = try await keeper.takeUp(tools.now()), !jobs.isEmpty { for job in jobs { await job() } }
    }

    /// How many rows the DuckDB file has.
    func loaded() throws -> Int64? {
        try Database(path: folder + "/own/w.duckdb").connect().row("SELECT count(*) FROM main.events")?.first?.int
    }

    func runs() async throws -> [PipelineRunRecord] {
        try await control.pipelineRuns(project: "default", limit: 100)
    }
}

/// A clock that stands still until it is put forward.
final class Clock: Sendable {
    private let state: Mutex<Int64>

    init(_ value: Int64) { state = Mutex(value) }

    var value: Int64 { state.withLock { $0 } }

    func add(_ more: Int64) { state.withLock { $0 += more } }
}
