internal import DuckDB

/// A text of a column as the engine lays it out: four bytes of length, then the text if it has at most twelve bytes, else a
/// prefix and the text's address.
private struct TextSlot: BitwiseCopyable {
    var head: UInt64
    var tail: UInt64
}

/// A column of the chunk that is being written, by address, so that a loop over rows asks nobody. Valid only while the
/// chunk is alive; `ChunkEncoder` keeps it so.
@safe struct RawColumn {
    // The engine's memory for the column's values.
    private let data: UnsafeRawPointer?
    /// One bit a row, set where there is a value; empty where every row has one.
    private var valid: [UInt64] = []

    init(_ chunk: Chunk, _ index: Int) {
        let view = chunk.column(index)
        switch chunk.columns[index].type {
        case .text: unsafe data = unsafe Self.start(view.values(as: TextSlot.self))
        case .boolean: unsafe data = unsafe Self.start(view.values(as: UInt8.self))
        case .list: unsafe data = nil
        default: unsafe data = unsafe Self.start(view.values(as: Int64.self))
        }
        guard !view.hasNoNulls else { return }
        valid = Array(repeating: .max, count: (view.count + 63) / 64)
        for row in 0..<view.count where view.isNull(row) { valid[row >> 6] &= ~(1 << UInt64(row & 63)) }
    }

    private static func start<T: BitwiseCopyable>(_ values: Span<T>) -> UnsafeRawPointer? {
        // The address outlives the span because the chunk, which owns the memory, outlives this column.
        unsafe values.withUnsafeBufferPointer { unsafe UnsafeRawPointer($0.baseAddress) }
    }

    @inline(__always)
    func isNull(_ row: Int) -> Bool {
        !valid.isEmpty && valid[row >> 6] >> UInt64(row & 63) & 1 == 0
    }

    // The three below are asked only for rows of the chunk that are not null, in columns of that type.

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
