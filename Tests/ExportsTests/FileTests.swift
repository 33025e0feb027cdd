import Codecs
import DuckDB
import EventStore
import Exports
import Foundation
import Model
import Testing

@Suite("Files are whole, named, vouched for and repeatable")
struct FileTests {
    private static func events(_ count: Int, seed: Int, from: Int = 0) -> [Item] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { i in
            let second = Int64.random(in: 0..<20_000_000, using: &generator)
            let text = String(repeating: "x,\"", count: Int.random(in: 0..<6, using: &generator))
            return item(
                .event, "u\(Int.random(in: 0..<20, using: &generator))", name: "E\(i % 3)",
                JSONValue.object([.init("n", JSONValue(i)), .init("t", .string(text))]).text, at: second,
                id: "id\(from + i)")
        }
    }

    @Test(arguments: ["csv", "ndjson"], ["none", "gzip", "zstd"])
    func partsAndManifest(format: String, compression: String) async throws {
        try await LiveStore.with { live in
            try await live.write(Self.events(25, seed: 4))
            let json =
                #"{"dataset":"events","order":"seq","format":"\#(format)","compression":"\#(compression)","part_rows":10}"#
            let suffix = Compression(rawValue: compression)?.suffix ?? ""
            let resolved = try await live.resolve(try spec(json))
            let manifest = try await live.export(resolved, to: "ev.\(format)\(suffix)")
            let names = (1...3).map { "ev.part-0000\($0).\(format)\(suffix)" }
            #expect(manifest.parts.map(\.file) == names)
            #expect(manifest.parts.map(\.rows) == [10, 10, 5])
            #expect(manifest.rows == 25)
            let path = live.folder + "/ev.\(format)\(suffix).manifest.json"
            #expect(try ManifestVerifier.verify(path).manifest == manifest)
            var whole = ""
            for name in names {
                let bytes = try BodyDecoder.decode(try live.bytes(name), Compression(rawValue: compression) ?? .none)
                let text = String(decoding: bytes, as: UTF8.self)
                whole +=
                    format == "csv" && !whole.isEmpty
                    ? String(text[try #require(text.range(of: "\r\n")).upperBound...]) : text
            }
            // Together the parts are what one file would be.
            let one = try await live.text(try spec(#"{"dataset":"events","order":"seq","format":"\#(format)"}"#))
            #expect(whole == one)
            // A smaller export of the same name takes the older parts away.
            let small = try spec(
                #"{"dataset":"events","order":"seq","format":"\#(format)","compression":"\#(compression)","part_rows":10,"seq_to":9}"#
            )
            try await live.export(try await live.resolve(small), to: "ev.\(format)\(suffix)")
            #expect(
                live.files.filter { $0.hasPrefix("ev.") }
                    == [path.split(separator: "/").last.map(String.init), names[0]].compactMap { $0 }.sorted())
            #expect(!live.files.contains { $0.hasSuffix(".partial") })
        }
    }

    @Test(arguments: ["csv", "ndjson", "parquet"])
    func theSameSpecificationGivesTheSameBytes(format: String) async throws {
        try await LiveStore.with { live in
            try await live.write(Self.events(300, seed: 1))
            try await live.write([item(.alias, "u1", other: "u2", ""), item(.set, "u1", #"{"plan":"a"}"#)])
            for dataset in ["events", "people", "property_changes", "aliases", "identities"] {
                let extra =
                    dataset == "events"
                    ? #","columns":["seq","person_id","identity","person.plan","properties.t"]"# : ""
                let resolved = try await live.resolve(
                    try spec(#"{"dataset":"\#(dataset)","format":"\#(format)"\#(extra)}"#))
                try await live.export(resolved, to: "a")
                let before = try live.bytes("a")
                // More events, and what changes persons, aliases and properties.
                try await live.write(Self.events(40, seed: 2, from: 1_000))
                try await live.write([
                    item(.alias, "u2", other: "u3", ""), item(.set, "u3", #"{"plan":"b"}"#),
                    item(.undo, "", name: "301", ""),
                ])
                let again = try ExportSpec(json: resolved.json)
                try await live.export(try await live.resolve(again), to: "b")
                #expect(try live.bytes("b") == before, "\(dataset)")
            }
        }
    }

    /// Some people have the property, some have none: that must not order their rows.
    @Test(arguments: ["csv", "parquet"])
    func propertiesOfSomePeopleKeepTheOrder(format: String) async throws {
        try await LiveStore.with { live in
            let last = try await live.write(Self.events(300, seed: 3) + [item(.set, "u1", #"{"plan":"a"}"#)])
            for more in [
                #""columns":["seq","person.plan"]"#, #""columns":["seq"],"where":{"person":"plan","is_not":"b"}"#,
            ] {
                let json = #"{"dataset":"events","format":"\#(format)","seq_from":0,"seq_to":\#(last),\#(more)}"#
                let manifest = try await live.export(try await live.resolve(try spec(json)), to: "x.\(format)")
                #expect(manifest.rows == 300)
                let path = live.folder + "/x." + format
                let seqs = try await live.store.read { connection in
                    try connection.rows("SELECT seq FROM read_\(format)('\(path)')").compactMap { $0[0].int }
                }
                #expect(seqs == Array(1...300))
            }
        }
    }

    @Test(arguments: [1, 2, 3, 4])
    func windowsTile(seed: Int) async throws {
        try await LiveStore.with { live in
            var generator = SeededGenerator(seed: seed)
            var items = Self.events(120, seed: seed)
            for i in 0..<60 { items.insert(item(.set, "u\(i % 7)", #"{"a":1,"b":\#(i)}"#), at: i * 2) }
            let last = try await live.write(items)
            for dataset in ["events", "property_changes"] {
                let name = try await live.text(try spec(#"{"dataset":"\#(dataset)","order":"seq","format":"ndjson"}"#))
                var pieces = ""
                var from: Int64 = 0
                while from < last {
                    let to = min(last, from + Int64.random(in: 0...40, using: &generator))
                    pieces += try await live.text(
                        try spec(#"{"dataset":"\#(dataset)","format":"ndjson","seq_from":\#(from),"seq_to":\#(to)}"#))
                    from = to
                }
                #expect(pieces == name)
            }
        }
    }

    @Test func ordersAreTotalAndAgree() async throws {
        try await LiveStore.with { live in
            try await live.write(Self.events(400, seed: 9))
            func rows(_ order: String) async throws -> [JSONValue] {
                let text = try await live.text(
                    try spec(
                        #"{"dataset":"events","format":"ndjson","order":"\#(order)","columns":["seq","timestamp","identity"]}"#
                    ))
                return try text.split(separator: "\n").map { try JSONValue(text: String($0)) }
            }
            func time(_ row: JSONValue) -> String { row["timestamp"]?.stringValue ?? "" }
            func seq(_ row: JSONValue) -> Int64 { row["seq"]?.intValue ?? 0 }
            let bySeq = try await rows("seq")
            #expect(bySeq.map(seq) == Array(1...400))
            #expect(try await rows("timestamp") == bySeq.sorted { (time($0), seq($0)) < (time($1), seq($1)) })
            // Identities are numbered by their first appearance.
            var number: [String: Int] = [:]
            for row in bySeq {
                let next = number.count
                number[row["identity"]?.stringValue ?? "", default: next] += 0
            }
            func key(_ row: JSONValue) -> (String, Int, String, Int64) {
                (String(time(row).prefix(7)), number[row["identity"]?.stringValue ?? ""] ?? -1, time(row), seq(row))
            }
            #expect(try await rows("storage") == bySeq.sorted { key($0) < key($1) })
        }
    }

    @Test func verifyNamesWhatDiffers() async throws {
        try await LiveStore.with { live in
            try await live.write(Self.events(30, seed: 5))
            let resolved = try await live.resolve(try spec(#"{"dataset":"events","part_rows":10}"#))
            try await live.export(resolved, to: "ev.csv")
            let path = live.folder + "/ev.csv.manifest.json"
            let second = live.folder + "/ev.part-00002.csv"
            var bytes = try live.bytes("ev.part-00002.csv")
            bytes[100] ^= 1
            try Data(bytes).write(to: URL(fileURLWithPath: second))
            let flipped = #expect(throws: ExportError.self) { _ = try ManifestVerifier.verify(path) }
            #expect(flipped?.message.contains("ev.part-00002.csv: the SHA-256 is") == true)
            try Data(bytes.dropLast()).write(to: URL(fileURLWithPath: second))
            let short = #expect(throws: ExportError.self) { _ = try ManifestVerifier.verify(path) }
            #expect(short?.message.contains("ev.part-00002.csv: the file's size is") == true)
            try FileManager.default.removeItem(atPath: second)
            let missing = #expect(throws: ExportError.self) { _ = try ManifestVerifier.verify(path) }
            #expect(missing?.message.hasSuffix("ev.part-00002.csv is missing") == true)
        }
    }

    @Test func parquetTakesEveryDatasetAndParts() async throws {
        try await LiveStore.with { live in
            try await live.write(
                Self.events(90, seed: 6) + [item(.alias, "u1", other: "u2", ""), item(.set, "u3", #"{"plan":"x"}"#)])
            for json in [
                #"{"dataset":"people","columns":["person_id","identities","properties.*"],"format":"parquet"}"#,
                #"{"dataset":"identities","format":"parquet"}"#, #"{"dataset":"aliases","format":"parquet"}"#,
                #"{"dataset":"events","format":"parquet","order":"timestamp"}"#,
                #"{"dataset":"events","format":"parquet","compression":"zstd"}"#,
                #"{"dataset":"events","format":"parquet","compression":"gzip","part_rows":40}"#,
                #"{"dataset":"events","format":"parquet","columns":["seq","person.plan","properties.n::bigint as n"],"part_rows":40}"#,
            ] {
                let resolved = try await live.resolve(try spec(json))
                let manifest = try await live.export(resolved, to: "x.parquet")
                #expect(try ManifestVerifier.verify(live.folder + "/x.parquet.manifest.json").manifest == manifest)
                let files = manifest.parts.map { "'\(live.folder)/\($0.file)'" }.joined(separator: ",")
                let counts = try await live.store.read { try $0.rows("SELECT count(*) FROM read_parquet([\(files)])") }
                #expect(counts == [[.int(manifest.rows)]])
                if json.contains("part_rows") { #expect(manifest.parts.map(\.rows) == [40, 40, 10]) }
            }
        }
    }

    /// A name may be asked for twice, and names that look alike are two.
    @Test(arguments: ["csv", "ndjson", "parquet"])
    func everyColumnHasItsOwnValues(format: String) async throws {
        try await LiveStore.with { live in
            try await live.write([
                item(
                    .event, "u", name: "E",
                    #"{"n":1,"N":2,"Caf\u00e9":"one","Cafe\u0301":"two","q\u0600\"":"q","z\u0000":"z"}"#, id: "1")
            ])
            let json = #"""
                {"dataset":"events","format":"\#(format)","columns":["properties.n","properties.n as again","properties.Caf\u00e9 as a",
                "properties.Cafe\u0301 as b","seq as x\u0600\", 9 AS \"\u200dy"]}
                """#
            try await live.export(try await live.resolve(try spec(json)), to: "x.\(format)")
            let reader = format == "ndjson" ? "read_json" : format == "csv" ? "read_csv" : "read_parquet"
            let options = format == "csv" ? ", all_varchar = true" : ""
            let path = live.folder + "/x." + format
            let rows = try await live.store.read { connection in
                try connection.rows(
                    "SELECT COLUMNS(*)::VARCHAR FROM \(reader)('\(path)'\(options))")
            }
            #expect(rows == [["1", "1", "one", "two", "1"]])
            let all = try await live.export(
                try await live.resolve(
                    try spec(#"{"dataset":"events","format":"\#(format)","columns":["properties.*"]}"#)),
                to: "all.\(format)")
            // In Parquet case does not count.
            let second = format == "parquet" ? "properties.n_2" : "properties.n"
            #expect(Set(all.columns.map(\.name)).isSuperset(of: ["properties.N", second]))
        }
    }

    @Test func aCancelledExportLeavesNothing() async throws {
        try await LiveStore.with { live in
            try await live.write(Self.events(200, seed: 8))
            let resolved = try await live.resolve(try spec(#"{"dataset":"events"}"#))
            let error = await #expect(throws: ExportError.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await live.export(resolved, to: "gone.csv") }
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
            #expect(error?.code == .cancelled)
            #expect(!live.files.contains { $0.contains("gone") })
        }
    }
}
