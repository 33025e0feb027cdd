extension JSONScanner {
    /// Checks one value that may nest deeper than `deepest`; as fast as `value` if it does not.
    public static func skipValue(_ bytes: Span<UInt8>, _ at: inout Int) throws(JSONError) {
        let start = at
        do throws(JSONError) {
            try value(bytes, &at)
        } catch {
            at = start
            try deepValue(bytes, &at)
        }
    }

    /// Checks one value of any depth, with the whitespace before it; returns where it lies.
    ///
    /// It takes one byte of memory for each array or object that is open, and no stack: for telling JSON that is only too
    /// deep from what is none. `value` is faster.
    @discardableResult
    public static func deepValue(_ bytes: Span<UInt8>, _ at: inout Int) throws(JSONError) -> Range<Int> {
        skipWhitespace(bytes, &at)
        let start = at
        // What is open, from the outside in: true for an object.
        var open: [Bool] = []
        repeat {
            skipWhitespace(bytes, &at)
            if at < bytes.count, bytes[at] == 0x7b || bytes[at] == 0x5b {
                let isObject = bytes[at] == 0x7b
                at += 1
                skipWhitespace(bytes, &at)
                guard at < bytes.count, bytes[at] == (isObject ? 0x7d : 0x5d) else {
                    open.append(isObject)
                    if isObject { try keyAndColon(bytes, &at) }
                    continue
                }
                at += 1
            } else {
                try value(bytes, &at)
            }
            try closeUntilNext(bytes, &at, &open)
        } while !open.isEmpty
        return start..<at
    }

    /// Moves past what ends behind a value, up to the place of the next one.
    private static func closeUntilNext(
        _ bytes: Span<UInt8>, _ at: inout Int, _ open: inout [Bool]
    ) throws(JSONError) {
        while let isObject = open.last {
            skipWhitespace(bytes, &at)
            guard at < bytes.count else {
                throw JSONError("the text ends inside an \(isObject ? "object" : "array")", at: at)
            }
            if bytes[at] == 0x2c {
                at += 1
                if isObject { try keyAndColon(bytes, &at) }
                return
            }
            guard bytes[at] == (isObject ? 0x7d : 0x5d) else {
                throw JSONError("a comma or \(isObject ? "}" : "]") is missing", at: at)
            }
            at += 1
            open.removeLast()
        }
    }

    private static func keyAndColon(_ bytes: Span<UInt8>, _ at: inout Int) throws(JSONError) {
        skipWhitespace(bytes, &at)
        _ = try string(bytes, &at)
        skipWhitespace(bytes, &at)
        guard at < bytes.count, bytes[at] == 0x3a else { throw JSONError("a colon is missing after a key", at: at) }
        at += 1
    }
}
