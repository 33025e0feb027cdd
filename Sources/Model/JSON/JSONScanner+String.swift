extension JSONScanner {
    /// Checks one string: escapes, control characters and UTF-8.
    public static func string(_ bytes: Span<UInt8>, _ at: inout Int) throws(JSONError) -> JSONStringToken {
        guard at < bytes.count, bytes[at] == 0x22 else { throw JSONError("a string should be here", at: at) }
        at &+= 1
        let start = at
        var escaped = false
        let count = bytes.count
        let raw = unsafe bytes.bytes
        while true {
            while at &+ 8 <= count {
                // In bounds: eight bytes from `at` end at or before `count`.
                let word = unsafe UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self))
                let special = specialBytes(word)
                if special != 0 {
                    at &+= special.trailingZeroBitCount &>> 3
                    break
                }
                at &+= 8
            }
            guard at < count else { throw JSONError("the text ends inside a string", at: at) }
            let byte = bytes[at]
            if byte == 0x22 {
                let token = JSONStringToken(range: start..<at, escaped: escaped)
                at &+= 1
                return token
            }
            if byte == 0x5c {
                escaped = true
                try escape(bytes, &at)
            } else if byte < 0x20 {
                throw JSONError("a control character must be escaped in a string", at: at)
            } else if byte < 0x80 {
                at &+= 1
            } else {
                guard let length = utf8Length(bytes, at) else { throw JSONError("the text is not UTF-8", at: at) }
                at &+= length
            }
        }
    }

    /// The high bits of those of eight bytes that are a quote, a backslash, a control character or outside ASCII. The
    /// lowest is right; above it, a borrow may have set more.
    @inline(__always)
    private static func specialBytes(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let high: UInt64 = 0x8080_8080_8080_8080
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5c)
        let hit =
            (quote &- ones) & ~quote | (backslash &- ones) & ~backslash | (word &- (ones &* 0x20)) & ~word | word
        return hit & high
    }

    private static func escape(_ bytes: Span<UInt8>, _ at: inout Int) throws(JSONError) {
        guard at + 1 < bytes.count else { throw JSONError("the text ends inside a string", at: at) }
        switch bytes[at + 1] {
        case 0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74: at += 2
        case 0x75:
            guard hex4(bytes, at + 2) != nil else { throw JSONError("\\u needs four hexadecimal digits", at: at) }
            at += 6
        default: throw JSONError("no such escape in a string", at: at)
        }
    }

    /// The value of four hexadecimal digits.
    static func hex4(_ bytes: Span<UInt8>, _ at: Int) -> UInt32? {
        guard at + 4 <= bytes.count else { return nil }
        var value: UInt32 = 0
        for i in at..<(at + 4) {
            let byte = bytes[i]
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(byte - 0x37)
            case 0x61...0x66: value = value << 4 | UInt32(byte - 0x57)
            default: return nil
            }
        }
        return value
    }

    /// The length of the well-formed UTF-8 sequence at `at` (Unicode 15, table 3-7); nil if there is none.
    public static func utf8Length(_ bytes: Span<UInt8>, _ at: Int) -> Int? {
        let first = bytes[at]
        func next(_ i: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xbf) -> Bool {
            at + i < bytes.count && bytes[at + i] >= low && bytes[at + i] <= high
        }
        switch first {
        case 0x00...0x7f: return 1
        case 0xc2...0xdf: return next(1) ? 2 : nil
        case 0xe0: return next(1, 0xa0) && next(2) ? 3 : nil
        case 0xed: return next(1, 0x80, 0x9f) && next(2) ? 3 : nil
        case 0xe1...0xef: return next(1) && next(2) ? 3 : nil
        case 0xf0: return next(1, 0x90) && next(2) && next(3) ? 4 : nil
        case 0xf1...0xf3: return next(1) && next(2) && next(3) ? 4 : nil
        case 0xf4: return next(1, 0x80, 0x8f) && next(2) && next(3) ? 4 : nil
        default: return nil
        }
    }

    /// Whether all bytes are well-formed UTF-8.
    public static func isUTF8(_ bytes: Span<UInt8>) -> Bool {
        var at = 0
        while at < bytes.count {
            guard let length = utf8Length(bytes, at) else { return false }
            at &+= length
        }
        return true
    }
}
