internal import CDuckDB

/// The rows of a chunk by address, for copying whole rows into an appender with columns of the same types.
///
/// Unchecked: nothing of a chunk changes once it is made.
@safe public final class ChunkRows: @unchecked Sendable {
    public let chunk: Chunk
    public var count: Int { chunk.rowCount }
    // All point into the chunk, which lives as long as this.
    private let data: [UnsafeRawPointer?]
    fileprivate let validity: [UnsafePointer<UInt64>?]
    fileprivate let isText: [Bool]

    /// Takes columns of BIGINT, TIMESTAMP and VARCHAR.
    public init(_ chunk: Chunk) {
        self.chunk = chunk
        let columns = chunk.columns.indices
        unsafe data = columns.map { unsafe chunk.column($0).data }
        unsafe validity = columns.map { unsafe chunk.column($0).validity }
        isText = chunk.columns.map { $0.type == .text }
        precondition(
            chunk.columns.allSatisfy { $0.type == .text || $0.type.stride == 8 }, "rows of other types are not copied")
    }

    /// BIGINT, or microseconds of a TIMESTAMP; of NULL it means nothing.
    @inline(__always)
    public func int64(_ column: Int, _ row: Int) -> Int64 {
        precondition(row >= 0 && row < chunk.rowCount && !isText[column])
        return unsafe data[column]?.load(fromByteOffset: row &* 8, as: Int64.self) ?? 0
    }

    @inline(__always)
    fileprivate func isNull(_ column: Int, _ row: Int) -> Bool {
        guard let bits = unsafe validity[column] else { return false }
        return unsafe bits[row >> 6] >> UInt64(row & 63) & 1 == 0
    }

    @inline(__always)
    fileprivate func text(_ column: Int, _ row: Int) -> UnsafeRawPointer? {
        unsafe data[column].map { unsafe $0 + row &* 16 }
    }
}

extension Appender {
    /// Appends a row as it is. Texts are not checked again: they are the engine's own.
    public mutating func append(_ row: Int, of rows: ChunkRows) throws(DuckDBError) {
        hold(rows)
        for column in 0..<writers.count {
            if rows.isNull(column, row) {
                setNull(column)
            } else if rows.isText[column] {
                if let text = unsafe rows.text(column, row) { unsafe setStored(column, text) }
            } else {
                setInt64(column, rows.int64(column, row))
            }
        }
        try endRow()
    }
}
