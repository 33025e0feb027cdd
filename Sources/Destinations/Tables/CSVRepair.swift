/// Writes a CSV in the form that a table's engine holds, piece by piece: JSON as `JSONRepair` has it, and U+FFFD in the place of bytes
/// that are zero. Fields without either keep their bytes.
struct CSVRepair {
    private enum State { case plain, quoted, quote }

    private let repair: JSONRepair
    /// Which columns have JSON.
    private let isJSON: [Bool]
    private var column = 0
    /// The first line has the columns' names.
    private var isHeader = true
    private var state = State.plain
    /// The field so far, as it is written, where it has JSON.
    private var field: [UInt8] = []
    private static let replacement = Array("\u{FFFD}".utf8)

    init(_ columns: [LoadColumn], _ limits: JSONLimits) {
        repair = JSONRepair(limits)
        isJSON = columns.map { TableSQL.isJSON($0.type) }
    }

    /// What goes on in the place of a piece. A field that may need a change is held back to its end.
    mutating func repaired(_ piece: UnsafeRawBufferPointer) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(piece.count + 64)
        // Within the piece, which is lent for the call.
        for i in 0..<piece.count {
            let byte = unsafe piece[i]
            switch (state, byte) {
            case (.plain, 0x22), (.quote, 0x22): state = .quoted
            case (.quoted, 0x22): state = .quote
            case (.plain, 0x2c), (.plain, 0x0a), (.plain, 0x0d), (.quote, 0x2c), (.quote, 0x0a), (.quote, 0x0d):
                endField(&out)
                state = .plain
                out.append(byte)
                if byte == 0x2c { column += 1 }
                if byte == 0x0a { (column, isHeader) = (0, false) }
                continue
            case (.quote, _): state = .plain
            default: break
            }
            if holdsBack {
                field.append(byte)
            } else if byte == 0 {
                out += Self.replacement
            } else {
                out.append(byte)
            }
        }
        return out
    }

    /// What was held back at the end.
    mutating func rest() -> [UInt8] {
        var out: [UInt8] = []
        endField(&out)
        return out
    }

    private var holdsBack: Bool { !isHeader && column < isJSON.count && isJSON[column] }

    private mutating func endField(_ out: inout [UInt8]) {
        guard !field.isEmpty else { return }
        defer { field.removeAll(keepingCapacity: true) }
        let text = Self.unquoted(field)
        guard let repaired = repair.repaired(text.span) else {
            out += field
            return
        }
        out.append(0x22)
        for byte in repaired {
            if byte == 0x22 { out.append(0x22) }
            out.append(byte)
        }
        out.append(0x22)
    }

    private static func unquoted(_ field: [UInt8]) -> [UInt8] {
        guard field.count >= 2, field.first == 0x22, field.last == 0x22 else { return field }
        var out: [UInt8] = []
        out.reserveCapacity(field.count)
        var at = 1
        while at < field.count - 1 {
            out.append(field[at])
            // A quote within is written twice.
            at += field[at] == 0x22 ? 2 : 1
        }
        return out
    }
}
