internal import Model
internal import Reports

/// Rows of a report as lines.
enum ReportLines {
    static func csv(_ row: [JSONValue], _ sheet: SheetForm) -> [UInt8] {
        var out: [UInt8] = []
        let delimiter = sheet.delimiter?.byte ?? Delimiter.comma.byte
        for (i, value) in row.enumerated() {
            if i > 0 { out.append(delimiter) }
            switch value {
            case .null: break
            case .string(let text): append(guarded(text, sheet), delimiter, to: &out)
            case .bool: out += Array(value.text.utf8)
            case .number(let text): append(number(text, sheet), delimiter, to: &out)
            case .array, .object: append(Array(value.text.utf8), delimiter, to: &out)
            }
        }
        return out + [0x0d, 0x0a]
    }

    /// A text's bytes, with an apostrophe before what a spreadsheet would take for a formula.
    private static func guarded(_ text: String, _ sheet: SheetForm) -> [UInt8] {
        let bytes = Array(text.utf8)
        // `=`, `+`, `-`, `@`, tab and carriage return.
        guard sheet.guardsFormulas, let first = bytes.first, [0x3d, 0x2b, 0x2d, 0x40, 0x09, 0x0d].contains(first) else {
            return bytes
        }
        return [0x27] + bytes
    }

    private static func number(_ text: String, _ sheet: SheetForm) -> [UInt8] {
        guard sheet.decimal == .comma else { return Array(text.utf8) }
        return text.utf8.map { $0 == 0x2e ? 0x2c : $0 }
    }

    /// In quotes where RFC 4180 asks for them, and where it is empty: nothing at all is a missing value.
    private static func append(_ bytes: [UInt8], _ delimiter: UInt8, to out: inout [UInt8]) {
        guard bytes.isEmpty || bytes.contains(where: { $0 == delimiter || [0x22, 0x0a, 0x0d].contains($0) }) else {
            return out += bytes
        }
        out.append(0x22)
        for byte in bytes {
            if byte == 0x22 { out.append(0x22) }
            out.append(byte)
        }
        out.append(0x22)
    }

    static func json(_ row: [JSONValue], _ columns: [ReportTable.Column]) -> [UInt8] {
        let members = zip(columns, row).map { JSONValue.Member($0.name, $1) }
        return Array(JSONValue.object(members).text.utf8) + [0x0a]
    }
}
