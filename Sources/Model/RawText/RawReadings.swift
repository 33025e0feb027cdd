/// What the raw text of a refused input can mean: as it is, percent-decoded (`+` is a space), with JSON's and octal escapes
/// resolved, or both. Nobody knows what it was meant to be, since it was refused.
public enum RawReadings {
    /// The readings that differ from one another; the first is the text itself.
    public static func all(_ raw: Span<UInt8>) -> [[UInt8]] {
        var all = [Array(copying: raw)]
        if let decoded = percentDecoded(raw) { all.append(decoded) }
        for reading in all { if let plain = unescaped(reading.span) { all.append(plain) } }
        return all
    }

    /// Nil if nothing is encoded.
    private static func percentDecoded(_ raw: Span<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        var isChanged = false
        var at = 0
        while at < raw.count {
            if raw[at] == 0x2b {
                out.append(0x20)
                isChanged = true
                at += 1
            } else if raw[at] == 0x25, at + 2 < raw.count, let high = hex(raw[at + 1]), let low = hex(raw[at + 2]) {
                out.append(high << 4 | low)
                isChanged = true
                at += 3
            } else {
                out.append(raw[at])
                at += 1
            }
        }
        guard isChanged else { return nil }
        // As collection repairs what is not UTF-8.
        return JSONScanner.isUTF8(out.span) ? out : Array(String(decoding: out, as: UTF8.self).utf8)
    }

    /// Nil if nothing is escaped.
    private static func unescaped(_ raw: Span<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        var isChanged = false
        var at = 0
        while at < raw.count {
            guard raw[at] == 0x5c, at + 1 < raw.count else {
                out.append(raw[at])
                at += 1
                continue
            }
            isChanged = true
            let length = escapeLength(raw, at)
            if let byte = octal(raw, at) {
                out.append(byte)
            } else if length == 2, raw[at + 1] == 0x75 {
                // It begins no character.
                out.append(0x75)
            } else {
                JSONText.appendUnescaped(raw.extracting(at..<(at + length)), escaped: true, to: &out)
            }
            at += length
        }
        return isChanged ? out : nil
    }

    /// How many bytes the escape at `at` has: a surrogate pair is one.
    private static func escapeLength(_ raw: Span<UInt8>, _ at: Int) -> Int {
        if octal(raw, at) != nil { return 4 }
        guard let first = unicode(raw, at) else { return 2 }
        guard (0xd800..<0xdc00).contains(first), let second = unicode(raw, at + 6), (0xdc00..<0xe000).contains(second)
        else { return 6 }
        return 12
    }

    /// The number of a `\uXXXX` at `at`.
    private static func unicode(_ raw: Span<UInt8>, _ at: Int) -> UInt32? {
        guard at + 6 <= raw.count, raw[at] == 0x5c, raw[at + 1] == 0x75 else { return nil }
        var value: UInt32 = 0
        for i in (at + 2)..<(at + 6) {
            guard let digit = hex(raw[i]) else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    /// The byte of a `\ooo` at `at`, as KISSmetrics' exports write what is not ASCII.
    private static func octal(_ raw: Span<UInt8>, _ at: Int) -> UInt8? {
        guard at + 4 <= raw.count, raw[at + 1] &- 0x30 < 4, raw[at + 2] &- 0x30 < 8, raw[at + 3] &- 0x30 < 8
        else { return nil }
        return (raw[at + 1] - 0x30) << 6 | (raw[at + 2] - 0x30) << 3 | (raw[at + 3] - 0x30)
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
