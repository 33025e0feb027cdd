import Model

/// Reading one property out of an object as it is stored. The engine's own JSON functions would write numbers anew.
public enum PropertyText {
    /// Where the value of a top-level key lies (the first, if the key is given twice); nil if it is absent or `null`.
    /// Keys are compared after their escapes are resolved. Anything that is not an object has no keys.
    public static func token(of name: Span<UInt8>, in object: Span<UInt8>) -> Range<Int>? {
        var at = 0
        var key: [UInt8] = []
        while let member = member(object, &at) {
            let isIt: Bool
            if member.key.escaped {
                key.removeAll(keepingCapacity: true)
                JSONText.appendUnescaped(member.key, in: object, to: &key)
                isIt = equalBytes(key.span, name)
            } else {
                isIt = equalBytes(object.extracting(member.key.range), name)
            }
            // `null` is the only token that begins with n.
            if isIt { return object[member.value.lowerBound] == 0x6e ? nil : member.value }
        }
        return nil
    }

    /// All keys with where their values lie, in the order in which they are written.
    static func members(of object: Span<UInt8>) -> [(key: [UInt8], value: Range<Int>)] {
        var at = 0
        var members: [(key: [UInt8], value: Range<Int>)] = []
        while let member = member(object, &at) {
            var key: [UInt8] = []
            if member.key.escaped {
                JSONText.appendUnescaped(member.key, in: object, to: &key)
            } else {
                key.append(copying: object.extracting(member.key.range))
            }
            members.append((key, member.value))
        }
        return members
    }

    /// Calls `body` with each key as it is meant, in the order in which they are written.
    static func eachKey(of object: Span<UInt8>, _ body: (Span<UInt8>) -> Void) {
        var at = 0
        var unescaped: [UInt8] = []
        while let member = member(object, &at) {
            if member.key.escaped {
                unescaped.removeAll(keepingCapacity: true)
                JSONText.appendUnescaped(member.key, in: object, to: &unescaped)
                body(unescaped.span)
            } else {
                body(object.extracting(member.key.range))
            }
        }
    }

    /// The next member of an object, from 0 on; nil after the last, or where it is none.
    private static func member(
        _ object: Span<UInt8>, _ at: inout Int
    ) -> (key: JSONStringToken, value: Range<Int>)? {
        let opening: UInt8 = at == 0 ? 0x7b : 0x2c
        JSONScanner.skipWhitespace(object, &at)
        guard at < object.count, object[at] == opening else { return nil }
        at &+= 1
        JSONScanner.skipWhitespace(object, &at)
        guard at < object.count, object[at] == 0x22, let key = try? JSONScanner.string(object, &at) else { return nil }
        JSONScanner.skipWhitespace(object, &at)
        guard at < object.count, object[at] == 0x3a else { return nil }
        at &+= 1
        guard let value = try? JSONScanner.value(object, &at, depth: 1) else { return nil }
        return (key, value)
    }

    /// Appends what a token says as text: a string's content, anything else as it is written.
    public static func appendText(of token: Span<UInt8>, to out: inout [UInt8]) {
        var at = 0
        guard token.count >= 2, token[0] == 0x22, let string = try? JSONScanner.string(token, &at) else {
            return out.append(copying: token)
        }
        JSONText.appendUnescaped(string, in: token, to: &out)
    }
}
