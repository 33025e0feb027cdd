internal import DuckDB

/// One field of a row, as CSV and NDJSON usually have it. In the module of the loop that calls it, so that it becomes a part of that.
extension ChunkEncoder {
    /// Writes one field; 32 bytes are reserved.
    @inline(__always)
    static func field(
        _ step: Step, _ row: Int, _ place: Int, _ lent: Lent, _ numbers: inout NumberWriter, _ out: inout Output
    ) {
        let column = step.column
        let isCSV = lent.isCSV
        if column.isNull(row) { return missing(lent, &out) }
        switch step.kind {
        case .integer: numbers.put(column.int64(row), &out)
        case .double: double(column.double(row), lent, &out)
        case .boolean: out.append(column.bool(row) ? Self.yes : Self.no)
        case .time:
            if !isCSV { out.put(0x22) }
            numbers.put(time: column.int64(row), &out)
            if !isCSV { out.put(0x22) }
        case .text:
            guard let text = unsafe column.text(row) else { return missing(lent, &out) }
            unsafe isCSV ? out.put(csv: text.start, text.count) : out.put(jsonString: text.start, text.count)
        case .object:
            guard let text = unsafe column.text(row) else { return missing(lent, &out) }
            if isCSV {
                unsafe out.put(csv: text.start, text.count)
            } else {
                unsafe out.reserve(text.count)
                unsafe out.put(text.start, text.count)
            }
        case .token:
            guard let text = unsafe column.text(row) else { return missing(lent, &out) }
            unsafe out.put(token: text.start, text.count, isCSV: isCSV)
        case .list: out.put(list: lent.chunk.column(step.source), row, isCSV: isCSV)
        case .person: person(column.int64(row), isCSV, &out)
        case .identityPerson where unsafe !lent.rowPersons.isEmpty:
            person(unsafe lent.rowPersons[place], isCSV, &out)
        case .identityPerson:
            let identity = column.int64(row)
            let index = Int(identity)
            // A number that the table does not have is nobody's but its own.
            let number = unsafe index >= 0 && index < lent.persons.count ? lent.persons[index] : identity
            person(number, isCSV, &out)
        case .identityText:
            let range = unsafe lent.identityFields[place]
            guard !range.isEmpty, let start = unsafe lent.identityBytes.baseAddress else {
                return missing(lent, &out)
            }
            out.reserve(range.count)
            // The table's ranges lie within its bytes.
            unsafe out.put(start + range.lowerBound, range.count)
        case .picked: missing(lent, &out)
        }
    }

    private static let yes = Array("true".utf8)
    private static let no = Array("false".utf8)
    private static let null = Array("null".utf8)
    private static let empty = Array("\"\"".utf8)

    @inline(__always)
    static func missing(_ lent: Lent, _ out: inout Output) {
        if !lent.isCSV { out.append(Self.null) } else if lent.quotesMissing { out.append(Self.empty) }
    }

    @inline(__always)
    private static func person(_ number: Int64, _ isCSV: Bool, _ out: inout Output) {
        if !isCSV { out.put(0x22) }
        NumberWriter.put(person: number, &out)
        if !isCSV { out.put(0x22) }
    }

    /// The shortest digits that read back as the same number; what is no number is missing.
    private static func double(_ value: Double, _ lent: Lent, _ out: inout Output) {
        guard value.isFinite else { return missing(lent, &out) }
        out.append(Array(value.description.utf8))
    }
}
