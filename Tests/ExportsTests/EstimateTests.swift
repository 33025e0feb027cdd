import EventStore
import Logging
import Model
import Testing

@testable import Exports

@Suite("An estimate says what the export will be")
struct EstimateTests {
    private static func events(_ count: Int, people: Int, seed: Int) -> [Item] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { i in
            let amount = Int.random(in: 0..<1_000, using: &generator)
            let text = String(repeating: "x", count: Int.random(in: 0..<40, using: &generator))
            return item(
                .event, "user\(Int.random(in: 0..<people, using: &generator))",
                name: i % 10 == 0 ? "Purchased" : "Viewed",
                #"{"amount":\#(amount),"page":"/\#(text)"}"#, at: Int64(i) * 60, id: "id\(i)")
        }
    }

    private static func changes(_ people: Int) -> [Item] {
        (0..<people).map {
            item(.set, "user\($0)", #"{"plan":"\#($0 % 4 == 0 ? "pro" : "free")","n":\#($0)}"#, at: Int64($0))
        }
    }

    // MARK: Windows

    @Test func fewRowsAreAllLookedAt() {
        #expect(SampleWindows([], shift: 0).windows == nil)
        let all = SampleWindows([(0, 19_000), (3, 1_000)], shift: 4)
        #expect(all.windows == nil && all.total == 20_000)
    }

    @Test func windowsAreSpreadOverTheRowsAndNotOverTheNumbers() throws {
        // Numbers 0..<1,024 have one row each, and those of bucket 900 a hundred thousand.
        let shift: Int64 = 10
        let sample = SampleWindows([(0, 1_024), (900, 100_000), (1_000, 1_024)], shift: shift)
        let windows = try #require(sample.windows)
        #expect(windows.count == 16)
        #expect(windows.allSatisfy { $0.after < $0.upTo })
        #expect(zip(windows, windows.dropFirst()).allSatisfy { $0.upTo <= $1.after })
        #expect(windows.count { ($0.after + 1) >> shift == 900 } >= 14)
    }

    @Test(arguments: [0, 1, 1_024, 1_025, 50_000_000, .max / 2] as [Int64])
    func numbersFallIntoFewBuckets(_ high: Int64) {
        let shift = SampleWindows.shift(from: 0, to: high)
        #expect(high >> shift <= 1_024)
        #expect(shift == 0 || high >> (shift - 1) > 1_024)
    }

    // MARK: Small exports are told exactly

    @Test(arguments: ["csv", "ndjson"], ["none", "gzip", "zstd"])
    func toTheByte(format: String, compression: String) async throws {
        try await LiveStore.with { live in
            try await live.write(Self.events(800, people: 50, seed: 1) + Self.changes(50))
            try await live.write([item(.alias, "user1", other: "user2", "")])
            for fields in [
                #""dataset":"events""#,
                #""dataset":"events","columns":["seq","identity","person_id","properties.*","person.plan"]"#,
                #""dataset":"people""#,
                #""dataset":"people","columns":["person_id","properties.*"],"where":{"event":"Purchased"}"#,
                #""dataset":"property_changes","identified":true"#, #""dataset":"aliases""#,
                #""dataset":"identities","seq_from":20"#,
                #""dataset":"events","where":{"property":"amount","gt":900},"part_rows":10"#,
                #""dataset":"events","where":{"person":"plan","is":"pro"},"seq_from":100,"seq_to":700"#,
                #""dataset":"events","where":{"event":"Nothing"}"#, #""dataset":"people","seq_from":300,"seq_to":310"#,
            ] {
                let resolved = try await live.resolve(
                    try spec(#"{"format":"\#(format)","compression":"\#(compression)",\#(fields)}"#))
                let estimate = try await ExportRunner.estimate(resolved, on: live.store)
                let manifest = try await live.export(resolved, to: "x")
                #expect(estimate.rows == manifest.rows && estimate.isExact, "\(fields)")
                // Packed parts are small files of their own.
                if compression == "none" || manifest.parts.count == 1 {
                    #expect(estimate.bytes == manifest.bytes, "\(fields)")
                }
            }
            #expect(!live.files.contains("sample"))
        }
    }

    @Test func sheetsAndParquet() async throws {
        try await LiveStore.with { live in
            try await live.write(Self.events(3_000, people: 50, seed: 2) + Self.changes(50))
            let sheet = try await live.resolve(
                try spec(
                    #"{"dataset":"events","bom":true,"delimiter":";","formula_guard":true,"timezone":"Europe/Berlin","part_rows":1000}"#
                ))
            #expect(
                try await ExportRunner.estimate(sheet, on: live.store).bytes == live.export(sheet, to: "s.csv").bytes)
            for fields in [
                #""dataset":"events""#, #""dataset":"people","columns":["identities","person_id","properties.plan"]"#,
            ] {
                let parquet = try await live.resolve(try spec(#"{"format":"parquet",\#(fields)}"#))
                let estimate = try await ExportRunner.estimate(parquet, on: live.store)
                let manifest = try await live.export(parquet, to: "p.parquet")
                #expect(estimate.rows == manifest.rows && estimate.isExact)
                #expect(abs(Double(estimate.bytes) / Double(manifest.bytes) - 1) < 0.05)
            }
        }
    }

    @Test func encryptedFiles() async throws {
        try await LiveStore.with { live in
            for count in [0, 3, 2_000] {
                if count > 0 { try await live.write(Self.events(count, people: 9, seed: count)) }
                for fields in [#""dataset":"events""#, #""dataset":"events","format":"ndjson","compression":"zstd""#] {
                    let resolved = try await live.resolve(try EncryptionTests.encrypted(fields))
                    let estimate = try await ExportRunner.estimate(resolved, on: live.store)
                    #expect(try await estimate.bytes == live.export(resolved, to: "x.age").bytes, "\(fields)")
                }
            }
        }
    }

    // MARK: Large ones nearly

    /// In hot tables rows lie as they came, in cold files by person.
    @Test(arguments: [false, true])
    func largeExports(areCold: Bool) async throws {
        try await LiveStore.with { live in
            let people = 25_000
            try await live.write(Self.changes(people))
            try await live.write(Self.events(60_000, people: people, seed: 3))
            if areCold {
                let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                try await Compactor(store: live.store, logger: logger).compact(isFull: true)
            }
            for (fields, isCounted, tolerance) in [
                (#""dataset":"events""#, true, 0.05),
                (#""dataset":"events","from":"1970-01-10","to":"1970-02-03""#, true, 0.05),
                (#""dataset":"events","columns":["person.plan","properties.*"]"#, true, 0.05),
                (#""dataset":"events","format":"ndjson","where":{"person":"plan","is":"pro"}"#, false, 0.25),
                (#""dataset":"events","compression":"gzip","identified":true"#, false, 0.25),
                (
                    #""dataset":"events","where":{"all":[{"event":"Purchased"},{"property":"amount","lt":500}]}"#,
                    false, 0.25
                ),
                (#""dataset":"property_changes","where":{"property":"plan","is":"pro"}"#, false, 0.25),
                (#""dataset":"people""#, true, 0.1), (#""dataset":"identities""#, true, 0.05),
                (#""dataset":"people","where":{"person":"plan","is":"pro"},"columns":["properties"]"#, false, 0.25),
                (#""dataset":"events","format":"parquet""#, true, 0.4),
            ] {
                let resolved = try await live.resolve(try spec("{\(fields)}"))
                let estimate = try await ExportRunner.estimate(resolved, on: live.store)
                let manifest = try await live.export(resolved, to: "x")
                if isCounted || estimate.isExact {
                    #expect(estimate.rows == manifest.rows && estimate.isExact, "\(fields)")
                }
                #expect(estimate.sampledRows < 20_000)
                #expect(
                    abs(Double(estimate.rows) - Double(manifest.rows)) <= tolerance * Double(manifest.rows), "\(fields)"
                )
                #expect(
                    abs(Double(estimate.bytes) - Double(manifest.bytes)) <= tolerance * Double(manifest.bytes),
                    "\(fields): \(estimate) of \(manifest.bytes)")
            }
        }
    }

    // MARK: Time

    @Test func thePaceIsThatOfRunsThatWroteEnough() throws {
        let resolved = try spec(#"{"dataset":"events"}"#).resolve(durableSeq: 1, now: Timestamp(microseconds: 0)) {
            Timestamp(microseconds: $0)
        }
        let usual = ExportPace([], of: resolved)
        #expect(ExportPace([(bytes: 10, seconds: 5), (bytes: 5_000_000, seconds: 0.01)], of: resolved) == usual)
        let measured = ExportPace(
            [(bytes: 30_000_000, seconds: 3.05), (bytes: 10_000_000, seconds: 1.05), (bytes: 4, seconds: 9)],
            of: resolved)
        #expect(abs(measured.bytesPerSecond - 10_000_000) < 1)
        let estimate = ExportEstimate(
            rows: 1_000, bytes: 20_000_000, isExact: true, sampledRows: 10, searchSeconds: 2)
        #expect(abs(estimate.seconds(measured) - 4.05) < 0.001)
        #expect(estimate.seconds(usual) > 0)
    }
}
