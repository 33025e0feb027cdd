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
    private struct Entry: BitwiseCopyable {
        var key: RowKey
        var start: Int
        var count: Int
    }

    private let folder: String
    private let limit: Int
    private var entries: [Entry] = []
    private var runs: RunFile?
    /// Where rows are encoded to; `add` names each.
    var bytes: Output

    /// - Parameters:
    ///   - folder: for the file of runs.
    ///   - limit: bytes of memory, about.
    init(folder: String, limit: Int) {
        self.folder = folder
        self.limit = limit
        // All at once: a buffer that grows is there twice while it does. What is not written to costs nothing.
        bytes = Output(capacity: limit + 1 << 20)
    }

    /// Names the row that was encoded from `start` on.
    @inline(__always)
    mutating func add(_ key: RowKey, start: Int, end: Int) {
        entries.append(Entry(key: key, start: start, count: end &- start))
    }

    /// Whether `spill` is due.
    var isFull: Bool { bytes.count &+ entries.count &* MemoryLayout<Entry>.stride >= limit }

    /// Writes what is gathered as a run.
    mutating func spill() throws(ExportError) {
        guard !entries.isEmpty else { return }
        sort()
        var run: RunFile
        if let begun = runs.take() { run = begun } else { run = try RunFile.make(in: folder) }
        run.begin()
        for entry in entries {
            // Every entry lies within the bytes.
            unsafe try run.append(
                entry.key, UnsafeRawBufferPointer(rebasing: bytes.bytes[entry.start..<entry.start + entry.count]))
        }
        try run.end()
        runs = consume run
        entries.removeAll(keepingCapacity: true)
        bytes.removeAll()
    }

    /// Gives all rows in order; nothing is left afterwards.
    mutating func drain(_ body: (UnsafeRawBufferPointer) throws(ExportError) -> Void) throws(ExportError) {
        defer {
            entries.removeAll(keepingCapacity: true)
            bytes.removeAll()
            runs = nil
        }
        guard runs != nil else {
            sort()
            for entry in entries {
                unsafe try body(UnsafeRawBufferPointer(rebasing: bytes.bytes[entry.start..<entry.start + entry.count]))
            }
            return
        }
        try spill()
        guard let runs = runs.take() else { return }
        // The merge has buffers of its own.
        entries = []
        bytes = Output(capacity: 1 << 12)
        unsafe try runs.merge(body)
    }

    private mutating func sort() {
        // Places ascend as rows came, so that equal keys stay in that order.
        entries.sort { a, b in a.key == b.key ? a.start < b.start : a.key < b.key }
    }
}
