import Connectors
import Foundation
import Model
import Testing

@testable import Destinations

@Suite("Rows of tables by what they hold")
struct TableRowTests {
    private let lab: DestinationLab

    init() throws { lab = try DestinationLab() }

    @Test(
        "Rows of persons go from a table, found by what its columns hold, and others stay",
        arguments: DestinationLab.tables)
    func erasure(kind: String) async throws {
        let destination = try lab.make(kind)
        var batch = try lab.batch(
            kind, run: "r1", after: 0, upTo: 5, columns: ["seq", "who", "person", "names", "event"])
        batch.columns[3] = LoadColumn("names", "text[]")
        try """
        seq,who,person,names,event
        1,ann,p_1,"[""ann"",""a'b""]",x
        2,bob,p_2,"[""bob""]",x
        3,cy,p_3,"[""a'b""]",x
        4,dee,p_9,"[]",x
        5,eve,p_5,,x

        """.write(toFile: batch.file, atomically: true, encoding: .utf8)
        _ = try await destination.load(batch)
        let stream = batch.stream
        let all: [(name: String, holds: RowErasure.Holds)] = [
            ("who", .identity), ("person", .person), ("names", .identities), ("seq", .seq),
        ]
        let erasure = RowErasure(
            id: "e", stream: stream, identities: ["ann", "a'b"], persons: ["p_9"], seqs: [5], columns: all)
        let done = try await destination.erase(erasure)
        #expect(done.rows == 4 && done.isVerified)
        #expect(try lab.rows(kind, "SELECT seq FROM main.events") == [["2"]])
        #expect(try await destination.erase(erasure).rows == 0)
        let untold = RowErasure(
            id: "e", stream: stream, identities: ["bob"], persons: [], seqs: [], columns: [("event", .seq)])
        #expect(try await destination.erase(untold).isVerified == false)
        let sent = try lab.make("http")
        #expect(try await sent.erase(erasure).isVerified == false)
    }

    @Test(
        "What a table has no place for is written in another form, wherever pieces end, and nothing else changes",
        arguments: [1, 2, 3, 5, 7, 64, 4_096])
    func repairs(size: Int) {
        let deep = String(repeating: "[", count: 1_001) + String(repeating: "]", count: 1_001)
        let rows: [(json: String, held: String)] = [
            (
                #"{"a":"x\u0000y","b":"\\u0000","c":"\\\u0000z\n"}"#,
                #"{"a":"x\ufffdy","b":"\\u0000","c":"\\\ufffdz\n"}"#
            ),
            (
                #"{"\ud800":"\uDC00\ud83d\ude00\ud800\ud800\udc00"}"#,
                #"{"\ufffd":"\ufffd\ud83d\ude00\ufffd\ud800\udc00"}"#
            ),
            (
                #"[1e200000, -1E+131072,1e131071,0.5e-16383,1e-16383,12]"#,
                #"["1e200000", "-1E+131072",1e131071,"0.5e-16383",1e-16383,12]"#
            ),
            (#"{"n":1e99999999999999999999999,"t":"1e200000"}"#, #"{"n":"1e99999999999999999999999","t":"1e200000"}"#),
            (deep, "\"" + deep + "\""), ("{}", "{}"), ("7", "7"),
        ]
        func csv(_ json: String, _ text: String) -> String {
            let quote = "\u{22}"
            let field = json.replacing(quote, with: quote + quote)
            return ["1", quote + field + quote, quote + text + quote].joined(separator: ",") + "\r\n"
        }
        let text =
            "seq,properties,text\r\n" + rows.map { csv($0.json, #"\u0000 \ud800 1e200000"#) }.joined() + "2,,a\0b\r\n"
        let wanted =
            "seq,properties,text\r\n" + rows.map { csv($0.held, #"\u0000 \ud800 1e200000"#) }.joined()
            + "2,,a\u{FFFD}b\r\n"
        var repair = CSVRepair(
            [LoadColumn("seq", "bigint"), LoadColumn("properties", "json"), LoadColumn("text", "text")], .postgres)
        var out: [UInt8] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            // Lent for the call.
            unsafe piece.withUnsafeBytes { lent in unsafe out += repair.repaired(lent) }
        }
        out += repair.rest()
        #expect(String(decoding: out, as: UTF8.self) == wanted)
    }

    @Test("JSON that DuckDB cannot read is held in another form, and the rest of the batch with it")
    func oddJSON() async throws {
        let destination = try lab.make("duckdb")
        var batch = try lab.batch("duckdb", run: "r1", after: 0, upTo: 2, columns: ["seq", "properties"])
        batch.columns[1] = LoadColumn("properties", "json")
        try #"""
        seq,properties
        1,"{""a"":""\ud800""}"
        2,"{""a"":1e200000}"

        """#.write(toFile: batch.file, atomically: true, encoding: .utf8)
        #expect(try await destination.load(batch).rows == 2)
        let rows = try lab.rows("duckdb", "SELECT CAST(properties AS VARCHAR) FROM main.events ORDER BY seq")
        #expect(rows == [[#"{"a":"\ufffd"}"#], [#"{"a":1e200000}"#]])
    }

    @Test(
        "Keys are compared as what they are, rows without one are left out, and columns of others stay",
        arguments: DestinationLab.tables)
    func typedKeys(kind: String) async throws {
        let destination = try lab.make(kind)
        for statement in [
            "CREATE SCHEMA \"\(lab.space)\"",
            "CREATE TABLE main.events (id DOUBLE PRECISION, event VARCHAR, own VARCHAR)",
            "INSERT INTO main.events VALUES (1, 'a', 'x'), (10, 'b', 'y')",
            // The name that the index of the key had, for something else.
            "CREATE TABLE main.other (x BIGINT)", "CREATE INDEX events_key ON main.other (x)",
        ] { _ = try lab.rows(kind, statement) }
        var batch = try lab.batch(
            kind, run: "r1", after: 0, upTo: 4, columns: ["id", "event"], mode: .upsert, key: ["id"])
        try "id,event\n1.0,c\n1e1,d\n,e\n9,f\n".write(toFile: batch.file, atomically: true, encoding: .utf8)
        let receipt = try await destination.load(batch)
        #expect(receipt.rows == 3)
        #expect(receipt.readBack?.expected == 3 && receipt.readBack?.found == 3)
        let rows = try lab.rows(
            kind, "SELECT CAST(CAST(id AS BIGINT) AS VARCHAR), event, own FROM main.events t ORDER BY t.id")
        #expect(rows == [["1", "c", "x"], ["9", "f", nil], ["10", "d", "y"]])
        batch.run = "r2"
        batch.mode = .delete
        batch.seqFrom = 4
        #expect(try await destination.load(batch).rows == 3)
    }

    @Test(
        "A table that is made for rows with a key has the last of each, and none without",
        arguments: DestinationLab.tables)
    func newByKey(kind: String) async throws {
        let destination = try lab.make(kind)
        let rounds = [
            ("1,a\n2,b\n,c\n", [["1", "a"], ["2", "b"]]), ("3,a\n4,b\n3,c\n,d\n3,e\n", [["3", "e"], ["4", "b"]]),
        ]
        for (number, (text, wanted)) in rounds.enumerated() {
            _ = try lab.rows(kind, "DROP TABLE IF EXISTS main.events")
            var batch = try lab.batch(
                kind, run: "r\(number)", after: 0, upTo: 5, columns: ["id", "event"], mode: .upsert, key: ["id"])
            try ("id,event\n" + text).write(toFile: batch.file, atomically: true, encoding: .utf8)
            let receipt = try await destination.load(batch)
            #expect(receipt.rows == 2 && receipt.readBack?.expected == 2 && receipt.readBack?.holds == true)
            #expect(receipt.changes.count == (kind == "postgres" ? 2 : 1))
            #expect(try await destination.verify(batch, receipt).holds)
            #expect(try lab.rows(kind, "SELECT id, event FROM main.events ORDER BY id") == wanted)
            // The index is there, and so is everything that is found by it.
            batch.run = "again\(number)"
            batch.seqFrom = 5
            #expect(try await destination.load(batch).changes.isEmpty)
            #expect(try lab.rows(kind, "SELECT id, event FROM main.events ORDER BY id") == wanted)
        }
    }

    @Test("A load is taken back where a trigger changes what comes in by key")
    func changedByTrigger() async throws {
        let destination = try lab.make("postgres")
        _ = try await destination.load(
            try lab.batch("postgres", run: "r1", after: 0, upTo: 3, mode: .upsert, key: ["seq"]))
        for statement in [
            "CREATE FUNCTION main.change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.event := NULL; RETURN NEW; END'",
            "CREATE TRIGGER change BEFORE INSERT ON main.events FOR EACH ROW WHEN (NEW.seq = 5) EXECUTE FUNCTION main.change()",
        ] { _ = try lab.rows("postgres", statement) }
        let batch = try lab.batch("postgres", run: "r2", after: 3, upTo: 6, mode: .upsert, key: ["seq"])
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(batch) }
        #expect(error?.message.contains("would be 2, and should be 3") == true)
        #expect(try lab.rows("postgres", "SELECT count(*) FROM main.events") == [["3"]])
    }
}
