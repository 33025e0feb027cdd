import Model

/// Reading one property out of an object as it is stored. The engine's own JSON functions would write numbers anew.
public enum PropertyText {
    /// Where the value of a top-level key lies (the first, if the key is given twice); nil if it is absent or `null`.
    /// Keys are compared after their escapes are resolved. Anything that is not an object has no keys.
    public static func token(of name: Span<UInt8>, in object: Span<UInt8>) -> Range<Int>? {
        var at = 0
        JSONScanner.skipWhitespace(object, &at)
        guard at < object.count, object[at] == 0x7b else { return nil }
        at &+= 1
        var key: [UInt8] = []
        while true {
            JSONScanner.skipWhitespace(object, &at)
            guard at < object.count, object[at] == 0x22, let token = try? JSONScanner.string(object, &at) else {
                return nil
            }
            JSONScanner.skipWhitespace(object, &at)
            guard at < object.count, object[at] == 0x3a else { return nil }
            at &+= 1
            guard let value = try? JSONScanner.value(object, &at, depth: 1) else { return nil }
            let isIt: Bool
            if token.escaped {
                key.removeAll(keepingCapacity: true)
                JSONText.appendUnescaped(token, in: object, to: &key)
                isIt = equalBytes(key.span, name)
            } else {
                isIt = equalBytes(object.extracting(token.range), name)
            }
            // `null` is the only token that begins with n.
            if isIt { return object[value.lowerBound] == 0x6e ? nil : value }
            JSONScanner.skipWhitespace(object, &at)
            guard at < object.count, object[at] == 0x2c else { return nil }
            at &+= 1
        }
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
