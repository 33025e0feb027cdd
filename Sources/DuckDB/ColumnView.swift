internal import CDuckDB

/// A column of a chunk, or the elements of a list column.
///
/// It reads the chunk's memory in place. Asking for a type of another width stops the program.
@safe public struct ColumnView: ~Escapable {
    // All point into the chunk that the view borrows; `count` values of `stride` bytes.
    @usableFromInline let data: UnsafeRawPointer?
    @usableFromInline let validity: UnsafePointer<UInt64>?
    @usableFromInline let stride: Int
    public let count: Int
    let vector: OpaquePointer?
    let elementType: ColumnType?

    @_lifetime(immortal)
    init(vector: duckdb_vector?, stride: Int, count: Int, listOf elementType: ColumnType?) {
        unsafe data = UnsafeRawPointer(unsafe duckdb_vector_get_data(vector))
        unsafe validity = UnsafePointer(unsafe duckdb_vector_get_validity(vector))
        unsafe self.vector = unsafe vector
        self.stride = stride
        self.count = count
        self.elementType = elementType
    }

    @inlinable
    public func isNull(_ row: Int) -> Bool {
        precondition(row >= 0 && row < count)
        guard let validity = unsafe validity else { return false }
        // One bit a row, 64 rows a word.
        return unsafe validity[row >> 6] >> UInt64(row & 63) & 1 == 0
    }

    /// Whether no value is NULL for certain.
    @inlinable
    public var hasNoNulls: Bool { unsafe validity == nil }

    /// The values of a fixed-width column; where one is NULL its bytes mean nothing.
    @inlinable
    @_lifetime(copy self)
    public func values<T: BitwiseCopyable>(as type: T.Type) -> Span<T> {
        precondition(MemoryLayout<T>.stride == stride, "the column's values have another width")
        guard let start = unsafe data?.assumingMemoryBound(to: T.self) else { return Span() }
        // The memory holds `count` values and lives as long as the view's owner.
        return unsafe _overrideLifetime(Span(_unsafeStart: start, count: count), copying: self)
    }

    /// BIGINT, or microseconds of a TIMESTAMP.
    @inlinable
    public var int64s: Span<Int64> {
        @_lifetime(copy self) get { values(as: Int64.self) }
    }

    @inlinable
    public var doubles: Span<Double> {
        @_lifetime(copy self) get { values(as: Double.self) }
    }

    @inlinable
    public func bool(_ row: Int) -> Bool { values(as: UInt8.self)[row] != 0 }

    @inlinable
    public func hugeint(_ row: Int) -> Int128 {
        precondition(stride == 16 && row >= 0 && row < count)
        guard let data = unsafe data else { return 0 }
        // Not always on a 16-byte border.
        return unsafe data.loadUnaligned(fromByteOffset: row &* 16, as: Int128.self)
    }

    /// The UTF-8 of a text, or a blob's bytes, in place; empty where it is NULL.
    @inlinable
    @_lifetime(copy self)
    public func text(_ row: Int) -> Span<UInt8> {
        precondition(stride == 16)
        guard !isNull(row), let data = unsafe data else { return Span() }
        return unsafe _overrideLifetime(textSpan(data + row &* 16), copying: self)
    }

    /// The elements of row `row` in `elements`.
    public func range(_ row: Int) -> Range<Int> {
        precondition(elementType != nil, "the column holds no lists")
        guard !isNull(row), let data = unsafe data else { return 0..<0 }
        // DuckDB's list entry: offset and length, 8 bytes each.
        let start = Int(unsafe data.load(fromByteOffset: row * 16, as: UInt64.self))
        return start..<start + Int(unsafe data.load(fromByteOffset: row * 16 + 8, as: UInt64.self))
    }

    /// The elements of all rows of a list column, one list after another.
    public var elements: ColumnView {
        @_lifetime(copy self) get {
            guard let elementType else { preconditionFailure("the column holds no lists") }
            let child = unsafe duckdb_list_vector_get_child(vector)
            let size = Int(unsafe duckdb_list_vector_get_size(vector))
            // The child belongs to this vector and lives as long.
            return unsafe _overrideLifetime(
                ColumnView(vector: child, stride: elementType.stride, count: size, listOf: elementType.element),
                copying: self)
        }
    }
}

/// The bytes that a text of DuckDB's names: 4 bytes of length, then the text itself if it has at most 12, else 4 bytes
/// of prefix and a pointer.
@inlinable
@_lifetime(immortal)
func textSpan(_ element: UnsafeRawPointer) -> Span<UInt8> {
    let count = Int(unsafe element.load(as: UInt32.self))
    let start =
        count <= 12
        ? unsafe element + 4
        : unsafe element.load(fromByteOffset: 8, as: UnsafeRawPointer.self)
    // The caller ties the span to the memory's owner.
    return unsafe _overrideLifetime(
        Span(_unsafeStart: start.assumingMemoryBound(to: UInt8.self), count: count), copying: ())
}
