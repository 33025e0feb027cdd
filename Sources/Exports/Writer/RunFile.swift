internal import Glibc

/// Sorted runs of rows in one file that has no name, so that it goes with the process.
struct RunFile: ~Copyable {
    private static var piece: Int { 1 << 18 }
    /// A key and a length before each row.
    private static var header: Int { 32 }
    /// Memory of all readers of a merge together, as long as each has a page of it.
    private static var merging: Int { 12 << 20 }

    private let descriptor: Int32
    private let path: String
    private var buffer: Output
    private var size = 0
    /// Where each run begins; its end is where the next one does.
    private var starts: [Int] = []

    /// A new file in a folder.
    static func make(in folder: String) throws(ExportError) -> RunFile {
        let (descriptor, path) = try FileSystem.createUnnamed(in: folder, "sort")
        return RunFile(descriptor: descriptor, path: path)
    }

    private init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
        buffer = Output(capacity: Self.piece)
    }

    deinit { close(descriptor) }

    mutating func begin() { starts.append(size) }

    mutating func append(_ key: RowKey, _ row: UnsafeRawBufferPointer) throws(ExportError) {
        buffer.reserve(Self.header + row.count)
        // Room for both is reserved.
        let to = unsafe UnsafeMutableRawPointer(buffer.end)
        unsafe to.storeBytes(of: key, as: RowKey.self)
        unsafe to.storeBytes(of: row.count, toByteOffset: 24, as: Int.self)
        buffer.advance(Self.header)
        if let start = row.baseAddress {
            unsafe buffer.put(start.assumingMemoryBound(to: UInt8.self), row.count)
        }
        if buffer.count >= Self.piece { try flush() }
    }

    mutating func end() throws(ExportError) { try flush() }

    private mutating func flush() throws(ExportError) {
        unsafe try FileSystem.write(buffer.bytes, to: descriptor, path)
        size += buffer.count
        buffer.removeAll()
    }

    /// Gives the rows of all runs in order; of equal ones those of the earlier run first.
    consuming func merge(_ body: (UnsafeRawBufferPointer) throws(ExportError) -> Void) throws(ExportError) {
        // What is gathered for the file is written.
        buffer = Output(capacity: 0)
        var readers: [RunReader] = []
        let piece = min(max(Self.merging / max(starts.count, 1), 1 << 12), 1 << 16)
        for (i, start) in starts.enumerated() {
            let end = i + 1 < starts.count ? starts[i + 1] : size
            readers.append(RunReader(descriptor, path, start..<end, piece: piece))
        }
        var heap = RunHeap()
        for (i, reader) in readers.enumerated() {
            if let key = try reader.next() { heap.push(key, i) }
        }
        while let (_, i) = heap.top {
            // The row stays until the reader's next.
            unsafe try body(readers[i].row)
            if let key = try readers[i].next() { heap.replaceTop(key, i) } else { heap.pop() }
        }
    }
}

/// Reads one run, a piece at a time.
@safe private final class RunReader {
    private let descriptor: Int32
    private let path: String
    /// What is still in the file.
    private var rest: Range<Int>
    // Owned; freed in `deinit`. Bytes from `at` to `filled` are read and not given out.
    private var buffer: UnsafeMutableRawBufferPointer
    private var at = 0
    private var filled = 0
    private(set) var row = unsafe UnsafeRawBufferPointer(start: nil, count: 0)

    init(_ descriptor: Int32, _ path: String, _ range: Range<Int>, piece: Int) {
        self.descriptor = descriptor
        self.path = path
        rest = range
        unsafe buffer = .allocate(byteCount: piece, alignment: 16)
    }

    deinit { unsafe buffer.deallocate() }

    /// Moves to the next row; its key, or nil at the end.
    func next() throws(ExportError) -> RowKey? {
        if filled - at < 32, try !fill(32) { return nil }
        let key = unsafe buffer.loadUnaligned(fromByteOffset: at, as: RowKey.self)
        let count = unsafe buffer.loadUnaligned(fromByteOffset: at + 24, as: Int.self)
        if filled - at < 32 + count, try !fill(32 + count) {
            throw ExportError(.files, "\(path) is shorter than what was written to it")
        }
        unsafe row = UnsafeRawBufferPointer(rebasing: buffer[at + 32..<at + 32 + count])
        at += 32 + count
        return key
    }

    /// Makes `count` bytes from `at` on readable; false at the end.
    private func fill(_ count: Int) throws(ExportError) -> Bool {
        let left = filled - at
        if unsafe count > buffer.count {
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: count * 2, alignment: 16)
            unsafe larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[at..<filled]))
            unsafe buffer.deallocate()
            unsafe buffer = unsafe larger
        } else if left > 0, let start = unsafe buffer.baseAddress {
            // The parts may overlap.
            unsafe memmove(start, start + at, left)
        }
        (at, filled) = (0, left)
        let wanted = unsafe min(buffer.count - filled, rest.count)
        // The room behind what is there.
        let got = unsafe try FileSystem.read(
            UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + wanted]), from: descriptor,
            at: rest.lowerBound, path)
        filled += got
        guard got == wanted else { throw ExportError(.files, "\(path) is shorter than what was written to it") }
        rest = rest.lowerBound + got..<rest.upperBound
        return filled >= count
    }
}

/// The runs by their next keys, smallest first; of equal ones the earlier run.
struct RunHeap {
    private var items: [(key: RowKey, run: Int)] = []

    var top: (key: RowKey, run: Int)? { items.first }

    private static func precedes(_ a: (key: RowKey, run: Int), _ b: (key: RowKey, run: Int)) -> Bool {
        a.key == b.key ? a.run < b.run : a.key < b.key
    }

    mutating func push(_ key: RowKey, _ run: Int) {
        items.append((key, run))
        var child = items.count - 1
        while child > 0, case let parent = (child - 1) / 2, Self.precedes(items[child], items[parent]) {
            items.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() {
        let last = items.removeLast()
        if !items.isEmpty { replaceTop(last.key, last.run) }
    }

    mutating func replaceTop(_ key: RowKey, _ run: Int) {
        let item = (key: key, run: run)
        var parent = 0
        while true {
            var child = parent * 2 + 1
            guard child < items.count else { break }
            if child + 1 < items.count, Self.precedes(items[child + 1], items[child]) { child += 1 }
            guard Self.precedes(items[child], item) else { break }
            items[parent] = items[child]
            parent = child
        }
        items[parent] = item
    }
}
