internal import CDuckDB

/// A started statement, until its result is there.
@safe struct Pending: ~Copyable {
    // Owned: made by DuckDB, freed in `deinit`.
    private var handle: duckdb_pending_result?

    init(_ statement: duckdb_prepared_statement?, streaming: Bool) throws(DuckDBError) {
        let state =
            streaming
            ? unsafe duckdb_pending_prepared_streaming(statement, &handle)
            : unsafe duckdb_pending_prepared(statement, &handle)
        guard state == DuckDBSuccess else {
            // The pending result owns its error's text.
            throw DuckDBError(duckdb: unsafe text(duckdb_pending_error(handle), or: "DuckDB did not start a statement"))
        }
    }

    deinit {
        var owned = unsafe handle
        unsafe duckdb_destroy_pending(&owned)
    }

    /// Runs to the end, or to the first chunk of a stream.
    consuming func run() throws(DuckDBError) -> StatementResult {
        var raw = unsafe duckdb_result()
        let state = unsafe duckdb_execute_pending(handle, &raw)
        let result = unsafe StatementResult(owning: raw)
        if state != DuckDBSuccess { throw result.error ?? DuckDBError(.internal, "DuckDB failed without a reason") }
        return result
    }
}

/// A result that DuckDB made; freed with its last reference.
@safe final class StatementResult {
    // Owned: filled by DuckDB, freed in `deinit`.
    private var raw: duckdb_result

    init(owning raw: duckdb_result) { unsafe self.raw = unsafe raw }

    deinit { unsafe duckdb_destroy_result(&raw) }

    /// DuckDB's error, if the statement failed so far.
    var error: DuckDBError? {
        guard let message = unsafe duckdb_result_error(&raw) else { return nil }
        // The result owns the text.
        return DuckDBError(duckdb: unsafe String(cString: message))
    }

    var rowsChanged: Int { Int(unsafe duckdb_rows_changed(&raw)) }

    var columns: [Column] {
        let count = unsafe duckdb_column_count(&raw)
        return (0..<count).map { index in
            unsafe Column(
                // The result owns the name.
                name: text(duckdb_column_name(&raw, index), or: ""),
                type: ColumnType(consuming: duckdb_column_logical_type(&raw, index)))
        }
    }

    /// The next chunk, or nil at the end and on an error.
    func fetch(_ columns: [Column]) -> Chunk? {
        guard let handle = unsafe duckdb_fetch_chunk(raw) else { return nil }
        return unsafe Chunk(owning: handle, columns: columns)
    }
}
