import Connectors
import Control
import Foundation
import Model
import Synchronization
import Testing
import Threads

@testable import Destinations
@testable import Pipelines

/// Answers as PostgreSQL would, and notes what is asked of it.
private final class NotedSession: TableSession {
    private let hasTable: Bool
    private(set) var said: [String] = []
    private let dialect = PostgresDialect()

    init(hasTable: Bool) { self.hasTable = hasTable }

    func run(_ sql: String) { said.append(sql) }

    func rows(_ sql: String, _ values: [String?]) -> [[String?]] {
        if sql == dialect.columns { return values[1] == "events" && !hasTable ? [] : [["seq"], ["event"]] }
        if sql == dialect.schemaExists || sql.contains("FROM pg_index") { return [["1"]] }
        if sql.hasPrefix("SELECT count(*)") { return [[sql.contains("EXISTS") ? "0" : "2"]] }
        return []
    }

    func count(_ sql: String, _ values: [String?]) -> Int64 {
        said.append(sql)
        return sql.hasSuffix("IS NULL") ? 0 : 2
    }

    func bring(_ batch: LoadBatch, into place: String, _ kind: TableKind) -> Int64 {
        said.append("COPY \(place)")
        return 2
    }

    func makesIndex(_ sql: String) -> Bool {
        said.append(sql)
        return true
    }
}

private final class Taken: Sendable {
    let bytes = Mutex<[UInt8]>([])
}

/// A DuckDB file whose loads wait at the gate, and are counted.
private struct GatedFile: GatedDestination {
    struct Seen {
        var plain = 0
        var early = 0
        var passed = 0
        var breaks = false
    }
    static let seen = Mutex(Seen())
    static let kind = DuckDBDestination.kind
    static let fields = DuckDBDestination.fields
    static let abilities = DuckDBDestination.abilities

    let file: DuckDBDestination

    init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        file = try DuckDBDestination(settings, tools)
    }

    var location: String { file.location }
    func check() async throws(ConnectorError) { try await file.check() }
    func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition { try await file.position(stream) }
    func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt {
        Self.seen.withLock { $0.plain += 1 }
        return try await file.load(batch)
    }
    func load(_ batch: LoadBatch, behind gate: LoadGate) async throws(ConnectorError) -> LoadReceipt {
        let breaks = Self.seen.withLock { seen in
            seen.early += 1
            return seen.breaks
        }
        if breaks { throw ConnectorError(.refused, "it broke") }
        try await blocking { try gate.pass() }
        Self.seen.withLock { $0.passed += 1 }
        // The file has its name by now, and its rows are counted.
        var batch = batch
        batch.rows = gate.rows ?? 0
        return try await file.load(batch)
    }
    func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        try await file.verify(batch, receipt)
    }
}

@Suite("Rows are sent while they are looked at, and let in when they are as they should be", .serialized)
struct GateTests {
    private func batch(_ mode: LoadMode) -> LoadBatch {
        LoadBatch(
            stream: LoadStream(pipeline: "p", installation: "i"), run: "r", dataset: "events", isIncremental: true,
            seqFrom: 0, seqTo: 2, mode: mode, key: mode == .upsert || mode == .delete ? ["seq"] : [],
            columns: ["seq", "event"].map { LoadColumn($0, $0 == "seq" ? "bigint" : "text") }, evolves: true,
            file: "", format: "csv", suffix: ".csv", rows: 2, bytes: 0, sha256: "", manifest: [:])
    }

    @Test(
        "Before the gate nothing is changed but what the load has made itself", arguments: LoadMode.allCases,
        [true, false])
    func before(mode: LoadMode, hasTable: Bool) throws {
        let sql = TableSQL(schema: "s", table: "events", dialect: PostgresDialect())
        var batch = batch(mode)
        if mode != .replace { batch.columns.append(LoadColumn("extra", "text")) }
        let gate = LoadGate()
        gate.close()
        // Whoever comes late changes nothing.
        gate.open(rows: 2)
        let session = NotedSession(hasTable: hasTable)
        let job = TableLoad(sql: sql, batch: batch, gate: gate)
        #expect(throws: ConnectorError.self) { try job.run(session) }
        let ownTable = hasTable ? [] : ["CREATE TABLE \(sql.target)", "COPY \(sql.target)", sql.forget]
        let own = [
            "CREATE TEMP TABLE sluice_stage", "ALTER TABLE pg_temp.", "ALTER SEQUENCE pg_temp.", "COPY pg_temp.",
            "CREATE UNIQUE INDEX ON pg_temp.", "SELECT set_config",
        ]
        let keyless = sql.removeKeyless(["seq"])
        let fresh = hasTable ? [] : [keyless, "CREATE UNIQUE INDEX ON \(sql.target)", "CREATE INDEX"]
        for statement in session.said {
            #expect((ownTable + own + fresh).contains { statement.hasPrefix($0) }, "\(statement)")
        }
        if !hasTable { #expect(session.said.contains { $0.hasPrefix("COPY") }) }
        let open = LoadGate()
        open.open(rows: 2)
        let other = NotedSession(hasTable: hasTable)
        let receipt = try TableLoad(sql: sql, batch: batch, gate: open).run(other)
        #expect(receipt.rows == 2)
        #expect(other.said.contains { $0.hasPrefix("INSERT INTO \(sql.ledger)") })
    }

    /// Takes what is read, and says whether it came to its end.
    private static func isWhole(_ batch: LoadBatch, _ taken: Taken) async -> Bool {
        let read: Void? = try? await blocking {
            unsafe try FilePieces.read(batch) { (piece) throws(ConnectorError) in
                let bytes = unsafe Array(piece)
                taken.bytes.withLock { $0 += bytes }
            }
        }
        return read != nil
    }

    @Test("A file is read to its end while it is written, and not at all if it never will be whole")
    func growing() async throws {
        let folder = NSTemporaryDirectory() + "sluice-growing-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for isWhole in [true, false] {
            let growth = Growth()
            let path = folder + "/.partial"
            try Data().write(to: URL(fileURLWithPath: path))
            var made = batch(.append)
            made.file = folder + "/rows.csv"
            made.growing = (path, growth)
            let (ready, taken) = (made, Taken())
            async let reading = Self.isWhole(ready, taken)
            let handle = try #require(FileHandle(forWritingAtPath: path))
            var size: Int64 = 0
            for number in 0..<200 {
                let line = Data("line \(number)\n".utf8)
                try handle.write(contentsOf: line)
                size += Int64(line.count)
                growth.grow(to: size)
            }
            try handle.close()
            growth.end(isWhole: isWhole)
            // What was said first stays.
            growth.end(isWhole: !isWhole)
            #expect(await reading == isWhole)
            if isWhole { #expect(taken.bytes.withLock { $0 } == Array((0..<200).map { "line \($0)\n" }.joined().utf8)) }
        }
    }

    private static let pipeline = """
        name: p
        export: { dataset: events, columns: [seq, event] }
        load: { destination: { type: duckdb, path: w.duckdb, table: events } }

        """

    private func run(_ rules: String, _ count: Int, breaks: Bool = false) async throws -> (PipelineRunRecord, Int64?) {
        GatedFile.seen.withLock {
            $0 = GatedFile.Seen()
            $0.breaks = breaks
        }
        let found = Mutex<(PipelineRunRecord, Int64?)?>(nil)
        try await Works.with { works in
            try await works.apply(Self.pipeline + rules)
            try await works.collect(count, from: 0)
            var tools = works.tools
            tools.registry = DestinationRegistry([GatedFile.self])
            let keeper = PipelineKeeper(tools: tools, followsSchedules: false)
            _ = try await keeper.start(project: "default", pipeline: "p")
            try await works.go(keeper)
            let run = try #require(try await works.runs().first)
            // The table may not be there.
            let rows = try? works.loaded()
            found.withLock { $0 = (run, rows) }
        }
        return try #require(found.withLock { $0 })
    }

    @Test("Rows that are as they should be are sent once")
    func passed() async throws {
        let (run, rows) = try await run("", 5)
        #expect(run.status == .succeeded && rows == 5)
        GatedFile.seen.withLock { #expect($0.early == 1 && $0.passed == 1 && $0.plain == 0) }
    }

    @Test("Rows that are not are taken back before the run is said to have failed")
    func stopped() async throws {
        let (run, rows) = try await run("validate: { columns: { event: { accepted: [Other] } } }\n", 5)
        #expect(run.status == .failed && rows == nil)
        #expect(run.reason?.hasPrefix("validate: 5 of 5 rows") == true)
        GatedFile.seen.withLock { #expect($0.early == 1 && $0.passed == 0 && $0.plain == 0) }
    }

    @Test("Rows that did not come through are loaded as ever")
    func broken() async throws {
        let (run, rows) = try await run("", 5, breaks: true)
        #expect(run.status == .succeeded && rows == 5)
        GatedFile.seen.withLock { #expect($0.early == 1 && $0.passed == 0 && $0.plain == 1) }
    }
}
