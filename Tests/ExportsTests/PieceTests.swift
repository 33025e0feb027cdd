import DuckDB
import EventStore
import Exports
import Logging
import Model
import Testing

@Suite("A file of several sorted pieces is one file")
struct PieceTests {
    private static func events(_ count: Int) -> [Item] {
        var random = SeededGenerator(seed: 11)
        return (0..<count).map { i in
            item(
                .event, "user number \(Int.random(in: 0..<40, using: &random))", name: "E\(i % 3)", #"{"n":\#(i)}"#,
                at: Int64.random(in: 1_700_000_000..<1_712_000_000, using: &random), id: "id\(i)")
        }
    }

    @Test(arguments: ["seq", "timestamp", "storage"], ["none", "zstd"])
    func parquetReadsAsOne(order: String, compression: String) async throws {
        var settings = StoreSettings()
        (settings.sortedRows, settings.hotRows, settings.monthRows, settings.partRows) = (40, 60, 30, 30)
        try await LiveStore.with(settings: settings) { live in
            try await live.write(Self.events(500))
            let compactor = Compactor(
                store: live.store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try await compactor.compact(isFull: true)
            try await live.write([item(.event, "later", name: "E", "{}", at: 1_705_000_000, id: "later")])
            let columns = #""columns":["seq","identity","person_id","properties.n"]"#
            let manifest = try await live.export(
                try await live.resolve(
                    try spec(
                        #"{"dataset":"events","order":"\#(order)","format":"parquet","compression":"\#(compression)",\#(columns)}"#
                    )), to: "x.parquet")
            #expect(manifest.rows == 501)
            // The footer's rows, and the digest.
            #expect(try ManifestVerifier.verify(live.folder + "/x.parquet.manifest.json").manifest == manifest)
            let csv = try await live.text(try spec(#"{"dataset":"events","order":"\#(order)",\#(columns)}"#))
            let file = live.folder + "/x.parquet"
            let rows = try await live.store.read {
                try $0.rows(
                    """
                    SELECT concat_ws(',', seq::VARCHAR, identity, person_id, coalesce("properties.n", ''))
                    FROM read_parquet('\(file)', file_row_number = true) ORDER BY file_row_number
                    """)
            }
            #expect(csv.split(separator: "\r\n").dropFirst().map(String.init) == rows.compactMap { $0[0].text })
            // Each row group says what is in it, and where its pages are.
            let found = try await live.store.read { connection in
                try (1...10).map { seq in
                    try connection.row("SELECT count(*) FROM read_parquet('\(file)') WHERE seq = \(seq * 50)")?[0].int
                }
            }
            #expect(found == Array(repeating: 1, count: 10))
            let groups = try await live.store.read {
                try $0.row("SELECT count(DISTINCT row_group_id) FROM parquet_metadata('\(file)')")?[0].int
            }
            #expect((groups ?? 0) > 10)
        }
    }

    /// Whether identities lie in memory or in a file nobody can tell.
    @Test(arguments: ["csv", "ndjson"])
    func identitiesFromAFile(format: String) async throws {
        var texts: [[String]] = []
        for bytes in [1 << 20, 0] {
            var settings = StoreSettings()
            settings.identityBytes = bytes
            (settings.hotRows, settings.monthRows, settings.partRows) = (60, 30, 30)
            let found = try await LiveStore.with(settings: settings) { live in
                try await live.write(Self.events(200))
                // More than a page of identities, and some who are tied.
                try await live.write(
                    (0..<700).map { item(.event, "many \"\($0)\"", name: "E", "{}", at: 1_705_000_000, id: "m\($0)") })
                try await live.write((0..<20).map { item(.alias, "many \"\($0)\"", other: "user number \($0)", "") })
                let compactor = Compactor(
                    store: live.store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
                try await compactor.compact(isFull: true)
                try await live.write(Self.events(30))
                var all: [String] = []
                for order in ["seq", "timestamp", "storage"] {
                    for columns in [#""seq","identity","person_id""#, #""person_id","seq""#, #""identity""#] {
                        let json =
                            #"{"dataset":"events","order":"\#(order)","format":"\#(format)","columns":[\#(columns)]}"#
                        all.append(try await live.text(try spec(json)))
                    }
                }
                return all
            }
            texts.append(found)
        }
        #expect(texts[0] == texts[1])
    }
}
