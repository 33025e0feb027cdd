/// Reading and writing JSON's texts from and to bytes.
public enum JSONText {
    /// Appends what a scanned string says, its escapes resolved. A lone surrogate becomes U+FFFD.
    public static func appendUnescaped(_ token: JSONStringToken, in bytes: Span<UInt8>, to out: inout [UInt8]) {
        appendUnescaped(bytes.extracting(token.range), escaped: token.escaped, to: &out)
    }

    /// Appends what the bytes between a string's quotes say. They must have been scanned.
    public static func appendUnescaped(_ text: Span<UInt8>, escaped: Bool, to out: inout [UInt8]) {
        guard escaped else { return out.append(copying: text) }
        var at = 0
        while at < text.count {
            let byte = text[at]
            guard byte == 0x5c, at + 1 < text.count else {
                out.append(byte)
                at += 1
                continue
            }
            let kind = text[at + 1]
            at += 2
            switch kind {
            case 0x62: out.append(0x08)
            case 0x66: out.append(0x0c)
            case 0x6e: out.append(0x0a)
            case 0x72: out.append(0x0d)
            case 0x74: out.append(0x09)
            case 0x75: appendScalar(text, &at, to: &out)
            default: out.append(kind)
            }
        }
    }

    private static func appendScalar(_ text: Span<UInt8>, _ at: inout Int, to out: inout [UInt8]) {
        var value = JSONScanner.hex4(text, at) ?? 0xfffd
        at += 4
        if (0xd800..<0xdc00).contains(value), at + 6 <= text.count, text[at] == 0x5c, text[at + 1] == 0x75,
            let low = JSONScanner.hex4(text, at + 2), (0xdc00..<0xe000).contains(low)
        {
            value = 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00)
            at += 6
        }
        let scalar = Unicode.Scalar(value) ?? "\u{fffd}"
        out.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    /// Appends a text as a JSON string with its quotes. The bytes must be UTF-8.
    public static func appendString(_ text: Span<UInt8>, to out: inout [UInt8]) {
        out.append(0x22)
        var at = 0
        while at < text.count {
            let byte = text[at]
            switch byte {
            case 0x22, 0x5c:
                out.append(0x5c)
                out.append(byte)
            case 0x0a: out.append(contentsOf: [0x5c, 0x6e])
            case 0x0d: out.append(contentsOf: [0x5c, 0x72])
            case 0x09: out.append(contentsOf: [0x5c, 0x74])
            case 0..<0x20:
                out.append(contentsOf: Array("\\u00".utf8))
                out.append(hexDigits[Int(byte >> 4)])
                out.append(hexDigits[Int(byte & 15)])
            default: out.append(byte)
            }
            at &+= 1
        }
        out.append(0x22)
    }

    /// Appends a text as a JSON string with its quotes.
    public static func appendString(_ text: String, to out: inout [UInt8]) {
        appendString(Array(text.utf8).span, to: &out)
    }

    static let hexDigits = Array("0123456789abcdef".utf8)

    /// Appends a scanned value without the whitespace between its tokens; everything else stays as written.
    public static func appendCompact(_ value: Span<UInt8>, to out: inout [UInt8]) {
        var at = 0
        var start = 0
        let count = value.count
        while at < count {
            let byte = value[at]
            at &+= 1
            if byte == 0x22 {
                skipString(value, &at)
            } else if byte <= 0x20 {
                // Between the tokens of a scanned value, nothing but white space is so low.
                if start < at &- 1 { out.append(copying: value.extracting(start..<(at &- 1))) }
                start = at
            }
        }
        if start == 0 || start < count { out.append(copying: value.extracting(start..<count)) }
    }

    /// Moves past the rest of a string and its closing quote.
    @inline(__always)
    private static func skipString(_ value: Span<UInt8>, _ at: inout Int) {
        let count = value.count
        let raw = unsafe value.bytes
        while at < count {
            while at &+ 8 <= count {
                // In bounds: eight bytes from `at` end at or before `count`.
                let word = unsafe UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self))
                let special = quotesAndBackslashes(word)
                if special != 0 {
                    at &+= special.trailingZeroBitCount &>> 3
                    break
                }
                at &+= 8
            }
            guard at < count else { return }
            let byte = value[at]
            at &+= 1
            if byte == 0x22 { return }
            if byte == 0x5c { at &+= 1 }
        }
    }

    /// The high bits of those of eight bytes that are a quote or a backslash. The lowest is right; above it, a borrow may
    /// have set more.
    @inline(__always)
    private static func quotesAndBackslashes(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5c)
        let hit = (quote &- ones) & ~quote | (backslash &- ones) & ~backslash
        return hit & 0x8080_8080_8080_8080
    }
}
