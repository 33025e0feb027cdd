extension ColumnView {
    /// A cell as a value; `name` is the column's, for the error.
    func value(_ row: Int, _ type: ColumnType, named name: String) throws(DuckDBError) -> DuckValue {
        if isNull(row) { return .null }
        switch type {
        case .boolean: return .bool(bool(row))
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32: return .int(int(row, type))
        case .uint64:
            let value = values(as: UInt64.self)[row]
            return Int64(exactly: value).map { .int($0) } ?? .hugeint(Int128(value))
        case .float: return .double(Double(values(as: Float.self)[row]))
        case .double: return .double(doubles[row])
        case .hugeint: return .hugeint(hugeint(row))
        case .timestamp: return .timestamp(int64s[row])
        case .date: return .date(Int64(values(as: Int32.self)[row]))
        case .text: return .text(string(row))
        case .blob: return .blob(bytes(row))
        case .decimal(_, let scale): return .decimal(DuckDecimal(unscaled: unscaled(row), scale: scale))
        case .list(let element):
            let child = elements
            var list: [DuckValue] = []
            for i in range(row) { list.append(try child.value(i, element, named: name)) }
            return .list(list)
        case .other:
            throw DuckDBError(.usage, "the column \"\(name)\" has a type that cannot be read here; cast it to VARCHAR")
        }
    }

    /// A text, copied.
    public func string(_ row: Int) -> String {
        // `String` copies before the span can go.
        unsafe text(row).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// A text's or blob's bytes, copied.
    public func bytes(_ row: Int) -> [UInt8] {
        // `Array` copies before the span can go.
        unsafe text(row).withUnsafeBufferPointer { unsafe Array($0) }
    }

    /// The digits of a DECIMAL without its point.
    public func unscaled(_ row: Int) -> Int128 {
        switch stride {
        case 2: Int128(values(as: Int16.self)[row])
        case 4: Int128(values(as: Int32.self)[row])
        case 8: Int128(int64s[row])
        default: hugeint(row)
        }
    }

    /// An integer of any width that fits 64 bits with its sign.
    private func int(_ row: Int, _ type: ColumnType) -> Int64 {
        switch type {
        case .int8: Int64(values(as: Int8.self)[row])
        case .int16: Int64(values(as: Int16.self)[row])
        case .int32: Int64(values(as: Int32.self)[row])
        case .uint8: Int64(values(as: UInt8.self)[row])
        case .uint16: Int64(values(as: UInt16.self)[row])
        case .uint32: Int64(values(as: UInt32.self)[row])
        default: int64s[row]
        }
    }
}
