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

    static let kinds = ["folder", "duckdb", "http"]

    private func settings(_ kind: String) -> JSONValue {
        switch kind {
        case "folder": ["type": "folder", "path": .string(folder + "/roots/out")]
        case "duckdb": ["type": "duckdb", "path": .string(folder + "/roots/w.duckdb"), "table": "events"]
        default: ["type": "http", "url": "http://127.0.0.1:9/rows", "batch_rows": 10]
        }
    }

    private func make(_ kind: String) throws -> any Destination {
        try DestinationRegistry.builtin.make(settings(kind), secrets: SecretResolver(), tools: tools)
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
            bytes: digest.bytes, sha256: digest.sha256, manifest: ["parts": [], "rows": JSONValue(to - from)])
    }

    @Test("The same batch twice leaves its rows once", arguments: kinds)
    func twice(kind: String) async throws {
        let destination = try make(kind)
        try await destination.check()
        let stream = LoadStream(pipeline: "p", installation: "i")
        if kind != "http" { #expect(try await destination.position(stream) == .empty) }
        let batch = try batch(kind, run: "r1", after: 0, upTo: 25)
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

    @Test("A table that was dropped is made again with all rows, though its ledger stayed")
    func dropped() async throws {
        let destination = try make("duckdb")
        _ = try await destination.load(try batch("duckdb", run: "r1", after: 0, upTo: 5))
        let database = try Database(path: folder + "/roots/w.duckdb")
        try database.connect().execute("DROP TABLE main.events")
        let again = try batch("duckdb", run: "r2", after: 0, upTo: 7)
        let receipt = try await destination.load(again)
        #expect(receipt.rows == 7 && receipt.reached == nil)
    }

    @Test("Windows follow one another, and one that is there in part is refused by tables")
    func windows() async throws {
        let destination = try make("duckdb")
        _ = try await destination.load(try batch("duckdb", run: "r1", after: 0, upTo: 5))
        _ = try await destination.load(try batch("duckdb", run: "r2", after: 5, upTo: 9))
        let late = try await destination.load(try batch("duckdb", run: "r3", after: 5, upTo: 12))
        #expect(late.reached == 9 && late.rows == 0)
        let rest = try batch("duckdb", run: "r3", after: 9, upTo: 12)
        let receipt = try await destination.load(rest)
        #expect(receipt.rows == 3)
        #expect(try await destination.verify(rest, receipt).holds)
    }

    @Test("A column more is added, and refused where the schema is frozen")
    func schema() async throws {
        let destination = try make("duckdb")
        _ = try await destination.load(try batch("duckdb", run: "r1", after: 0, upTo: 2))
        var more = try batch("duckdb", run: "r2", after: 2, upTo: 4, columns: ["seq", "event", "extra"])
        more.evolves = false
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(more) }
        #expect(error?.message.contains("\"extra\"") ?? false)
        more.evolves = true
        #expect(try await destination.load(more).changes == ["the column \"extra\" was added to \"main\".\"events\""])
    }

    @Test("Rows with a key are replaced, removed, or everything is", arguments: [LoadMode.upsert, .delete, .replace])
    func modes(mode: LoadMode) async throws {
        let destination = try make("duckdb")
        _ = try await destination.load(try batch("duckdb", run: "r1", after: 0, upTo: 10))
        var next = try batch("duckdb", run: "r2", after: 10, upTo: 10, mode: mode, key: mode == .replace ? [] : ["seq"])
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
        let batch = try batch("http", run: "r1", after: 0, upTo: 35)
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(batch) }
        #expect(error?.isTransient == true)
        #expect(receiver.rows == 10)
        #expect(try await destination.load(batch).rows == 35)
        #expect(receiver.rows == 35)
        receiver.state.withLock { $0.answers = [401] }
        let refused = await #expect(throws: ConnectorError.self) { try await destination.load(batch) }
        #expect(refused?.isTransient == false)
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
        "Zero bytes and JSON's zero are left out, wherever pieces end, and nothing else is",
        arguments: [1, 2, 3, 5, 7, 64])
    func zeros(size: Int) {
        let text = #"{"a":"x\u0000y","b":"\\u0000","c":"\\\u0000z\n"}"# + "\0end\\"
        let wanted = #"{"a":"xy","b":"\\u0000","c":"\\z\n"}"# + "end\\"
        var cleaner = ZeroCleaner()
        var out: [UInt8] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            // Lent for the call.
            unsafe piece.withUnsafeBytes { lent in
                out += unsafe cleaner.cleaned(lent) ?? piece
            }
        }
        out += cleaner.rest()
        #expect(String(decoding: out, as: UTF8.self) == wanted)
    }
}
