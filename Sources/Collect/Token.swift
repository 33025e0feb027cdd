import Model

/// A scanned JSON value: where it lies, and by its first byte what it is.
struct Token {
    /// The value with its quotes or brackets; empty where the key is absent.
    var range: Range<Int> = 0..<0
    /// Whether a backslash is in it, if it is a string.
    var escaped = false

    var isAbsent: Bool { range.isEmpty }

    /// The value at `at`, which moves past it.
    @inline(__always)
    init(_ bytes: Span<UInt8>, _ at: inout Int, depth: Int) throws(JSONError) {
        if at < bytes.count, bytes[at] == 0x22 {
            let start = at
            escaped = try JSONScanner.string(bytes, &at).escaped
            range = start..<at
        } else {
            range = try JSONScanner.value(bytes, &at, depth: depth)
        }
    }

    init() {}

    /// Whether there is nothing: no such key, or null.
    @inline(__always)
    func isNothing(_ bytes: Span<UInt8>) -> Bool { isAbsent || bytes[range.lowerBound] == 0x6e }

    @inline(__always)
    func isString(_ bytes: Span<UInt8>) -> Bool { !isAbsent && bytes[range.lowerBound] == 0x22 }

    @inline(__always)
    func isObject(_ bytes: Span<UInt8>) -> Bool { !isAbsent && bytes[range.lowerBound] == 0x7b }

    func isNumber(_ bytes: Span<UInt8>) -> Bool {
        guard !isAbsent else { return false }
        let first = bytes[range.lowerBound]
        return first == 0x2d || first &- 0x30 < 10
    }

    /// The bytes between a string's quotes.
    @inline(__always)
    var inner: Range<Int> { (range.lowerBound &+ 1)..<(range.upperBound &- 1) }

    /// Replaces `text` by what a string says, or by a number as it is written.
    @inline(__always)
    func read(_ bytes: Span<UInt8>, into text: inout [UInt8]) {
        text.removeAll(keepingCapacity: true)
        if isString(bytes) {
            JSONText.appendUnescaped(bytes.extracting(inner), escaped: escaped, to: &text)
        } else {
            text.append(copying: bytes.extracting(range))
        }
    }

    /// What kind of value it is, for reasons.
    func kind(_ bytes: Span<UInt8>) -> String {
        guard !isAbsent else { return "nothing" }
        switch bytes[range.lowerBound] {
        case 0x22: return "a text"
        case 0x7b: return "an object"
        case 0x5b: return "an array"
        case 0x74, 0x66: return "true or false"
        case 0x6e: return "null"
        default: return "a number"
        }
    }
}

/// Whether a key is `name`, its escapes resolved.
@inline(__always)
func isKey(_ key: JSONStringToken, _ bytes: Span<UInt8>, _ name: StaticString) -> Bool {
    if key.escaped { return isEscapedKey(key, bytes, name) }
    let count = name.utf8CodeUnitCount
    guard key.range.count == count else { return false }
    let start = key.range.lowerBound
    // A static string's bytes live as long as the program; `i` is below its count.
    for i in 0..<count where unsafe bytes[start &+ i] != name.utf8Start[i] { return false }
    return true
}

@inline(never)
private func isEscapedKey(_ key: JSONStringToken, _ bytes: Span<UInt8>, _ name: StaticString) -> Bool {
    var text: [UInt8] = []
    JSONText.appendUnescaped(key, in: bytes, to: &text)
    return text == Array(name.description.utf8)
}

/// A refusal of one item, on its way to becoming a reject.
struct Refusal: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}
