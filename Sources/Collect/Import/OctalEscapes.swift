import Model

/// Mends lines of KISSmetrics' export, which is no JSON: it writes the bytes of texts outside ASCII as a backslash and three
/// octal digits (`\302\243` for £).
///
/// In strings, octal escapes and bytes outside ASCII are read together as UTF-8; what is not UTF-8 becomes U+FFFD. Control
/// characters get the escape that JSON needs. JSON's own escapes stay, and so does everything outside of strings.
enum OctalEscapes {
    /// Appends the line, mended, to `out`. Returns false, and appends nothing, where there is nothing to mend.
    static func mend(_ line: Span<UInt8>, into out: inout [UInt8]) -> Bool {
        guard needsMending(line) else { return false }
        var at = 0
        var inString = false
        /// Bytes that are to be UTF-8 together.
        var text: [UInt8] = []
        while at < line.count {
            let byte = line[at]
            guard inString else {
                inString = byte == 0x22
                out.append(byte)
                at += 1
                continue
            }
            if byte >= 0x80 {
                text.append(byte)
                at += 1
            } else if let value = octal(line, at), value >= 0x80 {
                text.append(value)
                at += 4
            } else {
                append(&text, to: &out)
                if let value = octal(line, at) {
                    append(ascii: value, to: &out)
                    at += 4
                } else if byte == 0x5c {
                    out.append(byte)
                    at += 1
                    // What it escapes is no end of the string. A byte outside ASCII is read with those after it.
                    if at < line.count, line[at] < 0x80 {
                        out.append(line[at])
                        at += 1
                    }
                } else {
                    inString = byte != 0x22
                    if byte < 0x20 { append(ascii: byte, to: &out) } else { out.append(byte) }
                    at += 1
                }
            }
        }
        append(&text, to: &out)
        return true
    }

    private static func needsMending(_ line: Span<UInt8>) -> Bool {
        var at = 0
        var inString = false
        while at < line.count {
            let byte = line[at]
            if !inString {
                inString = byte == 0x22
                at &+= 1
            } else if byte == 0x5c {
                if octal(line, at) != nil { return true }
                at &+= at &+ 1 < line.count && line[at &+ 1] < 0x80 ? 2 : 1
            } else if byte < 0x20 {
                return true
            } else if byte < 0x80 {
                inString = byte != 0x22
                at &+= 1
            } else {
                guard let length = JSONScanner.utf8Length(line, at) else { return true }
                at &+= length
            }
        }
        return false
    }

    /// The byte of the octal escape at `at`; JSON has no escape that begins with a digit.
    private static func octal(_ line: Span<UInt8>, _ at: Int) -> UInt8? {
        guard line[at] == 0x5c, at + 3 < line.count else { return nil }
        let (high, middle, low) = (line[at + 1] &- 0x30, line[at + 2] &- 0x30, line[at + 3] &- 0x30)
        guard high < 4, middle < 8, low < 8 else { return nil }
        return high << 6 | middle << 3 | low
    }

    /// Appends gathered bytes as UTF-8 and empties them.
    private static func append(_ text: inout [UInt8], to out: inout [UInt8]) {
        guard !text.isEmpty else { return }
        if JSONScanner.isUTF8(text.span) {
            out.append(contentsOf: text)
        } else {
            out.append(contentsOf: Array(String(decoding: text, as: UTF8.self).utf8))
        }
        text.removeAll(keepingCapacity: true)
    }

    /// Appends a byte of ASCII as it stands in a string.
    private static func append(ascii byte: UInt8, to out: inout [UInt8]) {
        var quoted: [UInt8] = []
        JSONText.appendString([byte].span, to: &quoted)
        out.append(contentsOf: quoted.dropFirst().dropLast())
    }
}
