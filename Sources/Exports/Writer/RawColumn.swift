internal import DuckDB

/// A text of a column as the engine lays it out: four bytes of length, then the text if it has at most twelve bytes, else a
/// prefix and the text's address.
private struct TextSlot: BitwiseCopyable {
    var head: UInt64
    var tail: UInt64
}

/// A column of the chunk that is being written, by address, so that a loop over rows asks nobody. Valid only while the
/// chunk and the bits that it was made with are alive.
@safe struct RawColumn: BitwiseCopyable {
    // The engine's memory for the column's values.
    private let data: UnsafeRawPointer?
    /// One bit a row, set where there is a value; nil where every row has one.
    private let valid: UnsafePointer<UInt64>?

    init(_ chunk: Chunk, _ index: Int, _ bits: ValidBits) {
        let view = chunk.column(index)
        switch chunk.columns[index].type {
        case .text: unsafe data = unsafe Self.start(view.values(as: TextSlot.self))
        case .boolean: unsafe data = unsafe Self.start(view.values(as: UInt8.self))
        case .list: unsafe data = nil
        default: unsafe data = unsafe Self.start(view.values(as: Int64.self))
        }
        guard !view.hasNoNulls else {
            unsafe valid = nil
            return
        }
        let words = unsafe bits.column(index)
        var row = 0
        var all = UInt64.max
        for word in 0..<((view.count + 63) / 64) {
            var set: UInt64 = 0
            let end = min(view.count, row + 64)
            while row < end {
                if !view.isNull(row) { set |= 1 << UInt64(row & 63) }
                row &+= 1
            }
            // A chunk has at most `ValidBits.words` words a column.
            unsafe words[word] = set
            all &= set | (end & 63 == 0 ? 0 : .max << UInt64(end & 63))
        }
        unsafe valid = all == .max ? nil : UnsafePointer(words)
    }

    private static func start<T: BitwiseCopyable>(_ values: Span<T>) -> UnsafeRawPointer? {
        // The address outlives the span because the chunk, which owns the memory, outlives this column.
        unsafe values.withUnsafeBufferPointer { unsafe UnsafeRawPointer($0.baseAddress) }
    }

    @inline(__always)
    func isNull(_ row: Int) -> Bool {
        guard let valid = unsafe valid else { return false }
        return unsafe valid[row >> 6] >> UInt64(row & 63) & 1 == 0
    }

    // The ones below are asked only for rows of the chunk that are not null, in columns of that type.

    @inline(__always)
    func int64(_ row: Int) -> Int64 { unsafe data?.load(fromByteOffset: row &* 8, as: Int64.self) ?? 0 }

    @inline(__always)
    func double(_ row: Int) -> Double { unsafe data?.load(fromByteOffset: row &* 8, as: Double.self) ?? 0 }

    @inline(__always)
    func bool(_ row: Int) -> Bool { unsafe data?.load(fromByteOffset: row, as: UInt8.self) ?? 0 != 0 }

    @inline(__always)
    func text(_ row: Int) -> (start: UnsafePointer<UInt8>, count: Int)? {
        guard let slot = unsafe data.map({ unsafe $0 + row &* 16 }) else { return nil }
        let count = Int(unsafe slot.load(as: UInt32.self))
        let start =
            count <= 12 ? unsafe slot + 4 : unsafe slot.load(fromByteOffset: 8, as: UnsafeRawPointer.self)
        return unsafe (start.assumingMemoryBound(to: UInt8.self), count)
    }
}

/// Room for the bits of every column of a chunk, used again for each.
@safe final class ValidBits {
    /// For the 2,048 rows of the engine's chunks.
    static let words = 32
    private let count: Int
    // Owned; freed in `deinit`.
    private let start: UnsafeMutablePointer<UInt64>

    init(columns: Int) {
        count = columns
        unsafe start = UnsafeMutablePointer.allocate(capacity: max(columns, 1) * Self.words)
    }

    deinit { unsafe start.deallocate() }

    func column(_ index: Int) -> UnsafeMutablePointer<UInt64> {
        precondition(index < count)
        return unsafe start + index * Self.words
    }
}
