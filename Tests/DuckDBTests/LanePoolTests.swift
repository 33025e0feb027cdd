import DuckDB
import Synchronization
import Testing

@Suite("A pool is bounded and fair", .timeLimit(.minutes(15)))
struct LanePoolTests {
    private let database: Database

    init() throws { database = try Database(path: nil) }

    @Test func whoComesWhenTooManyWaitIsToldSo() async throws {
        let pool = try LanePool(database: database, lanes: 1, waiting: 2)
        let order = Order()
        let gate = Flag()
        let started = Flag()
        let first = Task {
            try await pool.run { _ in
                started.raise()
                gate.block()
            }
        }
        await started.wait()
        var waiting: [Task<Void, any Error>] = []
        for i in 0..<2 {
            waiting.append(Task { try await pool.run { _ in order.append(i) } })
            while pool.waitingCount != i + 1 { await Task.yield() }
        }
        let error = await #expect(throws: DuckDBError.self) { try await pool.run { _ in } }
        #expect(error?.code == .busy && error?.isTransient == true)
        gate.raise()
        try await first.value
        for task in waiting { try await task.value }
        #expect(order.values == [0, 1])
        #expect(try await pool.run { try $0.rows("SELECT 1") } == [[1]])
    }

    @Test func aCancelledWaiterLeavesTheQueue() async throws {
        let pool = try LanePool(database: database, lanes: 1, waiting: 1)
        let gate = Flag()
        let started = Flag()
        let first = Task {
            try await pool.run { _ in
                started.raise()
                gate.block()
            }
        }
        await started.wait()
        let second = Task { try await pool.run { _ in } }
        while pool.waitingCount != 1 { await Task.yield() }
        second.cancel()
        let error = await #expect(throws: DuckDBError.self) { try await second.value }
        #expect(error?.code == .interrupted && pool.waitingCount == 0)
        gate.raise()
        try await first.value
        try await pool.run { _ in }
    }

    @Test func everyJobOfAThousandRunsOnce() async throws {
        let pool = try LanePool(database: database, lanes: 3, waiting: 1_000)
        let total = try await withThrowingTaskGroup(of: Int64.self) { group in
            for i in 0..<1_000 {
                group.addTask { try await pool.run { try $0.row("SELECT ?::BIGINT", [.int(Int64(i))])?[0].int ?? -1 } }
            }
            return try await group.reduce(0, +)
        }
        #expect(total == 499_500)
    }

    @Test func jobsOfDifferentLanesRunAtTheSameTime() async throws {
        let pool = try LanePool(database: database, lanes: 2, waiting: 0)
        let here = Flag()
        let there = Flag()
        async let one: Void = pool.run { _ in
            here.raise()
            there.block()
        }
        async let other: Void = pool.run { _ in
            there.raise()
            here.block()
        }
        _ = try await (one, other)
    }
}

/// What happened, in order, from several threads.
private final class Order: Sendable {
    private let log = Mutex<[Int]>([])
    var values: [Int] { log.withLock { $0 } }
    func append(_ value: Int) { log.withLock { $0.append(value) } }
}
