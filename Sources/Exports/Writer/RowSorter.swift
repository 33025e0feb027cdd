internal import Glibc

/// What a row is sorted by: up to three numbers, and then the order in which rows came.
struct RowKey: Comparable, BitwiseCopyable {
    var first: Int64
    var second: Int64
    var third: Int64

    @inline(__always)
    static func < (a: RowKey, b: RowKey) -> Bool {
        if a.first != b.first { return a.first < b.first }
        if a.second != b.second { return a.second < b.second }
        return a.third < b.third
    }
}

/// Sorts encoded rows that come in any order, in bounded memory: when what is gathered reaches the bound it is sorted and
/// written to a file without a name, as a *run*; at the end the runs are merged.
///
/// Rows are sorted as the bytes that they will be: nothing is decoded again.
struct RowSorter: ~Copyable {
    private let scratch: Scratch
    private let limit: Int
    private let numbers: Int
    private var ranks = RowRanks()
    /// Where each row begins; its end is where the next one does.
    private var starts: [Int] = []
    private var runs: RunFile?
    /// Where rows are encoded to; `add` names each.
    var bytes: Output

    /// - Parameters:
    ///   - scratch: for the file of runs.
    ///   - limit: bytes of memory, about.
    ///   - numbers: how many of its numbers a key has; the others are 0.
    init(in scratch: Scratch, limit: Int, numbers: Int = 3) {
        self.scratch = scratch
        self.limit = limit
        self.numbers = numbers
        bytes = Self.makeRoom(limit)
    }

    /// All at once: a buffer that grows is there twice while it does. What is not written to costs nothing.
    private static func makeRoom(_ limit: Int) -> Output { Output(capacity: limit + 1 << 20) }

    /// Names rows, of which the first begins at `start`, by their keys and ends.
    mutating func add(_ keys: [RowKey], start: Int, ends: [Int]) {
        var start = start
        for (i, key) in keys.enumerated() {
            add(key, start: start)
            start = ends[i]
        }
    }

    /// Names the row that begins where the one before ended.
    @inline(__always)
    mutating func add(_ key: RowKey, start: Int) {
        ranks.add(key)
        starts.append(start)
    }

    /// Whether `spill` is due.
    var isFull: Bool {
        bytes.count &+ starts.count &* (RowRanks.stride + MemoryLayout<Int>.stride) >= limit
    }

    /// Writes what is gathered as a run.
    mutating func spill() throws(ExportError) {
        guard !starts.isEmpty else { return }
        var run: RunFile
        if let begun = runs.take() { run = begun } else { run = try RunFile(in: scratch, numbers: numbers) }
        run.begin()
        unsafe try inOrder { (key, row) throws(ExportError) in unsafe try run.append(key, row) }
        try run.end()
        runs = consume run
        clear()
    }

    /// Gives all rows in order; nothing is left afterwards.
    mutating func drain(_ body: (UnsafeRawBufferPointer) throws(ExportError) -> Void) throws(ExportError) {
        defer { clear() }
        guard runs != nil else { return unsafe try inOrder { (_, row) throws(ExportError) in unsafe try body(row) } }
        try spill()
        guard let runs = runs.take() else { return }
        // The merge has buffers of its own.
        (ranks, starts) = (RowRanks(), [])
        bytes = Output(capacity: 0)
        defer { bytes = Self.makeRoom(limit) }
        unsafe try runs.merge(body)
    }

    private mutating func clear() {
        ranks.removeAll()
        starts.removeAll(keepingCapacity: true)
        bytes.removeAll()
    }

    private mutating func inOrder(
        _ body: (RowKey, UnsafeRawBufferPointer) throws(ExportError) -> Void
    ) throws(ExportError) {
        ranks.sort()
        starts.append(bytes.count)
        // Every row lies within the bytes.
        try ranks.forEach { (place, key) throws(ExportError) in
            unsafe try body(key, UnsafeRawBufferPointer(rebasing: bytes.bytes[starts[place]..<starts[place + 1]]))
        }
    }
}
