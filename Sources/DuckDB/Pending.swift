internal import CDuckDB
internal import Glibc

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

    /// How often it is asked for more to do before it sleeps in between, and for how many µs then.
    private static var asks: Int { 64 }
    private static var sleep: UInt32 { 50 }

    /// Does what there is to be done. Where DuckDB's other threads do the rest it sleeps in between: DuckDB itself would ask
    /// without an end, and take the processor from the very threads that it waits for.
    private func work() throws(DuckDBError) {
        var idle = 0
        while true {
            switch unsafe duckdb_pending_execute_task(handle) {
            case DUCKDB_PENDING_RESULT_NOT_READY: idle = 0
            case DUCKDB_PENDING_NO_TASKS_AVAILABLE:
                idle += 1
                if idle > Self.asks { usleep(Self.sleep) }
            case DUCKDB_PENDING_ERROR:
                // The pending result owns its error's text. Asked for its result, it would only say that there is none.
                throw DuckDBError(
                    duckdb: unsafe text(duckdb_pending_error(handle), or: "DuckDB failed without a reason"))
            default: return
            }
        }
    }

    /// Runs to the end, or to the first chunk of a stream.
    consuming func run() throws(DuckDBError) -> StatementResult {
        try work()
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
