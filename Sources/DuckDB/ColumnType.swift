internal import CDuckDB

/// The type of a column or an element.
public indirect enum ColumnType: Sendable, Equatable {
    case boolean
    case int8, int16, int32, int64
    case uint8, uint16, uint32, uint64
    case float, double
    /// 128 bits, signed; DuckDB's HUGEINT, the type of `sum` over integers.
    case hugeint
    /// Microseconds since 1970; with or without a time zone.
    case timestamp
    /// Days since 1970.
    case date
    case text
    case blob
    case decimal(width: Int, scale: Int)
    case list(ColumnType)
    /// A type that the wrapper does not read, by DuckDB's number; cast it in the statement.
    case other(Int)

    /// Bytes that one value takes in a column's memory; 0 if the wrapper does not read the type.
    var stride: Int {
        switch self {
        case .boolean, .int8, .uint8: 1
        case .int16, .uint16: 2
        case .int32, .uint32, .float, .date: 4
        case .int64, .uint64, .double, .timestamp: 8
        case .hugeint, .text, .blob, .list: 16
        case .decimal(let width, _): width <= 4 ? 2 : width <= 9 ? 4 : width <= 18 ? 8 : 16
        case .other: 0
        }
    }

    /// Reads and frees a type that DuckDB handed out.
    init(consuming type: duckdb_logical_type?) {
        var owned = unsafe type
        // The handle is ours and dies here.
        defer { unsafe duckdb_destroy_logical_type(&owned) }
        let id = unsafe duckdb_get_type_id(owned)
        switch id {
        case DUCKDB_TYPE_BOOLEAN: self = .boolean
        case DUCKDB_TYPE_TINYINT: self = .int8
        case DUCKDB_TYPE_SMALLINT: self = .int16
        case DUCKDB_TYPE_INTEGER: self = .int32
        case DUCKDB_TYPE_BIGINT: self = .int64
        case DUCKDB_TYPE_UTINYINT: self = .uint8
        case DUCKDB_TYPE_USMALLINT: self = .uint16
        case DUCKDB_TYPE_UINTEGER: self = .uint32
        case DUCKDB_TYPE_UBIGINT: self = .uint64
        case DUCKDB_TYPE_FLOAT: self = .float
        case DUCKDB_TYPE_DOUBLE: self = .double
        case DUCKDB_TYPE_HUGEINT: self = .hugeint
        case DUCKDB_TYPE_TIMESTAMP, DUCKDB_TYPE_TIMESTAMP_TZ: self = .timestamp
        case DUCKDB_TYPE_DATE: self = .date
        case DUCKDB_TYPE_VARCHAR: self = .text
        case DUCKDB_TYPE_BLOB: self = .blob
        case DUCKDB_TYPE_DECIMAL:
            self = .decimal(
                width: Int(unsafe duckdb_decimal_width(owned)), scale: Int(unsafe duckdb_decimal_scale(owned)))
        case DUCKDB_TYPE_LIST: unsafe self = .list(ColumnType(consuming: duckdb_list_type_child_type(owned)))
        default: self = .other(Int(id.rawValue))
        }
    }

    /// A handle that the caller must free; nil for a type that the wrapper does not write.
    func makeHandle() -> duckdb_logical_type? {
        let id: duckdb_type
        switch self {
        case .boolean: id = DUCKDB_TYPE_BOOLEAN
        case .int32: id = DUCKDB_TYPE_INTEGER
        case .int64: id = DUCKDB_TYPE_BIGINT
        case .double: id = DUCKDB_TYPE_DOUBLE
        case .hugeint: id = DUCKDB_TYPE_HUGEINT
        case .timestamp: id = DUCKDB_TYPE_TIMESTAMP
        case .text: id = DUCKDB_TYPE_VARCHAR
        case .blob: id = DUCKDB_TYPE_BLOB
        case .decimal(let width, let scale):
            guard (1...38).contains(width), (0...width).contains(scale) else { return nil }
            return unsafe duckdb_create_decimal_type(UInt8(width), UInt8(scale))
        default: return nil
        }
        return unsafe duckdb_create_logical_type(id)
    }
}

/// A result's column.
public struct Column: Sendable, Equatable {
    public let name: String
    public let type: ColumnType
}
