internal import CDuckDB

/// Up to 2,048 rows in columns. Views of its columns borrow it.
///
/// Unchecked: nothing of it changes once it is made, and DuckDB frees its memory under locks of its own, so that another
/// thread may read it while its statement goes on.
@safe public final class Chunk: @unchecked Sendable {
    public let rowCount: Int
    public let columns: [Column]
    // Owned: made by DuckDB, freed in `deinit`.
    let handle: duckdb_data_chunk

    init(owning handle: duckdb_data_chunk, columns: [Column]) {
        unsafe self.handle = unsafe handle
        self.columns = columns
        rowCount = Int(unsafe duckdb_data_chunk_get_size(handle))
    }

    deinit {
        var owned: duckdb_data_chunk? = unsafe handle
        unsafe duckdb_destroy_data_chunk(&owned)
    }

    /// A column's values; it cannot outlive the chunk.
    @_lifetime(borrow self)
    public func column(_ index: Int) -> ColumnView {
        let type = columns[index].type
        let vector = unsafe duckdb_data_chunk_get_vector(handle, idx_t(index))
        // The vector's memory lives as long as the chunk, which the view borrows.
        return unsafe _overrideLifetime(
            ColumnView(vector: vector, stride: type.stride, count: rowCount, listOf: type.element), borrowing: self)
    }

    // MARK: One cell at a time; for loops take a column first.

    public func isNull(_ column: Int, row: Int) -> Bool { self.column(column).isNull(row) }
    public func int64(_ column: Int, row: Int) -> Int64 { self.column(column).int64s[row] }
    public func double(_ column: Int, row: Int) -> Double { self.column(column).doubles[row] }
    public func bool(_ column: Int, row: Int) -> Bool { self.column(column).bool(row) }
    public func hugeint(_ column: Int, row: Int) -> Int128 { self.column(column).hugeint(row) }

    /// The text of a cell, lent for the call; empty where it is NULL.
    public func text<T, E: Error>(
        _ column: Int, row: Int, _ body: (Span<UInt8>) throws(E) -> T
    ) throws(E) -> T {
        try body(self.column(column).text(row))
    }

    /// A row as values.
    public func values(row: Int) throws(DuckDBError) -> [DuckValue] {
        var values: [DuckValue] = []
        values.reserveCapacity(columns.count)
        for (i, column) in columns.enumerated() {
            values.append(try self.column(i).value(row, column.type, named: column.name))
        }
        return values
    }
}

extension ColumnType {
    /// A list's element type.
    var element: ColumnType? { if case .list(let element) = self { element } else { nil } }
}
