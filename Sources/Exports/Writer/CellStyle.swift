internal import DuckDB
internal import Glibc

/// How the cells of a CSV look where a specification asks for something that the usual writer does not do.
struct CellStyle: Sendable {
    var delimiter: UInt8 = 0x2c
    var hasDecimalComma = false
    var guardsFormulas = false
    /// The zone in which times are written; nil for UTC.
    var zone: WrittenZone?

    /// Nil where everything is as usual.
    ///
    /// - Parameter zone: that of the specification.
    init?(_ sheet: SheetForm, zone: WrittenZone?) {
        guard zone != nil || sheet.delimiter != nil || sheet.decimal != nil || sheet.guardsFormulas else { return nil }
        if let delimiter = sheet.delimiter { self.delimiter = delimiter.byte }
        hasDecimalComma = sheet.decimal == .comma
        guardsFormulas = sheet.guardsFormulas
        self.zone = zone
    }

    /// That of an export; asks the engine about a zone that has a name.
    init?(_ spec: ResolvedSpec, _ connection: Connection) throws {
        self.init(spec.sheet, zone: try spec.writtenZone.map { try ZoneChanges.zone($0, connection) })
    }
}

extension Output {
    /// Appends a text as a cell; one that a spreadsheet would take for a formula gets an apostrophe before it.
    mutating func put(cell text: UnsafePointer<UInt8>, _ length: Int, _ style: CellStyle) {
        guard style.guardsFormulas, length > 0, unsafe Self.beginsFormula(text[0]) else {
            return unsafe put(csv: text, length, delimiter: style.delimiter)
        }
        let guarded = unsafe [0x27] + UnsafeBufferPointer(start: text, count: length)
        unsafe guarded.withUnsafeBufferPointer { bytes in
            // Lent for the call.
            if let start = bytes.baseAddress { unsafe put(csv: start, bytes.count, delimiter: style.delimiter) }
        }
    }

    /// `=`, `+`, `-`, `@`, tab and carriage return.
    private static func beginsFormula(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x3d, 0x2b, 0x2d, 0x40, 0x09, 0x0d: true
        default: false
        }
    }

    /// Appends a number, as JSON writes it. Where its comma is the delimiter, too, it stands in quotes.
    mutating func put(number text: UnsafePointer<UInt8>, _ length: Int, _ style: CellStyle) {
        reserve(length &+ 2)
        var point: Int?
        if style.hasDecimalComma {
            for i in 0..<length where unsafe text[i] == 0x2e { point = i }
        }
        guard let point else { return unsafe put(text, length) }
        let isQuoted = style.delimiter == 0x2c
        if isQuoted { put(0x22) }
        unsafe put(text, point)
        put(0x2c)
        unsafe put(text + point + 1, length &- point &- 1)
        if isQuoted { put(0x22) }
    }

    /// Appends a JSON value: a string's text, a number with the decimal sign, the rest as written.
    mutating func put(token start: UnsafePointer<UInt8>, _ count: Int, _ style: CellStyle) {
        guard count > 0 else { return }
        switch unsafe start[0] {
        case 0x22:
            let inside = 1..<max(count &- 1, 1)
            guard !inside.isEmpty, unsafe memchr(start + 1, 0x5c, inside.count) != nil else {
                return unsafe put(cell: start + 1, inside.count, style)
            }
            let text = unsafe ObjectWalker.unescaped(start, inside)
            unsafe text.withUnsafeBufferPointer { bytes in
                // Lent for the call; an empty text may have no address.
                unsafe put(cell: bytes.baseAddress ?? start, bytes.count, style)
            }
        case 0x2d, 0x30...0x39: unsafe put(number: start, count, style)
        default: unsafe put(csv: start, count, delimiter: style.delimiter)
        }
    }
}
