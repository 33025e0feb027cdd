internal import CDuckDB

extension DuckValue {
    /// A value of DuckDB's that the caller must free; nil if the wrapper cannot make one.
    func makeHandle() -> duckdb_value? {
        switch self {
        case .null: return unsafe duckdb_create_null_value()
        case .bool(let value): return unsafe duckdb_create_bool(value)
        case .int(let value): return unsafe duckdb_create_int64(value)
        case .double(let value): return unsafe duckdb_create_double(value)
        case .timestamp(let micros): return unsafe duckdb_create_timestamp(duckdb_timestamp(micros: micros))
        case .text(let value):
            var text = value
            // DuckDB copies the bytes before the call returns.
            return text.withUTF8 { bytes in
                unsafe bytes.withMemoryRebound(to: CChar.self) {
                    unsafe duckdb_create_varchar_length($0.baseAddress, idx_t($0.count))
                }
            }
        case .list(let elements): return unsafe Self.makeList(elements)
        case .hugeint, .decimal, .date, .blob: return nil
        }
    }

    private static func makeList(_ elements: [DuckValue]) -> duckdb_value? {
        var type = unsafe (elements.lazy.compactMap(\.elementType).first ?? .text).makeHandle()
        defer { unsafe duckdb_destroy_logical_type(&type) }
        var handles: [duckdb_value?] = unsafe elements.map { unsafe $0.makeHandle() }
        // The list copies its elements; ours are freed here.
        defer {
            for i in unsafe handles.indices { unsafe duckdb_destroy_value(&handles[i]) }
        }
        guard unsafe handles.allSatisfy({ unsafe $0 != nil }) else { return nil }
        return unsafe handles.withUnsafeMutableBufferPointer {
            unsafe duckdb_create_list_value(type, $0.baseAddress, idx_t($0.count))
        }
    }

    private var elementType: ColumnType? {
        switch self {
        case .bool: .boolean
        case .int: .int64
        case .double: .double
        case .timestamp: .timestamp
        case .text: .text
        default: nil
        }
    }
}
