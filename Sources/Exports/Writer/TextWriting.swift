/// Whether a byte of `word` equals the byte that `pattern` repeats: the high bit of some byte is set.
@inline(__always)
private func hits(_ word: UInt64, _ pattern: UInt64) -> UInt64 {
    let difference = word ^ pattern
    return (difference &- 0x0101_0101_0101_0101) & ~difference
}

private let ones: UInt64 = 0x0101_0101_0101_0101
private let highs: UInt64 = 0x8080_8080_8080_8080

extension Output {
    /// Appends a text as a CSV field (RFC 4180): in quotes only where a quote, a comma or a line end needs them, or where it
    /// is empty, since an empty field without quotes is a missing value.
    @inline(__always)
    mutating func put(csv text: UnsafePointer<UInt8>, _ length: Int) {
        // Twice the text, its quotes, and a word that may be written past the end.
        reserve(length &* 2 &+ 16)
        if length > 0, unsafe isPlainCSV(text, length) {
            unsafe put(text, length)
        } else {
            unsafe put(quoted: text, length)
        }
    }

    /// Appends a text in quotes, its own quotes doubled. Room for twice its length and 16 bytes is reserved.
    @inline(__always)
    mutating func put(quoted text: UnsafePointer<UInt8>, _ length: Int) {
        let raw = unsafe UnsafeRawPointer(text)
        var to = unsafe UnsafeMutableRawPointer(end)
        unsafe to.storeBytes(of: 0x22, as: UInt8.self)
        unsafe to += 1
        var at = 0
        while at &+ 8 <= length {
            // Eight bytes from `at` end at or before `length`; the room is reserved.
            let word = unsafe raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            let quotes = hits(word, ones &* 0x22) & highs
            unsafe to.storeBytes(of: word, as: UInt64.self)
            if quotes == 0 {
                unsafe to += 8
                at &+= 8
            } else {
                // Up to and with the first quote; the second of the pair follows it.
                let run = quotes.trailingZeroBitCount >> 3 &+ 1
                unsafe to.storeBytes(of: 0x22, toByteOffset: run, as: UInt8.self)
                unsafe to += run &+ 1
                at &+= run
            }
        }
        while at < length {
            let byte = unsafe text[at]
            unsafe to.storeBytes(of: byte, as: UInt8.self)
            unsafe to.storeBytes(of: byte, toByteOffset: 1, as: UInt8.self)
            unsafe to += byte == 0x22 ? 2 : 1
            at &+= 1
        }
        unsafe to.storeBytes(of: 0x22, as: UInt8.self)
        unsafe advance(to - UnsafeMutableRawPointer(end) + 1)
    }

    /// Appends a text as a JSON string.
    @inline(__always)
    mutating func put(jsonString text: UnsafePointer<UInt8>, _ length: Int) {
        reserve(length &* 6 &+ 2)
        put(0x22)
        if unsafe isPlainJSON(text, length) {
            unsafe put(text, length)
        } else {
            for i in 0..<length { unsafe put(escaped: text[i]) }
        }
        put(0x22)
    }

    /// Appends a byte of a JSON string, for which six bytes are reserved.
    private mutating func put(escaped byte: UInt8) {
        switch byte {
        case 0x22, 0x5c:
            put(0x5c)
            put(byte)
        case 0x0a: put(0x5c, 0x6e)
        case 0x0d: put(0x5c, 0x72)
        case 0x09: put(0x5c, 0x74)
        case 0..<0x20:
            put(0x5c, 0x75)
            put(0x30, 0x30)
            put(0x30 + byte >> 4, byte & 15 < 10 ? 0x30 + byte & 15 : 0x57 + byte & 15)
        default: put(byte)
        }
    }

    private mutating func put(_ a: UInt8, _ b: UInt8) {
        put(a)
        put(b)
    }
}

/// Whether a text has no quote, comma or line end.
@inline(__always)
private func isPlainCSV(_ text: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    let raw = unsafe UnsafeRawPointer(text)
    var found: UInt64 = 0
    var at = 0
    while at &+ 8 <= length {
        // Eight bytes from `at` end at or before `length`.
        let word = unsafe raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        found |=
            hits(word, ones &* 0x22) | hits(word, ones &* 0x2c) | hits(word, ones &* 0x0a) | hits(word, ones &* 0x0d)
        if found & highs != 0 { return false }
        at &+= 8
    }
    while at < length {
        let byte = unsafe text[at]
        if byte == 0x22 || byte == 0x2c || byte == 0x0a || byte == 0x0d { return false }
        at &+= 1
    }
    return true
}

/// Whether a text has no quote, backslash or control character.
@inline(__always)
private func isPlainJSON(_ text: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    let raw = unsafe UnsafeRawPointer(text)
    var at = 0
    while at &+ 8 <= length {
        // Eight bytes from `at` end at or before `length`.
        let word = unsafe raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        let controls = (word &- ones &* 0x20) & ~word
        if (hits(word, ones &* 0x22) | hits(word, ones &* 0x5c) | controls) & highs != 0 { return false }
        at &+= 8
    }
    while at < length {
        let byte = unsafe text[at]
        if byte == 0x22 || byte == 0x5c || byte < 0x20 { return false }
        at &+= 1
    }
    return true
}
