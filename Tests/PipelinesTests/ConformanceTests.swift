import Connectors
import DuckDB
import Foundation
import Model
import Synchronization
import Testing

@testable import Destinations

/// Takes what is sent, and answers as it is told.
private final class FakeReceiver: OutboundSending {
    let state = Mutex<(taken: [String: Int], answers: [Int])>(([:], []))

    func send(_ request: OutboundRequest) async -> OutboundResult {
        let key = request.headers.first { $0.name == "idempotency-key" }?.value ?? ""
        let status = state.withLock { state -> Int in
            let status = state.answers.isEmpty ? 200 : state.answers.removeFirst()
            // Whoever takes rows leaves out what came before under the key.
            if status == 200 { state.taken[key] = request.body.count { $0 == 0x0a } }
            return status
        }
        return OutboundResult(answer: OutboundAnswer(status: status))
    }

    var rows: Int { state.withLock { $0.taken.values.reduce(0, +) } }
}

@Suite("Every destination keeps the contract")
struct ConformanceTests {
    private let folder: String
    private let receiver = FakeReceiver()
    private let tools: DestinationTools

    init() throws {
        folder = NSTemporaryDirectory() + "sluice-destinations-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder + "/roots", withIntermediateDirectories: true)
        tools = DestinationTools(
            http: receiver,
            policy: OutboundPolicy(allowed: AddressRange("127.0.0.0/8").map { [$0] } ?? []),
            resolver: SystemResolver(), roots: FolderRoots(own: folder + "/own", allowed: [folder + "/roots"]),
            warn: { _ in })
    }

    static let kinds = ["folder", "postgres", "duckdb", "http"]
    static let tables = ["postgres", "duckdb"]
    /// Each test's table is its own.
    private let space = "s_" + UUID().uuidString.lowercased().filter { $0 != "-" }

    private func settings(_ kind: String) -> JSONValue {
        switch kind {
        case "folder": ["type": "folder", "path": .string(folder + "/roots/out")]
        case "duckdb":
            [
                "type": "duckdb", "path": .string(folder + "/roots/w.duckdb"), "schema": .string(space),
                "table": "events",
            ]
        case "postgres":
            ["type": "postgres", "url": "secret://file/url", "schema": .string(space), "table": "events"]
        default: ["type": "http", "url": "http://127.0.0.1:9/rows", "batch_rows": 10]
        }
    }

    /// What the place answers, as texts; a DuckDB file is opened for this alone.
    private func rows(_ kind: String, _ sql: String) throws -> [[String?]] {
        let sql = sql.replacing("main.", with: "\"\(space)\".")
        guard kind == "duckdb" else { return try PostgresCluster.shared().rows(sql) }
        return try DuckDBSession(connection: Database(path: folder + "/roots/w.duckdb").connect()).rows(sql, [])
    }

    private func make(_ kind: String) throws -> any Destination {
        if kind == "postgres" {
            try PostgresCluster.shared().url.write(toFile: folder + "/url", atomically: true, encoding: .utf8)
        }
        let secrets = SecretResolver(folder: folder)
        return try DestinationRegistry.builtin.make(settings(kind), secrets: secrets, tools: tools)
    }

    /// A batch of rows with the `seq` from one number to another.
    private func batch(
        _ kind: String, run: String, after from: Int, upTo to: Int, columns: [String] = ["seq", "event"],
        mode: LoadMode = .append, key: [String] = []
    ) throws -> LoadBatch {
        let isLines = kind == "http"
        var text = isLines ? "" : columns.joined(separator: ",") + "\n"
        for seq in (from + 1)...max(to, from + 1) where seq <= to {
            text +=
                isLines
                ? "{\"seq\":\(seq)}\n"
                : columns.map { $0 == "seq" ? "\(seq)" : "\"a \"\"b\"\"\"" }.joined(separator: ",") + "\n"
        }
        let path = folder + "/\(run).\(isLines ? "ndjson" : "csv")"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let digest = try #require(try FilePieces.digest(path))
        return LoadBatch(
            stream: LoadStream(pipeline: "p", installation: "i"), run: run, dataset: "events", isIncremental: true,
            seqFrom: Int64(from), seqTo: Int64(to), mode: mode, key: key,
            columns: columns.map { LoadColumn($0, $0 == "seq" ? "bigint" : "text") }, evolves: true, file: path,
            format: isLines ? "ndjson" : "csv", suffix: isLines ? ".ndjson" : ".csv", rows: Int64(to - from),
            bytes: digest.bytes, sha256: digest.sha256,
            manifest: ["parts": [], "rows": JSONValue(to - from), "stale": false])
    }

    @Test("The same batch twice leaves its rows once", arguments: kinds)
    func twice(kind: String) async throws {
        let destination = try make(kind)
        try await destination.check()
        let stream = LoadStream(pipeline: "p", installation: "i")
        if kind != "http" { #expect(try await destination.position(stream) == .empty) }
        let batch = try self.batch(kind, run: "r1", after: 0, upTo: 25)
        for _ in 0..<2 {
            let receipt = try await destination.load(batch)
            #expect(receipt.rows == 25 && receipt.reached == nil)
            let found = try await destination.verify(batch, receipt)
            #expect(found.holds, "\(found)")
        }
        if kind == "http" {
            #expect(receiver.rows == 25)
        } else {
            #expect(try await destination.position(stream) == .upTo(25))
            // Another installation's loads are not ours.
            let other = try await destination.position(LoadStream(pipeline: "p", installation: "j"))
            #expect(other == .empty || other == .upTo(0))
        }
    }

    @Test("A file of another project is not written over")
    func foreignFile() async throws {
        let destination = try make("folder")
        _ = try await destination.load(try batch("folder", run: "r1", after: 0, upTo: 5))
        var other = try batch("folder", run: "r2", after: 0, upTo: 5)
        other.stream = LoadStream(pipeline: "p", installation: "j")
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(other) }
        #expect(error?.isTransient == false && error?.message.contains("folder of its own") == true)
    }

    @Test("A table that was dropped is made again with all rows, though its ledger stayed", arguments: tables)
    func dropped(kind: String) async throws {
        let destination = try make(kind)
        _ = try await destination.load(try batch(kind, run: "r1", after: 0, upTo: 5))
        _ = try rows(kind, "DROP TABLE main.events")
        let again = try batch(kind, run: "r2", after: 0, upTo: 7)
        let receipt = try await destination.load(again)
        #expect(receipt.rows == 7 && receipt.reached == nil)
    }

    @Test("Windows follow one another, and one that is there in part is refused by tables", arguments: tables)
    func windows(kind: String) async throws {
        let destination = try make(kind)
        _ = try await destination.load(try batch(kind, run: "r1", after: 0, upTo: 5))
        _ = try await destination.load(try batch(kind, run: "r2", after: 5, upTo: 9))
        let late = try await destination.load(try batch(kind, run: "r3", after: 5, upTo: 12))
        #expect(late.reached == 9 && late.rows == 0)
        let rest = try batch(kind, run: "r3", after: 9, upTo: 12)
        let receipt = try await destination.load(rest)
        #expect(receipt.rows == 3)
        #expect(try await destination.verify(rest, receipt).holds)
    }

    @Test("A column more is added, and refused where the schema is frozen", arguments: tables)
    func schema(kind: String) async throws {
        let destination = try make(kind)
        _ = try await destination.load(try batch(kind, run: "r1", after: 0, upTo: 2))
        var more = try batch(kind, run: "r2", after: 2, upTo: 4, columns: ["seq", "event", "extra"])
        more.evolves = false
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(more) }
        #expect(error?.message.contains("\"extra\"") ?? false)
        more.evolves = true
        #expect(
            try await destination.load(more).changes == ["the column \"extra\" was added to \"\(space)\".\"events\""])
    }

    @Test(
        "Rows with a key are replaced, removed, or everything is", arguments: [LoadMode.upsert, .delete, .replace],
        tables)
    func modes(mode: LoadMode, kind: String) async throws {
        let destination = try make(kind)
        _ = try await destination.load(try batch(kind, run: "r1", after: 0, upTo: 10))
        var next = try batch(kind, run: "r2", after: 10, upTo: 10, mode: mode, key: mode == .replace ? [] : ["seq"])
        try "seq,event\n9,x\n10,x\n11,x\n11,y\n".write(toFile: next.file, atomically: true, encoding: .utf8)
        next.rows = 4
        let receipt = try await destination.load(next)
        #expect(receipt.rows == [LoadMode.upsert: 3, .delete: 2, .replace: 4][mode])
        let found = try await destination.verify(next, receipt)
        #expect(found.holds, "\(found)")
    }

    @Test("What was taken in part is taken as a whole when it is sent again")
    func partly() async throws {
        let destination = try make("http")
        receiver.state.withLock { $0.answers = [200, 503] }
        let batch = try self.batch("http", run: "r1", after: 0, upTo: 35)
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(batch) }
        #expect(error?.isTransient == true)
        #expect(receiver.rows == 10)
        // The run was given up, and the next one covers more: what was taken comes under the keys that it had.
        var wider = try self.batch("http", run: "r2", after: 0, upTo: 50)
        wider.seqColumn = "seq"
        wider.cuts = [35]
        #expect(try await destination.load(wider).rows == 50)
        #expect(receiver.rows == 50)
        receiver.state.withLock { $0.taken = [:] }
        #expect(try await destination.load(batch).rows == 35)
        #expect(receiver.rows == 35)
        receiver.state.withLock { $0.answers = [401] }
        let refused = await #expect(throws: ConnectorError.self) { try await destination.load(batch) }
        #expect(refused?.isTransient == false)
    }

    @Test("Requests do not cross the ends of pieces, and a seq that nobody asked for does not leave")
    func pieces() throws {
        var batch = try self.batch("http", run: "r1", after: 9_990, upTo: 9_990)
        let seqs = [9_995, 9_996, 10_000, 10_001, 20_000, 20_001, 20_002]
        try seqs.map { "{\"a\":\"x\",\"sluice_seq\":\($0)}\n" }.joined().write(
            toFile: batch.file, atomically: true, encoding: .utf8)
        batch.seqTo = 20_010
        batch.seqColumn = LoadBatch.addedSeq
        batch.cuts = [9_995, 20_001]
        var lines = LineBatches(batch, rows: 2, bytes: 1_000)
        var found: [String] = []
        while let piece = try lines.next() {
            #expect(piece.body == Array(String(repeating: "{\"a\":\"x\"}\n", count: piece.rows).utf8))
            found.append("\(piece.name) \(piece.rows)")
        }
        #expect(
            found == [
                "9990-9995.1 1", "9995-10000.1 2", "10000-20000.1 2", "20000-20001.1 1", "20001-20010.1 1",
            ])
    }

    @Test("A folder that is replaced has the new file alone, and one that is stale says so")
    func replacedFolder() async throws {
        let destination = try make("folder")
        let stream = LoadStream(pipeline: "p", installation: "i")
        func names() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder + "/roots/out").sorted()
        }
        for to in [5, 9] {
            var batch = try self.batch("folder", run: "r\(to)", after: 0, upTo: to, mode: .replace)
            batch.isIncremental = false
            let receipt = try await destination.load(batch)
            #expect(try await destination.verify(batch, receipt).holds)
        }
        #expect(
            try names() == ["p-0000000000000-0000000000009.csv", "p-0000000000000-0000000000009.csv.manifest.json"])
        func stale() async throws -> [Bool?] { try await destination.windows(stream).map { $0["stale"]?.boolValue } }
        try await destination.mark(stream, isStale: true)
        #expect(try await stale() == [true])
        try await destination.mark(stream, isStale: false)
        #expect(try await stale() == [false])
    }

    @Test("Rows of persons go from a table, found by what its columns hold, and others stay", arguments: tables)
    func erasure(kind: String) async throws {
        let destination = try make(kind)
        var batch = try self.batch(
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
            stream: stream, identities: ["ann", "a'b"], persons: ["p_9"], seqs: [5], columns: all)
        let done = try await destination.erase(erasure)
        #expect(done.rows == 4 && done.isVerified)
        #expect(try rows(kind, "SELECT seq FROM main.events") == [["2"]])
        #expect(try await destination.erase(erasure).rows == 0)
        let untold = RowErasure(
            stream: stream, identities: ["bob"], persons: [], seqs: [], columns: [("event", .seq)])
        #expect(try await destination.erase(untold).isVerified == false)
        let sent = try make("http")
        #expect(try await sent.erase(erasure).isVerified == false)
    }

    @Test("What may be a secret is not shown, and not part of a location")
    func shown() throws {
        let registry = DestinationRegistry.builtin
        let settings: JSONValue = [
            "type": "http", "url": "https://h.example/hooks/T0/secretpath?x=1",
            "headers": ["X-Odd": "odd-value", "authorization": "secret://env/A", "accept": "a/b"],
        ]
        let shown = registry.shown(settings).text
        #expect(!shown.contains("secretpath") && !shown.contains("odd-value"))
        #expect(shown.contains("https://h.example/***") && shown.contains("secret://env/A") && shown.contains("a/b"))
        #expect(
            !registry.shown(["type": "postgres", "url": "postgresql://u:pw@h/d", "table": "t"]).text.contains("pw"))
        #expect(throws: ConnectorError.self) {
            try registry.check(["type": "http", "url": "https://h.example/x?api_key=12345"])
        }
        let made = try registry.make(
            ["type": "http", "url": "http://127.0.0.1:9/secretpath"], secrets: SecretResolver(), tools: tools)
        #expect(made.location.hasPrefix("http:http://127.0.0.1:9/") && !made.location.contains("secretpath"))
    }

    @Test("Files lie below an allowed folder and nowhere else")
    func roots() throws {
        try FileManager.default.createSymbolicLink(atPath: folder + "/roots/out", withDestinationPath: "/tmp")
        let roots = tools.roots
        for path in ["/etc", folder + "/roots/../x", folder + "/rootsx", folder + "/roots/out/y", "../x", ""] {
            #expect(throws: ConnectorError.self, "\(path)") { try roots.resolve(path) }
        }
        #expect(try roots.resolve("a/b") == folder + "/own/a/b")
        #expect(try roots.resolve(folder + "/roots/a") == folder + "/roots/a")
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
        let destination = try make("duckdb")
        var batch = try self.batch("duckdb", run: "r1", after: 0, upTo: 2, columns: ["seq", "properties"])
        batch.columns[1] = LoadColumn("properties", "json")
        try #"""
        seq,properties
        1,"{""a"":""\ud800""}"
        2,"{""a"":1e200000}"

        """#.write(toFile: batch.file, atomically: true, encoding: .utf8)
        #expect(try await destination.load(batch).rows == 2)
        let rows = try self.rows("duckdb", "SELECT CAST(properties AS VARCHAR) FROM main.events ORDER BY seq")
        #expect(rows == [[#"{"a":"\ufffd"}"#], [#"{"a":1e200000}"#]])
    }

    @Test(
        "Keys are compared as what they are, rows without one are left out, and columns of others stay",
        arguments: tables)
    func typedKeys(kind: String) async throws {
        let destination = try make(kind)
        for statement in [
            "CREATE SCHEMA \"\(space)\"", "CREATE TABLE main.events (id DOUBLE PRECISION, event VARCHAR, own VARCHAR)",
            "INSERT INTO main.events VALUES (1, 'a', 'x'), (10, 'b', 'y')",
            // The name that the index of the key had, for something else.
            "CREATE TABLE main.other (x BIGINT)", "CREATE INDEX events_key ON main.other (x)",
        ] { _ = try self.rows(kind, statement) }
        var batch = try self.batch(
            kind, run: "r1", after: 0, upTo: 4, columns: ["id", "event"], mode: .upsert, key: ["id"])
        try "id,event\n1.0,c\n1e1,d\n,e\n9,f\n".write(toFile: batch.file, atomically: true, encoding: .utf8)
        let receipt = try await destination.load(batch)
        #expect(receipt.rows == 3)
        #expect(receipt.readBack?.expected == 3 && receipt.readBack?.found == 3)
        let rows = try self.rows(
            kind, "SELECT CAST(CAST(id AS BIGINT) AS VARCHAR), event, own FROM main.events t ORDER BY t.id")
        #expect(rows == [["1", "c", "x"], ["9", "f", nil], ["10", "d", "y"]])
        batch.run = "r2"
        batch.mode = .delete
        batch.seqFrom = 4
        #expect(try await destination.load(batch).rows == 3)
    }

    @Test("A table that is made for rows with a key has the last of each, and none without", arguments: tables)
    func newByKey(kind: String) async throws {
        let destination = try make(kind)
        let rounds = [
            ("1,a\n2,b\n,c\n", [["1", "a"], ["2", "b"]]), ("3,a\n4,b\n3,c\n,d\n3,e\n", [["3", "e"], ["4", "b"]]),
        ]
        for (number, (text, wanted)) in rounds.enumerated() {
            _ = try self.rows(kind, "DROP TABLE IF EXISTS main.events")
            var batch = try self.batch(
                kind, run: "r\(number)", after: 0, upTo: 5, columns: ["id", "event"], mode: .upsert, key: ["id"])
            try ("id,event\n" + text).write(toFile: batch.file, atomically: true, encoding: .utf8)
            let receipt = try await destination.load(batch)
            #expect(receipt.rows == 2 && receipt.readBack?.expected == 2 && receipt.readBack?.holds == true)
            #expect(receipt.changes.count == (kind == "postgres" ? 2 : 1))
            #expect(try await destination.verify(batch, receipt).holds)
            #expect(try self.rows(kind, "SELECT id, event FROM main.events ORDER BY id") == wanted)
            // The index is there, and so is everything that is found by it.
            batch.run = "again\(number)"
            batch.seqFrom = 5
            #expect(try await destination.load(batch).changes.isEmpty)
            #expect(try self.rows(kind, "SELECT id, event FROM main.events ORDER BY id") == wanted)
        }
    }

    @Test("A load is taken back where a trigger changes what comes in by key")
    func changedByTrigger() async throws {
        let destination = try make("postgres")
        _ = try await destination.load(
            try self.batch("postgres", run: "r1", after: 0, upTo: 3, mode: .upsert, key: ["seq"]))
        for statement in [
            "CREATE FUNCTION main.change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.event := NULL; RETURN NEW; END'",
            "CREATE TRIGGER change BEFORE INSERT ON main.events FOR EACH ROW WHEN (NEW.seq = 5) EXECUTE FUNCTION main.change()",
        ] { _ = try self.rows("postgres", statement) }
        let batch = try self.batch("postgres", run: "r2", after: 3, upTo: 6, mode: .upsert, key: ["seq"])
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(batch) }
        #expect(error?.message.contains("would be 2, and should be 3") == true)
        #expect(try self.rows("postgres", "SELECT count(*) FROM main.events") == [["3"]])
    }

    @Test("A load that is cut off ends at once, and leaves nothing", arguments: tables)
    func cutOff(kind: String) async throws {
        let destination = try make(kind)
        _ = try await destination.load(try self.batch(kind, run: "r1", after: 0, upTo: 5))
        let batch = try self.batch(kind, run: "r2", after: 5, upTo: 200_000, mode: .upsert, key: ["event"])
        let error = await #expect(throws: ConnectorError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await destination.load(batch) }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
        #expect(error?.isTransient == true)
        #expect(try rows(kind, "SELECT count(*) FROM main.events") == [["5"]])
    }
}
