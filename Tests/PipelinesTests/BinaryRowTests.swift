import Connectors
import Foundation
import Model
import Testing

@testable import Destinations

@Suite("Rows in PostgreSQL's own form are what it reads in CSV")
struct BinaryRowTests {
    private static let columns = [
        LoadColumn("seq", "bigint"), LoadColumn("n", "double"), LoadColumn("b", "boolean"),
        LoadColumn("t", "timestamp"),
        LoadColumn("j", "json"), LoadColumn("x", "text"),
    ]
    private static let types: [UInt32] = [20, 701, 16, 1184, 3802, 25]

    private static let rows = [
        #"1,1.5,true,2026-01-31T23:59:59.999999Z,"{""a"":""b, c""}",plain"#,
        #"-9223372036854775808,-1e-300,false,0001-01-01T00:00:00.000000Z,[],"two"# + "\n" + #"lines and a "" quote""#,
        "9223372036854775807,5e-324,true,9999-12-31T00:00:00.000001Z,null,\"\"",
        "0,0.0,false,2000-02-29T12:34:56.000000Z,1e5,é€😀",
        ",,,,,", "7,,,1999-12-31T23:59:59.999999Z,,last",
    ]

    /// The rows in PostgreSQL's form, from pieces of a size; nil if one of them is unusual.
    private func converted(_ text: String, pieces size: Int) throws -> [UInt8]? {
        let rows = try #require(BinaryRows(Self.columns, into: Self.types))
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        do {
            for start in stride(from: 0, to: bytes.count, by: size) {
                let piece = Array(bytes[start..<min(start + size, bytes.count)])
                // Lent for the call.
                unsafe try piece.withUnsafeBytes { lent in unsafe out += try rows.taking(lent) }
            }
            unsafe out += try rows.rest()
        } catch {
            #expect(rows.isUnusual)
            return nil
        }
        return out
    }

    @Test("However they are cut into pieces, and whatever ends their lines", arguments: ["\n", "\r\n"])
    func pieces(end: String) throws {
        let text = (["seq,n,b,\"t\nt\",j,x"] + Self.rows).map { $0 + end }.joined()
        let whole = try #require(try converted(text, pieces: 1 << 20))
        #expect(whole.prefix(11) == [0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00])
        #expect(whole.suffix(2) == [0xff, 0xff])
        for size in [1, 2, 3, 7, 64, 300] { #expect(try converted(text, pieces: size) == whole) }
        // The last line's end may be missing.
        #expect(try converted(String(text.dropLast()), pieces: 5) == whole)
        #expect(try converted("", pieces: 1)?.count == 21)
    }

    @Test(
        "What may be read in another way is left to PostgreSQL",
        arguments: [
            "1.0,,,,,", "+1,,,,,", " 1,,,,,", "9223372036854775808,,,,,", "-,,,,,", ",1e400,,,,", ",1e-400,,,,",
            ",NaN,,,,",
            ",,t,,,", ",,,2026-02-29T00:00:00.000000Z,,", ",,,2026-01-01 00:00:00+00,,",
            ",,,0000-01-01T00:00:00.000000Z,,",
            ",,,,,a\"b", ",,,,,\"a\"b", ",,,,", ",,,,,,", ",,,,,a\rb", ",,,,,\"a",
        ])
    func unusual(row: String) throws {
        #expect(try converted("seq,n,b,t,j,x\n" + row + "\n", pieces: 4) == nil)
    }

    @Test("Columns of other types are not written to in it")
    func otherTypes() {
        #expect(BinaryRows([LoadColumn("seq", "bigint")], into: [23]) == nil)
        #expect(BinaryRows([LoadColumn("seq", "bigint")], into: [20, 20]) == nil)
    }

    @Test("A table has the same of it as of CSV, and one unusual row has all of them read as CSV")
    func compared() throws {
        let cluster = try PostgresCluster.shared()
        let folder = NSTemporaryDirectory() + "sluice-binary-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let space = "b_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        let session = PostgresSession(connection: try cluster.connect())
        try session.run("CREATE SCHEMA \(space)")
        let make = "(seq bigint, n double precision, b boolean, t timestamptz, j jsonb, x text)"
        func load(_ rows: [String], into table: String) throws {
            let path = folder + "/rows.csv"
            try (["seq,n,b,t,j,x"] + rows).map { $0 + "\r\n" }.joined().write(
                toFile: path, atomically: true, encoding: .utf8)
            let batch = LoadBatch(
                stream: LoadStream(pipeline: "p", installation: "i"), run: "r", dataset: "events", isIncremental: true,
                seqFrom: 0, seqTo: 9, mode: .append, key: [], columns: Self.columns, evolves: true, file: path,
                format: "csv", suffix: ".csv", rows: Int64(rows.count), bytes: 0, sha256: "", manifest: [:])
            let count = try session.transaction { session in
                try session.run("CREATE TABLE \(space).\(table) \(make)")
                return try session.bring(batch, into: "\(space).\(table)", .new)
            }
            #expect(count == rows.count)
        }
        try load(Self.rows, into: "own")
        // A time as another program writes it.
        try load(Self.rows + ["8,,,2026-01-01 00:00:00+00,,"], into: "read")
        #expect(
            try session.rows("SELECT * FROM \(space).read EXCEPT ALL SELECT * FROM \(space).own", []).map(\.first) == [
                "8"
            ])
        #expect(try session.rows("SELECT * FROM \(space).own EXCEPT ALL SELECT * FROM \(space).read", []).isEmpty)
        let texts = try session.rows("SELECT x FROM \(space).own ORDER BY seq", []).map { $0[0] }
        #expect(texts == ["two\nlines and a \" quote", "é€😀", "plain", "last", "", nil])
    }
}
