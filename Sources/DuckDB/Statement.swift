internal import CDuckDB

/// One prepared statement; freed with its last reference.
@safe final class Statement {
    // Owned: made by DuckDB, freed in `deinit`.
    private var handle: duckdb_prepared_statement?

    /// Prepares `sql`, which must be one statement.
    init(_ connection: duckdb_connection?, _ sql: String) throws(DuckDBError) {
        unsafe try check(duckdb_prepare(connection, sql, &handle))
    }

    /// Prepares the `index`th of several statements.
    init(_ connection: duckdb_connection?, _ all: duckdb_extracted_statements?, _ index: Int) throws(DuckDBError) {
        unsafe try check(duckdb_prepare_extracted_statement(connection, all, idx_t(index), &handle))
    }

    deinit { unsafe duckdb_destroy_prepare(&handle) }

    private func check(_ state: duckdb_state) throws(DuckDBError) {
        guard state != DuckDBSuccess else { return }
        // The statement owns its error's text.
        throw DuckDBError(duckdb: unsafe text(duckdb_prepare_error(handle), or: "DuckDB could not prepare a statement"))
    }

    func bind(_ values: [DuckValue]) throws(DuckDBError) {
        let wanted = Int(unsafe duckdb_nparams(handle))
        guard wanted == values.count else {
            throw DuckDBError(.usage, "the statement takes \(wanted) values and got \(values.count)")
        }
        for (i, value) in values.enumerated() {
            guard bind(value, at: idx_t(i + 1)) == DuckDBSuccess else {
                throw DuckDBError(
                    .value, unsafe text(duckdb_prepare_error(handle), or: "DuckDB does not take value \(i + 1)"))
            }
        }
    }

    private func bind(_ value: DuckValue, at index: idx_t) -> duckdb_state {
        switch value {
        case .null: return unsafe duckdb_bind_null(handle, index)
        case .bool(let value): return unsafe duckdb_bind_boolean(handle, index, value)
        case .int(let value): return unsafe duckdb_bind_int64(handle, index, value)
        case .hugeint(let value):
            let parts = duckdb_hugeint(lower: UInt64(truncatingIfNeeded: value), upper: Int64(value >> 64))
            return unsafe duckdb_bind_hugeint(handle, index, parts)
        case .double(let value): return unsafe duckdb_bind_double(handle, index, value)
        case .timestamp(let micros):
            return unsafe duckdb_bind_timestamp(handle, index, duckdb_timestamp(micros: micros))
        case .text(let value):
            var text = value
            // DuckDB copies the bytes before the call returns.
            return text.withUTF8 { bytes in
                unsafe bytes.withMemoryRebound(to: CChar.self) {
                    unsafe duckdb_bind_varchar_length(handle, index, $0.baseAddress, idx_t($0.count))
                }
            }
        case .list, .decimal, .date, .blob:
            var made = unsafe value.makeHandle()
            guard unsafe made != nil else { return failed }
            // Ours until here; DuckDB copies it.
            defer { unsafe duckdb_destroy_value(&made) }
            return unsafe duckdb_bind_value(handle, index, made)
        }
    }

    /// Starts it. Nothing is computed before the result is asked for.
    func makePending(streaming: Bool) throws(DuckDBError) -> Pending {
        unsafe try Pending(handle, streaming: streaming)
    }
}

/// `DuckDBError` of the C enumeration; the module's own error has that name.
private let failed = duckdb_state(1)
