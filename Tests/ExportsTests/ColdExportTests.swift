import EventStore
import Exports
import Logging
import Model
import Testing

@Suite("An export is the same wherever its rows lie")
struct ColdExportTests {
    private static func items(_ count: Int, seed: Int) -> [Item] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { i in
            let second = Int64.random(in: 1_700_000_000..<1_712_000_000, using: &random)
            let who = "u\(Int.random(in: 0..<25, using: &random))"
            switch Int.random(in: 0..<10, using: &random) {
            case 0: return item(.alias, who, other: "u\(Int.random(in: 0..<25, using: &random))", "", at: second)
            case 1, 2:
                return item(.set, who, #"{"plan":"p\#(i % 4)","n":\#(i),"a \"b\",":null}"#, at: second)
            default:
                return item(
                    .event, who, name: "E\(i % 3)", #"{"n":\#(i),"text":"x, \"\#(i)\"\n"}"#, at: second, id: "id\(i)")
            }
        }
    }

    private static let specs =
        ["storage", "timestamp", "seq"].flatMap { order in
            ["csv", "ndjson", "parquet"].flatMap { format in
                [
                    #"{"dataset":"events","order":"\#(order)","format":"\#(format)"}"#,
                    #"{"dataset":"property_changes","order":"\#(order)","format":"\#(format)"}"#,
                    #"{"dataset":"events","order":"\#(order)","format":"\#(format)","from":"2023-12-05","to":"2024-02-20","columns":["seq","person.plan","person_id","properties.n"],"where":{"event":["E0","E2"]}}"#,
                ]
            }
        } + [
            #"{"dataset":"property_changes","columns":["seq","name","value","person.plan"],"identified":true}"#,
            #"{"dataset":"people","columns":["person_id","identities","events_total","first_seen","person.plan"]}"#,
            #"{"dataset":"events","seq_from":100,"seq_to":350,"format":"csv"}"#,
            #"{"dataset":"events","order":"timestamp","format":"csv","part_rows":70}"#,
            #"{"dataset":"events","format":"csv","bom":true,"delimiter":";","decimal":",","timezone":"Europe/Berlin","formula_guard":true}"#,
        ]

    @Test func whateverTheLayout() async throws {
        var settings = StoreSettings()
        settings.hotRows = 60
        settings.monthRows = 30
        settings.partRows = 30
        settings.sortedRows = 40
        settings.sortedBytes = 4_000
        settings.identityBytes = 0
        try await LiveStore.with(settings: settings) { live in
            let items = Self.items(600, seed: 5)
            for start in stride(from: 0, to: items.count, by: 50) {
                try await live.write(Array(items[start..<min(start + 50, items.count)]))
            }
            let resolved = try await Self.resolve(live)
            let before = try await Self.exports(live, resolved)
            let compactor = Compactor(
                store: live.store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try await compactor.compact(isFull: false)
            #expect(live.store.layout.files.contains { $0.month == nil })
            #expect(live.store.layout.files.contains { $0.month != nil })
            // New rows, which none of the exports may show.
            try await live.write(Self.items(70, seed: 6))
            for (spec, (old, new)) in zip(Self.specs, zip(before, try await Self.exports(live, resolved))) {
                #expect(Self.isSame(old, new), "partly cold: \(spec)")
            }
            try await compactor.compact(isFull: true)
            for (spec, (old, new)) in zip(Self.specs, zip(before, try await Self.exports(live, resolved))) {
                #expect(Self.isSame(old, new), "cold: \(spec)")
            }
        }
    }

    /// Without the bytes in the report of a failure.
    private static func isSame(_ old: [[UInt8]], _ new: [[UInt8]]) -> Bool { old == new }

    private static func resolve(_ live: LiveStore) async throws -> [ResolvedSpec] {
        var all: [ResolvedSpec] = []
        for text in specs { all.append(try await live.resolve(try spec(text))) }
        return all
    }

    private static func exports(_ live: LiveStore, _ specs: [ResolvedSpec]) async throws -> [[[UInt8]]] {
        var all: [[[UInt8]]] = []
        for spec in specs {
            let manifest = try await live.export(spec, to: "out")
            all.append(try manifest.parts.map { try live.bytes($0.file) })
            #expect(manifest.rows > 0)
        }
        return all
    }
}
