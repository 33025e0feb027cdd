import DuckDB
import Glibc
import Synchronization
import Testing

/// More work than any test waits for.
private let endless = "SELECT count(*) FROM range(10000000) a(x), range(10000000) b(y) WHERE x * y % 7 = 3"

@Suite("Lanes run one thing at a time and can be stopped", .timeLimit(.minutes(15)))
struct LaneTests {
    private let database: Database

    init() throws { database = try Database(path: nil, settings: ["threads": "2"]) }

    @Test func cancellingATaskInterruptsItsStatementAndTheLaneGoesOn() async throws {
        let lane = try Lane(database: database, name: "test")
        for _ in 0..<5 {
            let started = Flag()
            let task = Task {
                try await lane.run { connection in
                    started.raise()
                    return try connection.rows(endless)
                }
            }
            await started.wait()
            task.cancel()
            // Without the interruption this would not end within the suite's limit.
            let error = await #expect(throws: DuckDBError.self) { try await task.value }
            #expect(error?.code == .interrupted)
            #expect(
                try await lane.run { try $0.rows("SELECT sum(i) FROM range(100000) r(i)") } == [
                    [.hugeint(4_999_950_000)]
                ])
        }
    }

    @Test func cancellingAtAnyMomentStopsTheStatement() async throws {
        let lane = try Lane(database: database, name: "test")
        for moment in 0..<100 {
            let started = Flag()
            let task = Task {
                try await lane.run { connection in
                    started.raise()
                    return try connection.rows(endless)
                }
            }
            await started.wait()
            // From before the statement is prepared to when it runs on both threads.
            for _ in 0..<moment * 40 { await Task.yield() }
            task.cancel()
            let error = await #expect(throws: DuckDBError.self) { try await task.value }
            #expect(error?.code == .interrupted)
        }
        #expect(try await lane.run { try $0.rows("SELECT 1") } == [[1]])
    }

    @Test func aStreamThatIsGivenUpStopsWorking() async throws {
        let lane = try Lane(database: database, name: "test")
        try await lane.run { try $0.execute("CREATE TABLE big AS SELECT i FROM range(1000000) r(i)") }
        // One thread fills the stream from the first rows; the other works on later ones, for hours and in vain.
        let sql = "SELECT i FROM big, range(10000000) r(y) WHERE i < 1000 OR i * y % 7919 = 8000"
        for inTransaction in [false, true] {
            let answer = try await lane.run { connection in
                if inTransaction { try connection.execute("BEGIN; CREATE TABLE given(a INTEGER)") }
                let rows = try connection.query(sql)
                let first = try rows.nextChunk()?.rowCount
                rows.close()
                if inTransaction { try connection.execute("INSERT INTO given VALUES (1); COMMIT") }
                return first
            }
            #expect((answer ?? 0) > 0)
        }
        #expect(try await lane.run { try $0.row(sql) }?.count == 1)
        #expect(try await lane.run { try $0.rows("SELECT a FROM given") } == [[1]])
    }

    @Test func cancellingInTheMiddleOfAStreamThrows() async throws {
        let lane = try Lane(database: database, name: "test")
        let started = Flag()
        let task = Task {
            try await lane.run { connection in
                let rows = try connection.query("SELECT i FROM range(100000000000) r(i)")
                _ = try rows.nextChunk()
                started.raise()
                while let chunk = try rows.nextChunk() { _ = chunk.rowCount }
            }
        }
        await started.wait()
        task.cancel()
        let error = await #expect(throws: DuckDBError.self) { try await task.value }
        #expect(error?.code == .interrupted)
        #expect(try await lane.run { try $0.rows("SELECT 1") } == [[1]])
    }

    @Test func aCancelledJobStartsNoFurtherStatementAndLeavesNoTransaction() async throws {
        let lane = try Lane(database: database, name: "test") { connection throws(DuckDBError) in
            try connection.execute("CREATE TABLE t(a INTEGER)")
        }
        let started = Flag()
        let task = Task {
            try await lane.run { connection in
                try connection.transaction { connection in
                    try connection.execute("INSERT INTO t VALUES (1)")
                    started.raise()
                    while true { try connection.execute("SELECT 1") }
                }
            }
        }
        await started.wait()
        task.cancel()
        await #expect(throws: DuckDBError.self) { try await task.value }
        #expect(try await lane.run { try $0.rows("SELECT count(*) FROM t") } == [[0]])
        try await lane.run { try $0.transaction { try $0.execute("INSERT INTO t VALUES (2)") } }
        #expect(try await lane.run { try $0.rows("SELECT a FROM t") } == [[2]])
    }

    @Test func aCancelledJobBehindAnotherNeverStartsAndStopsNoOther() async throws {
        let lane = try Lane(database: database, name: "test")
        let started = Flag()
        let gate = Flag()
        let first = Task {
            try await lane.run { connection in
                started.raise()
                gate.block()
                return try connection.rows("SELECT count(*) FROM range(3000000) r(i) WHERE i % 3 = 0")
            }
        }
        await started.wait()
        let second = Task { try await lane.run { try $0.rows(endless) } }
        second.cancel()
        gate.raise()
        #expect(try await first.value == [[1_000_000]])
        await #expect(throws: DuckDBError.self) { try await second.value }
    }

    @Test func aClosedLaneLetsTheFileGo() async throws {
        let path = "/tmp/sluice-lane-\(UInt64.random(in: 0 ... .max)).duckdb"
        // The path is lent for the call.
        defer { unsafe _ = unlink(path) }
        for round in 0..<5 {
            var database: Database? = try Database(path: path)
            weak let watched = database
            let lane = try Lane(database: #require(database), name: "one")
            let pool = try LanePool(database: #require(database), name: "two", lanes: 2, waiting: 0)
            database = nil
            try await lane.run { try $0.execute("CREATE TABLE IF NOT EXISTS t(a INTEGER); INSERT INTO t VALUES (1)") }
            let gate = Flag()
            let started = Flag()
            let running = Task {
                try await pool.run { connection in
                    started.raise()
                    gate.block()
                    return try connection.rows("SELECT count(*) FROM t")
                }
            }
            await started.wait()
            await lane.close()
            gate.raise()
            await pool.close()
            // The job that ran has its answer, and the file is free at once.
            #expect(watched == nil)
            #expect(try await running.value == [[.int(Int64(round) + 1)]])
            for job in [lane.run, pool.run] as [(@Sendable (Connection) throws -> Void) async throws -> Void] {
                let error = await #expect(throws: DuckDBError.self) { try await job { _ in } }
                #expect(error?.code == .closed)
            }
            #expect(lane.progress == nil)
            lane.interrupt()
        }
    }

    /// A lane that stands back has a thread of its own, at its priority; those of the database have it, too.
    @Test func aLaneThatStandsBackWorksLikeAnyOther() async throws {
        let usual = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
        let path = "/tmp/sluice-lane-\(UInt64.random(in: 0 ... .max)).duckdb"
        // The path is lent for the call.
        defer { unsafe _ = unlink(path) }
        var database: Database? = try Database(path: path, niceness: 3)
        weak let watched = database
        let lane = try Lane(database: #require(database), name: "back", niceness: 5)
        database = nil
        let seen = try await lane.run { _ in getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }
        #expect(seen == usual + 5)
        for round in 1...200 {
            lane.hurry(!round.isMultiple(of: 2))
            let seen = try await lane.run { _ in getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }
            #expect(seen == (round.isMultiple(of: 2) ? usual + 5 : usual))
        }
        for number in 0..<100 {
            #expect(try await lane.run { try $0.row("SELECT \(number)") } == [.int(Int64(number))])
        }
        let task = Task { try await lane.run { try $0.rows(endless) } }
        task.cancel()
        await #expect(throws: DuckDBError.self) { try await task.value }
        await lane.close()
        #expect(watched == nil)
        let error = #expect(throws: DuckDBError.self) { _ = try Database(path: "/nonexistent/x", niceness: 3) }
        #expect(error?.message.isEmpty == false)
    }

    @Test func progressCanBeReadWhileAQueryRuns() async throws {
        let lane = try Lane(database: database, name: "test")
        try await lane.run { connection in
            try connection.keepProgress(true)
            try connection.execute("CREATE TABLE big AS SELECT i, i % 1000 AS k FROM range(3000000) r(i)")
        }
        #expect(lane.progress == nil)
        let task = Task {
            // Slow enough to be seen, and never finished.
            try await lane.run {
                try $0.rows("SELECT count(*) FROM big a JOIN big b ON a.k = b.k WHERE a.i * b.i % 7 = 3")
            }
        }
        var seen: Double?
        while seen == nil {
            seen = lane.progress
            await Task.yield()
        }
        lane.interrupt()
        await #expect(throws: DuckDBError.self) { try await task.value }
        #expect((seen ?? -1) >= 0 && (seen ?? 2) <= 1)
    }
}

/// A flag that a lane's thread raises and a test waits for, or the other way round.
final class Flag: Sendable {
    private let raised = Atomic<Bool>(false)

    func raise() { raised.store(true, ordering: .releasing) }

    func wait() async { while !raised.load(ordering: .acquiring) { await Task.yield() } }

    /// Holds a lane's own thread.
    func block() { while !raised.load(ordering: .acquiring) {} }
}
