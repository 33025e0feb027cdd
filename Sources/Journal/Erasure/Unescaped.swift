/// Bytes with their escapes resolved; what is no escape stays as it is.
enum Unescaped {
    /// JSON's: `\"`, `\/`, `\u0040` and the like.
    static func json(_ bytes: Span<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            guard bytes[at] == UInt8(ascii: "\\"), at + 1 < bytes.count else {
                out.append(bytes[at])
                at += 1
                continue
            }
            if bytes[at + 1] == UInt8(ascii: "u"), let unit = number(bytes, from: at + 2, digits: 4) {
                at += 6
                var scalar = UInt32(unit)
                if 0xd800..<0xdc00 ~= unit, at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
                    bytes[at + 1] == UInt8(ascii: "u"), let low = number(bytes, from: at + 2, digits: 4),
                    0xdc00..<0xe000 ~= low
                {
                    scalar = 0x1_0000 + (UInt32(unit) - 0xd800) << 10 + (UInt32(low) - 0xdc00)
                    at += 6
                }
                out.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{fffd}").utf8)
                continue
            }
            switch bytes[at + 1] {
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0c)
            case UInt8(ascii: "n"): out.append(0x0a)
            case UInt8(ascii: "r"): out.append(0x0d)
            case UInt8(ascii: "t"): out.append(0x09)
            default: out.append(bytes[at + 1])
            }
            at += 2
        }
        return out
    }

    /// Those of addresses and forms: `%40`, and `+` for a space.
    static func percent(_ bytes: Span<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "%"), let byte = number(bytes, from: at + 1, digits: 2) {
                out.append(UInt8(byte))
                at += 3
            } else {
                out.append(bytes[at] == UInt8(ascii: "+") ? UInt8(ascii: " ") : bytes[at])
                at += 1
            }
        }
        return out
    }

    private static func number(_ bytes: Span<UInt8>, from start: Int, digits: Int) -> UInt16? {
        guard start + digits <= bytes.count else { return nil }
        var value: UInt16 = 0
        for i in start..<(start + digits) {
            let digit: UInt8
            switch bytes[i] {
            case 0x30...0x39: digit = bytes[i] - 0x30
            case 0x41...0x46: digit = bytes[i] - 0x41 + 10
            case 0x61...0x66: digit = bytes[i] - 0x61 + 10
            default: return nil
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }
}
