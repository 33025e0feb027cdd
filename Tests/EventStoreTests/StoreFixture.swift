import DuckDB
import Foundation
import Journal
import Logging
import Model
import Testing

@testable import EventStore

/// Items as tests write them.
func item(
    _ kind: ItemKind, _ identity: String = "", name: String = "", other: String = "", _ properties: String = "{}",
    at second: Int64 = 0, wire: WireProtocol = .native, flags: ItemFlags = [], id: String = ""
) -> Item {
    let time = Timestamp(microseconds: (1_700_000_000 + second) * 1_000_000)
    var item = Item(kind: kind, wire: wire, timestamp: time, receivedAt: time)
    item.flags = flags
    item.id = Array(id.utf8)
    item.identity = Array(identity.utf8)
    item.name = Array(name.utf8)
    item.other = Array(other.utf8)
    item.properties = Array(properties.utf8)
    return item
}

func event(_ identity: String, _ name: String = "Seen", _ properties: String = "{}", id: String = "") -> Item {
    item(.event, identity, name: name, properties, id: id)
}

func alias(_ identity: String, _ other: String, derived: Bool = false) -> Item {
    item(.alias, identity, other: other, "", flags: derived ? [.derivedAlias] : [])
}

func undo(_ seq: Int64) -> Item { item(.undo, name: String(seq), "") }

/// A KISSmetrics event: its names fold, and its properties are the person's.
func kissmetrics(_ identity: String, _ name: String, _ properties: String) -> Item {
    item(.event, identity, name: name, properties, wire: .kissmetrics, flags: [.setsProperties, .foldsNames])
}

/// Reads the times of a condition: RFC 3339, and what counts back from second 1,700,000,000.
func absoluteTimes(_ text: String, _ path: String) throws(QueryError) -> Timestamp {
    let now: Int64 = 1_700_000_000
    if text == "now" { return Timestamp(microseconds: now * 1_000_000) }
    if text.hasPrefix("-"), text.hasSuffix("s"), let seconds = Int64(text.dropFirst().dropLast()) {
        return Timestamp(microseconds: (now - seconds) * 1_000_000)
    }
    guard let time = WrittenTime(text) else { throw QueryError(.invalidCondition, at: path, "no time") }
    return time.timestamp()
}

/// A batch of items whose first `seq` is `first`.
func batch(_ items: ArraySlice<Item>, first: Int64) -> ItemBatch {
    var payload: [UInt8] = []
    for item in items { item.encode(into: &payload) }
    var batch = ItemBatch()
    batch.add(
        ItemBatch.Slice(payload: payload, offset: 0, firstSeq: first, count: items.count), committedAt: first)
    return batch
}

/// The tables in memory and an applier on them, without lanes and journal.
final class MemoryStore {
    let connection: Connection
    let ties: PersonTies
    let recent: RecentIdentities
    let lookups: PersonIndex
    private let settings: StoreSettings
    private var applier: BatchApplier
    private var next: Int64 = 1

    init(cacheSlots: Int = 1 << 10) throws {
        let database = try Database(path: nil, settings: ["threads": "1"])
        connection = try database.connect()
        try Schema.prepare(connection, path: "memory")
        try StoreFunctions.register(on: connection)
        try Layout(version: 1, generations: [1], files: []).show(on: connection)
        var settings = StoreSettings()
        settings.identityCacheSlots = cacheSlots
        self.settings = settings
        ties = PersonTies()
        recent = RecentIdentities(ties: ties)
        lookups = PersonIndex(ties: ties)
        applier = BatchApplier(settings, ties, recent, lookups)
    }

    /// Applies items in batches of `size`.
    func apply(_ items: [Item], by size: Int = .max) throws {
        var rest = items[...]
        while !rest.isEmpty {
            try applier.apply(batch(rest.prefix(size), first: next), connection, generation: 1)
            next += Int64(min(size, rest.count))
            rest = rest.dropFirst(size)
        }
    }

    /// Forgets what is in memory, as a restart does.
    func restart() { applier = BatchApplier(settings, ties, recent, lookups) }

    /// Every row of every table, in physical order, as texts.
    func dump() throws -> [String] {
        var lines: [String] = []
        for table in Schema.tableNames + ["state"] {
            lines += try rows("SELECT * FROM \(table) WHERE \(table == "state" ? "key != 'committed_at'" : "true")")
                .map { "\(table): \($0)" }
        }
        return lines
    }

    /// Rows as texts: values joined by `|`, NULL as `-`.
    func rows(_ sql: String) throws -> [String] { try texts(connection, sql) }
}

/// Rows as texts: values joined by `|`, NULL as `-`.
func texts(_ connection: Connection, _ sql: String) throws -> [String] {
    try connection.rows(sql).map { row in
        row.map { value in
            switch value {
            case .null: "-"
            case .int(let number): String(number)
            case .text(let text): text
            case .bool(let truth): String(truth)
            case .timestamp(let micros): String(micros)
            default: String(describing: value)
            }
        }.joined(separator: "|")
    }
}

/// A folder that goes with the test.
final class TemporaryFolder: Sendable {
    let path: String
    init() throws {
        path = NSTemporaryDirectory() + "sluice-store-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A journal and a store in a folder, with an applier that runs for as long as `body`.
struct StoreFixture {
    let journal: Journal
    let store: EventStore

    static func with<T: Sendable>(
        _ folder: TemporaryFolder, settings: StoreSettings = StoreSettings(), closing: Bool = true,
        _ body: (StoreFixture) async throws -> T
    ) async throws -> T {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let store = try EventStore.open(directory: folder.path, settings: settings, logger: logger)
        let journal = try Journal.open(
            JournalOptions(directory: folder.path + "/journal", seqFloor: store.appliedSeq), logger: logger)
        let applier = Applier(store: store, journal: journal, logger: logger)
        async let running: Void = applier.run()
        let result = try await body(StoreFixture(journal: journal, store: store))
        await journal.close()
        try? await running
        if closing { try await store.close() }
        return result
    }

    @discardableResult
    func append(_ items: [Item]) async throws -> Int64 {
        var submission = Submission()
        for item in items { submission.add(item) }
        return try await journal.append(submission).watermark
    }

    /// Appends and waits until the items are in the tables.
    func apply(_ items: [Item]) async throws {
        try await store.waitForApplied(try await append(items), timeout: .seconds(300))
    }

    func rows(_ sql: String) async throws -> [String] {
        try await store.read { connection in try texts(connection, sql) }
    }
}
