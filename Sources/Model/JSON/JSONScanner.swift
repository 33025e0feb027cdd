/// Why bytes are not JSON, and where.
public struct JSONError: Error, Equatable, Sendable {
    /// What was wrong, as a phrase ("a comma or ] is missing").
    public let reason: String
    /// The byte, counted from 0.
    public let offset: Int

    public init(_ reason: String, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }
}

/// A string of the text, without its quotes.
public struct JSONStringToken: Sendable, Equatable {
    /// The bytes between the quotes.
    public let range: Range<Int>
    /// Whether a backslash is in it; without one the bytes are the text.
    public let escaped: Bool
}

/// A validating scanner over UTF-8 bytes (RFC 8259): it finds where values begin and end and copies nothing.
///
/// Functions take the position at which to begin and move it past what they read. Depth is bounded so that no input can
/// exhaust the stack.
public enum JSONScanner {
    /// The deepest nesting of arrays and objects that is read.
    public static let deepest = 64

    /// Moves past spaces, tabs and line ends.
    @inlinable @inline(__always)
    public static func skipWhitespace(_ bytes: Span<UInt8>, _ at: inout Int) {
        while at < bytes.count {
            let byte = bytes[at]
            guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return }
            at &+= 1
        }
    }

    /// Checks one value, with the whitespace before it; returns where it lies.
    @discardableResult
    public static func value(
        _ bytes: Span<UInt8>, _ at: inout Int, depth: Int = 0
    ) throws(JSONError) -> Range<Int> {
        skipWhitespace(bytes, &at)
        let start = at
        guard at < bytes.count else { throw JSONError("the text ends where a value should be", at: at) }
        switch bytes[at] {
        case 0x22: _ = try string(bytes, &at)
        case 0x7b:
            try object(bytes, &at, depth: depth) { (_, at) throws(JSONError) in try value(bytes, &at, depth: depth + 1)
            }
        case 0x5b:
            try array(bytes, &at, depth: depth) { (at) throws(JSONError) in try value(bytes, &at, depth: depth + 1) }
        case 0x74: try literal("true", bytes, &at)
        case 0x66: try literal("false", bytes, &at)
        case 0x6e: try literal("null", bytes, &at)
        default: try number(bytes, &at)
        }
        return start..<at
    }

    /// Walks an object: `member` gets each key and the position of its value, past which it must move.
    @inlinable @inline(__always)
    public static func object(
        _ bytes: Span<UInt8>, _ at: inout Int, depth: Int = 0,
        member: (JSONStringToken, inout Int) throws(JSONError) -> Void
    ) throws(JSONError) {
        skipWhitespace(bytes, &at)
        guard at < bytes.count, bytes[at] == 0x7b else { throw JSONError("an object { should be here", at: at) }
        guard depth < deepest else { throw JSONError("nested deeper than \(deepest) levels", at: at) }
        at &+= 1
        skipWhitespace(bytes, &at)
        if at < bytes.count, bytes[at] == 0x7d {
            at &+= 1
            return
        }
        while true {
            skipWhitespace(bytes, &at)
            let key = try string(bytes, &at)
            skipWhitespace(bytes, &at)
            guard at < bytes.count, bytes[at] == 0x3a else { throw JSONError("a colon is missing after a key", at: at) }
            at &+= 1
            skipWhitespace(bytes, &at)
            try member(key, &at)
            skipWhitespace(bytes, &at)
            guard at < bytes.count else { throw JSONError("the text ends inside an object", at: at) }
            let byte = bytes[at]
            guard byte == 0x2c || byte == 0x7d else { throw JSONError("a comma or } is missing", at: at) }
            at &+= 1
            if byte == 0x7d { return }
        }
    }

    /// Walks an array: `element` gets the position of each value, past which it must move.
    @inlinable @inline(__always)
    public static func array(
        _ bytes: Span<UInt8>, _ at: inout Int, depth: Int = 0, element: (inout Int) throws(JSONError) -> Void
    ) throws(JSONError) {
        skipWhitespace(bytes, &at)
        guard at < bytes.count, bytes[at] == 0x5b else { throw JSONError("an array [ should be here", at: at) }
        guard depth < deepest else { throw JSONError("nested deeper than \(deepest) levels", at: at) }
        at &+= 1
        skipWhitespace(bytes, &at)
        if at < bytes.count, bytes[at] == 0x5d {
            at &+= 1
            return
        }
        while true {
            skipWhitespace(bytes, &at)
            try element(&at)
            skipWhitespace(bytes, &at)
            guard at < bytes.count else { throw JSONError("the text ends inside an array", at: at) }
            let byte = bytes[at]
            guard byte == 0x2c || byte == 0x5d else { throw JSONError("a comma or ] is missing", at: at) }
            at &+= 1
            if byte == 0x5d { return }
        }
    }

    /// Checks one number by RFC 8259's grammar; returns where it lies.
    @discardableResult
    public static func number(_ bytes: Span<UInt8>, _ at: inout Int) throws(JSONError) -> Range<Int> {
        let start = at
        if at < bytes.count, bytes[at] == 0x2d { at &+= 1 }
        if at < bytes.count, bytes[at] == 0x30 { at &+= 1 } else { try skipDigits(bytes, &at) }
        if at < bytes.count, bytes[at] == 0x2e {
            at &+= 1
            try skipDigits(bytes, &at)
        }
        if at < bytes.count, bytes[at] | 0x20 == 0x65 {
            at &+= 1
            if at < bytes.count, bytes[at] == 0x2b || bytes[at] == 0x2d { at &+= 1 }
            try skipDigits(bytes, &at)
        }
        return start..<at
    }

    private static func skipDigits(_ bytes: Span<UInt8>, _ at: inout Int) throws(JSONError) {
        let first = at
        while at < bytes.count, bytes[at] &- 0x30 < 10 { at &+= 1 }
        guard at > first else { throw JSONError("a value should be here", at: first) }
    }

    private static func literal(_ word: StaticString, _ bytes: Span<UInt8>, _ at: inout Int) throws(JSONError) {
        let count = word.utf8CodeUnitCount
        guard bytes.count - at >= count else { throw JSONError("a value should be here", at: at) }
        for i in 0..<count {
            // A static string's bytes live as long as the program.
            guard unsafe bytes[at + i] == word.utf8Start[i] else { throw JSONError("a value should be here", at: at) }
        }
        at += count
    }
}
