internal import Glibc

/// Sorted runs of rows in one file that has no name, so that it goes with the process.
struct RunFile: ~Copyable {
    private static var piece: Int { 1 << 18 }
    /// Numbers of a key that tell rows apart, which are before each row with its length.
    private let numbers: Int
    /// Memory of all readers of a merge together, as long as each has a page of it.
    private static var merging: Int { 12 << 20 }

    private let file: ScratchFile
    private var buffer: Output
    /// Where each run begins; its end is where the next one does.
    private var starts: [Int] = []

    init(in scratch: Scratch, numbers: Int) throws(ExportError) {
        self.numbers = numbers
        file = try scratch.file("sort")
        buffer = Output(capacity: Self.piece)
    }

    mutating func begin() { starts.append(file.size) }

    mutating func append(_ key: RowKey, _ row: UnsafeRawBufferPointer) throws(ExportError) {
        let header = RunHeader.size(numbers)
        buffer.reserve(header + row.count)
        // Room for both is reserved.
        unsafe RunHeader.store(key, row.count, at: UnsafeMutableRawPointer(buffer.end), numbers)
        buffer.advance(header)
        if let start = row.baseAddress {
            unsafe buffer.put(start.assumingMemoryBound(to: UInt8.self), row.count)
        }
        if buffer.count >= Self.piece { try flush() }
    }

    mutating func end() throws(ExportError) { try flush() }

    private mutating func flush() throws(ExportError) {
        unsafe try file.append(buffer.bytes)
        buffer.removeAll()
    }

    /// Gives the rows of all runs in order; of equal ones those of the earlier run first.
    consuming func merge(_ body: (UnsafeRawBufferPointer) throws(ExportError) -> Void) throws(ExportError) {
        // What is gathered for the file is written.
        buffer = Output(capacity: 0)
        var readers: [RunReader] = []
        let piece = min(max(Self.merging / max(starts.count, 1), 1 << 12), 1 << 16)
        for (i, start) in starts.enumerated() {
            let end = i + 1 < starts.count ? starts[i + 1] : file.size
            readers.append(RunReader(file, start..<end, piece: piece, numbers: numbers))
        }
        var keys: [RowKey?] = []
        for reader in readers { keys.append(try reader.next()) }
        var tree = RunTree(keys)
        while let run = tree.top {
            // The row stays until the reader's next.
            unsafe try body(readers[run].row)
            tree.replaceTop(try readers[run].next())
        }
    }
}

/// What stands before a row of a run: the numbers of its key that matter, and its length.
private enum RunHeader {
    static func size(_ numbers: Int) -> Int { numbers &* 8 &+ 4 }

    @inline(__always)
    static func store(_ key: RowKey, _ count: Int, at place: UnsafeMutableRawPointer, _ numbers: Int) {
        // The caller has room for `size` bytes.
        unsafe place.storeBytes(of: UInt32(count), as: UInt32.self)
        unsafe place.storeBytes(of: key.first, toByteOffset: 4, as: Int64.self)
        if numbers > 1 { unsafe place.storeBytes(of: key.second, toByteOffset: 12, as: Int64.self) }
        if numbers > 2 { unsafe place.storeBytes(of: key.third, toByteOffset: 20, as: Int64.self) }
    }

    @inline(__always)
    static func load(_ place: UnsafeRawPointer, _ numbers: Int) -> (key: RowKey, count: Int) {
        // The caller has `size` bytes.
        let count = unsafe Int(place.loadUnaligned(as: UInt32.self))
        var key = RowKey(first: unsafe place.loadUnaligned(fromByteOffset: 4, as: Int64.self), second: 0, third: 0)
        if numbers > 1 { key.second = unsafe place.loadUnaligned(fromByteOffset: 12, as: Int64.self) }
        if numbers > 2 { key.third = unsafe place.loadUnaligned(fromByteOffset: 20, as: Int64.self) }
        return (key, count)
    }
}

/// Reads one run, a piece at a time.
@safe private final class RunReader {
    private let file: ScratchFile
    /// What is still in the file.
    private var rest: Range<Int>
    // Owned; freed in `deinit`. Bytes from `at` to `filled` are read and not given out.
    private var buffer: UnsafeMutableRawBufferPointer
    private var at = 0
    private var filled = 0
    private(set) var row = unsafe UnsafeRawBufferPointer(start: nil, count: 0)

    private let numbers: Int

    init(_ file: ScratchFile, _ range: Range<Int>, piece: Int, numbers: Int) {
        self.file = file
        self.numbers = numbers
        rest = range
        unsafe buffer = .allocate(byteCount: piece, alignment: 16)
    }

    deinit { unsafe buffer.deallocate() }

    /// Moves to the next row; its key, or nil at the end.
    func next() throws(ExportError) -> RowKey? {
        let header = RunHeader.size(numbers)
        if filled - at < header, try !fill(header) { return nil }
        // The header is read.
        guard let place = unsafe buffer.baseAddress.map({ unsafe UnsafeRawPointer($0 + at) }) else { return nil }
        let (key, count) = unsafe RunHeader.load(place, numbers)
        if filled - at < header + count, try !fill(header + count) {
            throw ExportError(.files, "a row that was put aside is not whole")
        }
        unsafe row = UnsafeRawBufferPointer(rebasing: buffer[at + header..<at + header + count])
        at += header + count
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
        unsafe try file.read(
            UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + wanted]), at: rest.lowerBound)
        filled += wanted
        rest = rest.lowerBound + wanted..<rest.upperBound
        return filled >= count
    }
}
