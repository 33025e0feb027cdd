import Foundation
import Model
import Testing

@testable import Exports

@Suite("A Parquet file's end says how many rows it has")
struct ParquetEndTests {
    /// A file of several row groups, as the engine writes it.
    private static func file(_ rows: Int) async throws -> [UInt8] {
        try await LiveStore.with { live in
            try await live.write((0..<rows).map { item(.event, "u\($0)", name: "E", #"{"n":\#($0)}"#, id: "id\($0)") })
            try await live.export(
                try await live.resolve(try spec(#"{"dataset":"events","format":"parquet"}"#)), to: "a.parquet")
            return try live.bytes("a.parquet")
        }
    }

    private static func end(_ bytes: [UInt8], window: Int = 1 << 20, piece: Int = 1 << 20) -> ParquetEnd {
        var end = ParquetEnd("a", window: window)
        for at in stride(from: 0, to: bytes.count, by: piece) {
            unsafe bytes[at..<min(bytes.count, at + piece)].withUnsafeBytes { unsafe end.read($0) }
        }
        return end
    }

    @Test func rowsAreCounted() async throws {
        for rows in [0, 1, 70_000] {
            let bytes = try await Self.file(rows)
            for piece in [1 << 20, 1_001, 3] where bytes.count / piece < 100_000 {
                #expect(try Self.end(bytes, piece: piece).rows() == Int64(rows))
            }
            // A footer that is longer than what is kept is found in a second reading.
            for window in [8, 40] {
                let end = Self.end(bytes, window: window, piece: 999)
                #expect(try end.rows() == nil)
                let footer = try end.footer()
                var piece = KeptPiece(footer)
                for at in stride(from: 0, to: bytes.count, by: 777) {
                    unsafe bytes[at..<min(bytes.count, at + 777)].withUnsafeBytes { unsafe piece.read($0) }
                }
                #expect(piece.bytes == Array(bytes[Int(footer.lowerBound)..<Int(footer.upperBound)]))
                #expect(try end.rows(inFooter: piece.bytes[...]) == Int64(rows))
                // What it says of row groups comes behind the number.
                if rows == 70_000 {
                    #expect(try end.rows(inFooter: piece.bytes.prefix(piece.bytes.count / 2)) == Int64(rows))
                }
            }
        }
    }

    @Test func whatIsNoParquetFile() async throws {
        let bytes = try await Self.file(5)
        let long = bytes.dropLast(8) + [0xff, 0xff, 0xff, 0x7f] + Array("PAR1".utf8)
        for wrong in [
            [], Array("PAR1".utf8), Array("PAR1PAR1".utf8), Array(bytes.dropLast()), Array(bytes.dropFirst()),
            Array(long),
            bytes + [0],
        ] {
            let error = #expect(throws: ExportError.self) { _ = try Self.end(wrong).rows() }
            #expect(error?.code == .mismatch)
        }
    }

    /// Footers of strangers: an answer or an error, and no crash.
    @Test(arguments: 1...4) func mutations(seed: Int) async throws {
        let bytes = try await Self.file(40)
        let footer = try Self.end(bytes).footer()
        let good = Array(bytes[Int(footer.lowerBound)..<Int(footer.upperBound)])
        var generator = SeededGenerator(seed: seed)
        var refused = 0
        for _ in 0..<20_000 {
            var wrong = good
            for _ in 0..<Int.random(in: 1...4, using: &generator) where !wrong.isEmpty {
                let at = Int.random(in: 0..<wrong.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: wrong[at] = UInt8.random(in: 0...255, using: &generator)
                case 1: wrong[at] = 0xff
                case 2: wrong.remove(at: at)
                default: wrong.removeSubrange(at...)
                }
            }
            do throws(ExportError) { _ = try ParquetEnd("a").rows(inFooter: wrong[...]) } catch {
                #expect(error.code == .mismatch)
                refused += 1
            }
        }
        #expect(refused > 1_000)
    }

    @Test func deepAndEndlessValues() {
        // Structures in structures, and lists that claim more than there is.
        let deep = [UInt8](repeating: 0x1c, count: 100_000)
        var reader = ThriftReader(deep[...])
        #expect(reader.integer(ofField: 3) == nil)
        for list in [
            [0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], [0x19, 0xfc, 0xff, 0xff, 0x03],
            [0x1b, 0xff, 0xff, 0x7f, 0x11], [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] as [[UInt8]] {
            var reader = ThriftReader(list[...])
            #expect(reader.integer(ofField: 3) == nil)
        }
        // A double, a set of truths, and then the number; and a number whose field is written out.
        var mixed = ThriftReader([0x17, 0, 0, 0, 0, 0, 0, 0, 0, 0x1a, 0x21, 1, 2, 0x16, 0x54][...])
        #expect(mixed.integer(ofField: 3) == 42)
        var written = ThriftReader([0x06, 0x06, 0x54][...])
        #expect(written.integer(ofField: 3) == 42)
    }
}
