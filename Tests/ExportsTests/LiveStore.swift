import EventStore
import Exports
import Foundation
import Journal
import Logging
import Model

/// A journal, an applier and a store in a folder that goes with the test.
struct LiveStore {
    let folder: String
    let journal: Journal
    let store: EventStore

    static func with<T: Sendable>(
        settings: StoreSettings = StoreSettings(), _ body: (LiveStore) async throws -> T
    ) async throws -> T {
        let folder = NSTemporaryDirectory() + "sluice-exports-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let store = try EventStore.open(directory: folder, settings: settings, logger: logger)
        let journal = try Journal.open(JournalOptions(directory: folder + "/journal"), logger: logger)
        async let running: Void = Applier(store: store, journal: journal, logger: logger).run()
        let result = try await body(LiveStore(folder: folder, journal: journal, store: store))
        await journal.close()
        try await running
        try await store.close()
        return result
    }

    /// Stores items in one submission and waits until they can be read; the highest `seq`.
    @discardableResult
    func write(_ items: [Item]) async throws -> Int64 {
        var submission = Submission()
        for item in items { submission.add(item) }
        let last = try await journal.append(submission).watermark
        try await store.waitForApplied(last, timeout: .seconds(300))
        return last
    }

    func resolve(_ spec: ExportSpec, now: Int64 = 1_800_000_000) async throws -> ResolvedSpec {
        try await ExportRunner.resolve(
            spec, on: store, durableSeq: journal.durableSeq, now: Timestamp(microseconds: now * 1_000_000))
    }

    /// Exports to a file of the folder; the manifest.
    @discardableResult
    func export(_ spec: ResolvedSpec, to name: String) async throws -> Manifest {
        try await ExportRunner.run(
            spec, on: store, to: folder + "/" + name, exportID: "ex_1", runID: "run_1")
    }

    /// Exports, and what is in the file.
    func text(_ spec: ExportSpec, name: String = "out.txt") async throws -> String {
        try await export(try await resolve(spec), to: name)
        return try contents(name)
    }

    func contents(_ name: String) throws -> String {
        String(decoding: try bytes(name), as: UTF8.self)
    }

    func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)))
    }

    var files: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder).sorted()) ?? []
    }
}

/// An item of the native protocol at a second.
func item(
    _ kind: ItemKind, _ identity: String, name: String = "", other: String = "", _ properties: String = "{}",
    at second: Int64 = 0, flags: ItemFlags = [], id: String = ""
) -> Item {
    let time = Timestamp(microseconds: second * 1_000_000)
    var item = Item(kind: kind, wire: .native, timestamp: time, receivedAt: time)
    item.flags = flags
    item.id = Array(id.utf8)
    item.identity = Array(identity.utf8)
    item.name = Array(name.utf8)
    item.other = Array(other.utf8)
    item.properties = Array(properties.utf8)
    return item
}

/// A specification from JSON.
func spec(_ json: String) throws -> ExportSpec { try ExportSpec(json: try JSONValue(text: json)) }

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: Int) { state = UInt64(bitPattern: Int64(seed)) }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
