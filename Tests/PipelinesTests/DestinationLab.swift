import Connectors
import DuckDB
import Foundation
import Model
import Synchronization
import Testing

@testable import Destinations

/// Takes what is sent, and answers as it is told.
final class FakeReceiver: OutboundSending {
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

/// Destinations on this machine, each with a place of its own, and batches for them.
struct DestinationLab {
    let folder: String
    let receiver = FakeReceiver()
    let tools: DestinationTools

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
    let space = "s_" + UUID().uuidString.lowercased().filter { $0 != "-" }

    func settings(_ kind: String) -> JSONValue {
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
    func rows(_ kind: String, _ sql: String) throws -> [[String?]] {
        let sql = sql.replacing("main.", with: "\"\(space)\".")
        guard kind == "duckdb" else { return try PostgresCluster.shared().rows(sql) }
        return try DuckDBSession(connection: Database(path: folder + "/roots/w.duckdb").connect()).rows(sql, [])
    }

    func make(_ kind: String) throws -> any Destination {
        if kind == "postgres" {
            try PostgresCluster.shared().url.write(toFile: folder + "/url", atomically: true, encoding: .utf8)
        }
        let secrets = SecretResolver(folder: folder)
        return try DestinationRegistry.builtin.make(settings(kind), secrets: secrets, tools: tools)
    }

    /// A batch of rows with the `seq` from one number to another.
    func batch(
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
}
