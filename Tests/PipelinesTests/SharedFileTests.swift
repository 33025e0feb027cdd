import Connectors
import DuckDB
import Foundation
import Model
import Testing

@testable import Destinations

/// Several pipelines, one file: whoever opens it twice in one process loses tables without an error.
@Suite("Pipelines that load into one DuckDB file take turns")
struct SharedFileTests {
    private let folder = NSTemporaryDirectory() + "sluice-shared-" + UUID().uuidString

    private struct Nobody: OutboundSending {
        func send(_ request: OutboundRequest) async -> OutboundResult {
            OutboundResult(answer: OutboundAnswer(status: 404))
        }
    }

    private func load(_ table: Int, round: Int, rows: Int) async throws -> Bool {
        let tools = DestinationTools(
            http: Nobody(), policy: OutboundPolicy(allowed: []), resolver: SystemResolver(),
            roots: FolderRoots(own: folder + "/own"), warn: { _ in })
        let destination = try DestinationRegistry.builtin.make(
            ["type": "duckdb", "path": "w.duckdb", "table": .string("t\(table)")], secrets: SecretResolver(),
            tools: tools)
        let from = (round - 1) * rows
        let file = "\(folder)/\(table)-\(round).csv"
        let text = (from + 1...from + rows).reduce(into: "seq\n") { $0 += "\($1)\n" }
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let digest = try #require(try FilePieces.digest(file))
        let batch = LoadBatch(
            stream: LoadStream(pipeline: "p\(table)", installation: "i"), run: "r\(table)-\(round)",
            dataset: "events", isIncremental: true, seqFrom: Int64(from), seqTo: Int64(from + rows), mode: .append,
            key: [], columns: [LoadColumn("seq", "bigint")], evolves: true, file: file, format: "csv", suffix: ".csv",
            rows: Int64(rows), bytes: digest.bytes, sha256: digest.sha256, manifest: ["parts": []])
        return try await destination.verify(batch, try await destination.load(batch)).holds
    }

    @Test func noTableIsLost() async throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (tables, rounds, rows) = (6, 3, 2_000)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for table in 0..<tables {
                group.addTask {
                    for round in 1...rounds {
                        guard try await load(table, round: round, rows: rows) else { return false }
                    }
                    return true
                }
            }
            for try await holds in group { #expect(holds) }
        }
        let session = DuckDBSession(connection: try Database(path: folder + "/own/w.duckdb").connect())
        for table in 0..<tables {
            #expect(try session.number("SELECT count(*) FROM t\(table)", []) == Int64(rounds * rows))
        }
        #expect(try session.number("SELECT count(*) FROM sluice_loads", []) == Int64(tables * rounds))
    }

    @Test func whoIsCancelledGivesUpTheTurnOfNobodyElse() async throws {
        let turns = FileTurns()
        let (held, hold) = AsyncStream.makeStream(of: Void.self)
        let (began, begin) = AsyncStream.makeStream(of: Void.self)
        async let first: Int = turns.take("f") {
            begin.finish()
            for await _ in held {}
            return 1
        }
        for await _ in began {}
        let second = Task { try await turns.take("f") { 2 } }
        while turns.waiting(for: "f") < 1 { await Task.yield() }
        let third = Task { try await turns.take("f") { 3 } }
        while turns.waiting(for: "f") < 2 { await Task.yield() }
        // Another file is another turn.
        #expect(try await turns.take("g") { 4 } == 4)
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        hold.finish()
        #expect(try await first == 1)
        #expect(try await third.value == 3)
        #expect(try await turns.take("f") { 5 } == 5)
    }
}
