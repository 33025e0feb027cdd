import Model

/// Walks the `name=value` pairs of a query string or a form body and decodes them.
///
/// `+` is a space and `%XX` a byte; a `%` that two hexadecimal digits do not follow stands for itself. Bytes that are
/// not UTF-8 become U+FFFD. Empty pairs (`&&`) are skipped.
struct FormPairs {
    private var at = 0
    /// The pair that the last `next` read.
    private(set) var name: [UInt8] = []
    private(set) var value: [UInt8] = []

    /// Reads the next pair; false at the end.
    mutating func next(in query: Span<UInt8>) -> Bool {
        while at < query.count {
            let start = at
            while at < query.count, query[at] != 0x26 { at &+= 1 }
            let end = at
            at &+= 1
            var equals = start
            while equals < end, query[equals] != 0x3d { equals &+= 1 }
            Self.decode(query.extracting(start..<equals), into: &name)
            Self.decode(query.extracting(min(equals + 1, end)..<end), into: &value)
            if !name.isEmpty || !value.isEmpty { return true }
        }
        return false
    }

    private static func decode(_ text: Span<UInt8>, into out: inout [UInt8]) {
        out.removeAll(keepingCapacity: true)
        var isASCII = true
        var i = 0
        // Most have nothing to undo.
        while i < text.count, text[i] < 0x80, text[i] != 0x2b, text[i] != 0x25 { i &+= 1 }
        out.append(copying: text.extracting(0..<i))
        while i < text.count {
            var byte = text[i]
            i &+= 1
            if byte == 0x2b {
                byte = 0x20
            } else if byte == 0x25, i + 2 <= text.count, let high = hex(text[i]), let low = hex(text[i + 1]) {
                byte = high << 4 | low
                i &+= 2
            }
            if byte >= 0x80 { isASCII = false }
            out.append(byte)
        }
        if !isASCII, !JSONScanner.isUTF8(out.span) {
            out = Array(String(decoding: out, as: UTF8.self).utf8)
        }
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
