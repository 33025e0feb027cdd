import EventStore
import Foundation
import Journal
import Logging
import Model
import People

/// A journal, an applier and a store in a folder that goes with the test.
struct LiveStore {
    let journal: Journal
    let store: EventStore
    var people: PersonLookup { PersonLookup(store: store) }

    static func with<T: Sendable>(_ body: (LiveStore) async throws -> T) async throws -> T {
        let folder = NSTemporaryDirectory() + "sluice-people-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let store = try EventStore.open(directory: folder, settings: StoreSettings(), logger: logger)
        let journal = try Journal.open(JournalOptions(directory: folder + "/journal"), logger: logger)
        async let running: Void = Applier(store: store, journal: journal, logger: logger).run()
        let result = try await body(LiveStore(journal: journal, store: store))
        await journal.close()
        try await running
        try await store.close()
        return result
    }

    /// Writes items one submission each, waits until they can be read, and gives back the last one's `seq`.
    @discardableResult
    func write(_ items: [Item]) async throws -> Int64 {
        var last: Int64 = 0
        for item in items {
            var submission = Submission()
            submission.add(item)
            last = try await journal.append(submission).watermark
        }
        try await store.waitForApplied(last, timeout: .seconds(300))
        return last
    }
}

/// An item of the native protocol at a second.
func item(
    _ kind: ItemKind, _ identity: String, name: String = "", other: String = "", _ properties: String = "{}",
    at second: Int64 = 0, flags: ItemFlags = []
) -> Item {
    let time = Timestamp(microseconds: second * 1_000_000)
    var item = Item(kind: kind, wire: .native, timestamp: time, receivedAt: time)
    item.flags = flags
    item.identity = Array(identity.utf8)
    item.name = Array(name.utf8)
    item.other = Array(other.utf8)
    item.properties = Array(properties.utf8)
    return item
}
