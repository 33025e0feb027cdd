/// Whether a byte of `word` equals the byte that `pattern` repeats: the high bit of some byte is set.
@inline(__always)
private func hits(_ word: UInt64, _ pattern: UInt64) -> UInt64 {
    let difference = word ^ pattern
    return (difference &- 0x0101_0101_0101_0101) & ~difference
}

private let ones: UInt64 = 0x0101_0101_0101_0101
private let highs: UInt64 = 0x8080_8080_8080_8080

extension Output {
    /// Appends a text as a CSV field (RFC 4180): in quotes only where a quote, a delimiter or a line end needs them, or where
    /// it is empty, since an empty field without quotes is a missing value.
    @inline(__always)
    mutating func put(csv text: UnsafePointer<UInt8>, _ length: Int, delimiter: UInt8 = 0x2c) {
        // Twice the text, its quotes, and words that may be written past the end.
        reserve(length &* 2 &+ 32)
        if length > 0, unsafe isPlainCSV(text, length, delimiter) {
            unsafe put(text, length)
        } else {
            unsafe put(quoted: text, length)
        }
    }

    /// Appends a text in quotes, its own quotes doubled. Room for twice its length and 32 bytes is reserved.
    ///
    /// JSON has a quote every few bytes, so that finding one after the other would wait for each: the quotes of 64 bytes are
    /// found together, and what lies between them is copied by words that may reach too far and are written over.
    @inline(__always)
    mutating func put(quoted text: UnsafePointer<UInt8>, _ length: Int) {
        let raw = unsafe UnsafeRawPointer(text)
        let first = unsafe end
        unsafe first[0] = 0x22
        var to = unsafe first + 1
        var at = 0
        // The words that are copied end at or before `length`; the room is reserved.
        while at &+ 80 <= length {
            var quotes = unsafe quoteMask(raw + at)
            let blockEnd = at &+ 64
            let block = at
            while quotes != 0 {
                let quote = block &+ quotes.trailingZeroBitCount
                unsafe copy(raw, at, quote &+ 1, &to)
                unsafe to[0] = 0x22
                unsafe to += 1
                at = quote &+ 1
                quotes &= quotes &- 1
            }
            unsafe copy(raw, at, blockEnd, &to)
            at = blockEnd
        }
        while at < length {
            let byte = unsafe text[at]
            unsafe to[0] = byte
            unsafe to[1] = byte
            unsafe to += byte == 0x22 ? 2 : 1
            at &+= 1
        }
        unsafe to[0] = 0x22
        unsafe advance(to - first + 1)
    }

    /// Copies `from..<until` by words of 16 bytes; 15 bytes after `until` may be read and written, too.
    @inline(__always)
    private func copy(_ raw: UnsafeRawPointer, _ from: Int, _ until: Int, _ to: inout UnsafeMutablePointer<UInt8>) {
        var at = from
        while at < until {
            unsafe copyWords(raw + at, to + (at &- from))
            at &+= 16
        }
        unsafe to += until &- from
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

/// Copies 16 bytes. (A copy of a length that is known is one move; `storeBytes` is a call where the module is not optimised with it.)
@inline(__always)
private func copyWords(_ from: UnsafeRawPointer, _ to: UnsafeMutablePointer<UInt8>) {
    unsafe UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: 16)
}

/// Which of 64 bytes are quotes, the first byte's bit lowest.
@inline(__always)
private func quoteMask(_ start: UnsafeRawPointer) -> UInt64 {
    var mask: UInt64 = 0
    for i in 0..<8 {
        // The caller has 64 bytes from `start`.
        let word = unsafe start.loadUnaligned(fromByteOffset: i &* 8, as: UInt64.self)
        // Exact in every byte, unlike `hits`: no borrow goes from one to the next.
        let difference = word ^ (ones &* 0x22)
        let others = ((difference & ~highs) &+ ~highs) | difference
        // The bytes' high bits, gathered into eight bits.
        let bits = (((~others & highs) >> 7) &* 0x0102_0408_1020_4080) >> 56
        mask |= bits << UInt64(i &* 8)
    }
    return mask
}

/// Whether a text has no quote, delimiter or line end.
@inline(__always)
private func isPlainCSV(_ text: UnsafePointer<UInt8>, _ length: Int, _ delimiter: UInt8) -> Bool {
    let raw = unsafe UnsafeRawPointer(text)
    guard length >= 8 else {
        var at = 0
        while at < length {
            let byte = unsafe text[at]
            if byte == 0x22 || byte == delimiter || byte == 0x0a || byte == 0x0d { return false }
            at &+= 1
        }
        return true
    }
    let delimiters = ones &* UInt64(delimiter)
    var at = 0
    while true {
        // Eight bytes from `at` end at or before `length`. (SIMD16's comparisons are loops over bytes in Swift 6.3.)
        let word = unsafe raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        let found =
            hits(word, ones &* 0x22) | hits(word, delimiters) | hits(word, ones &* 0x0a) | hits(word, ones &* 0x0d)
        if found & highs != 0 { return false }
        at &+= 8
        if at >= length { return true }
        // The last word may overlap the one before.
        at = min(at, length &- 8)
    }
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
