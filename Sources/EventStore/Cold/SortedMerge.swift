internal import DuckDB
internal import Model

/// The order of rows in cold files. The changes of one item, which are equal in it, stay in the order of their names.
struct SortKey: Comparable {
    let month: Month
    let identity: Int64
    let time: Int64
    let seq: Int64

    static func < (a: SortKey, b: SortKey) -> Bool {
        if a.month != b.month { return a.month < b.month }
        if a.identity != b.identity { return a.identity < b.identity }
        if a.time != b.time { return a.time < b.time }
        return a.seq < b.seq
    }
}

/// Merges sorted runs into one: row by row, with one chunk of each run in memory.
final class SortedMerge {
    private var runs: [SortedRun]
    /// The run that has the next row, and the key up to which it goes on being that run.
    private var current = 0
    private var limit: SortKey?

    init(_ runs: [SortedRun]) throws {
        self.runs = runs
        for run in runs { try run.begin() }
        choose()
    }

    /// The key of the next row; nil at the end.
    var key: SortKey? { runs.isEmpty ? nil : runs[current].key }

    /// Lends the next row.
    func withRow(_ body: (ChunkRows, Int) throws(DuckDBError) -> Void) throws(DuckDBError) {
        guard let chunk = runs[current].chunk else { return }
        try body(chunk, runs[current].row)
    }

    func advance() throws {
        try runs[current].advance()
        guard let key = runs[current].key else { return choose() }
        if let limit, key >= limit { choose() }
    }

    /// Finds the run with the smallest key; the first of equal ones.
    private func choose() {
        var best: SortKey?
        limit = nil
        for (i, run) in runs.enumerated() {
            guard let key = run.key else { continue }
            guard let smallest = best else {
                (best, current) = (key, i)
                continue
            }
            if key < smallest {
                limit = smallest
                (best, current) = (key, i)
            } else if limit.map({ key < $0 }) ?? true {
                limit = key
            }
        }
    }
}

/// One sorted run: the rows of statements, one after another, on a connection of its own.
final class SortedRun {
    private let connection: Connection
    /// Those that are still to be asked, the next one last.
    private var statements: [String]
    private let table: RowTable
    private let identityColumn: Int
    private let timeColumn: Int
    private var rows: Rows?
    private(set) var chunk: ChunkRows?
    private(set) var row = 0
    private(set) var key: SortKey?
    private var month = Month(rawValue: .min)
    private var monthStart: Int64 = 0
    private var monthEnd: Int64 = 0
    private let makesWay: @Sendable () -> Bool

    init(
        _ connection: Connection, _ statements: [String], _ table: RowTable,
        _ makesWay: @escaping @Sendable () -> Bool = { false }
    ) {
        self.makesWay = makesWay
        self.connection = connection
        self.statements = statements.reversed()
        self.table = table
        (identityColumn, timeColumn) = (table.identityColumn, table.timeColumn)
    }

    fileprivate func begin() throws { try take(nil) }

    fileprivate func advance() throws {
        row += 1
        guard let chunk else { return }
        if row < chunk.count { read(chunk) } else { try take(key) }
    }

    /// Goes on with the next chunk. Its first row must not be before the last of the one before: a run out of order
    /// would make a file out of order.
    private func take(_ last: SortKey?) throws {
        try Task.checkCancellation()
        if makesWay() { throw StoreError(.interrupted, "The step made way for a removal.", isTransient: true) }
        chunk = try nextChunk()
        row = 0
        guard let chunk else {
            key = nil
            return
        }
        read(chunk)
        if let last, let key, key < last {
            throw StoreError(.damaged, "The rows of \(table.rawValue) that are to be merged are not in order.")
        }
    }

    /// The next chunk with rows.
    private func nextChunk() throws -> ChunkRows? {
        while true {
            if let chunk = try rows?.nextChunk() { return ChunkRows(chunk) }
            guard let statement = statements.popLast() else { return nil }
            rows = nil
            rows = try connection.query(statement)
        }
    }

    private func read(_ chunk: ChunkRows) {
        let time = chunk.int64(timeColumn, row)
        if time < monthStart || time >= monthEnd {
            month = Month(of: Timestamp(microseconds: time))
            (monthStart, monthEnd) = (month.start.microseconds, month.next.start.microseconds)
        }
        key = SortKey(
            month: month, identity: chunk.int64(identityColumn, row), time: time,
            seq: chunk.int64(0, row))
    }
}
