public import DuckDB
internal import Model

/// The functions by which conditions and casts read a stored JSON value (a token): the same text is the same number or
/// time here as in collection, whatever the engine's own casts would say.
public enum TokenFunctions {
    /// Makes all of them known to the database; a second time does nothing.
    public static func register(on connection: Connection) throws(DuckDBError) {
        for function in [number, whole, amount, truth, time, key, propertyKey] { try connection.register(function) }
    }

    static let number = ScalarFunction(name: "token_number", arity: 1, returns: .double) { arguments, results in
        for row in 0..<arguments.rowCount {
            if let value = TokenText.number(arguments.text(0, row: row)) {
                results.set(row, value)
            } else {
                results.setNull(row)
            }
        }
    }

    static let whole = ScalarFunction(name: "token_whole", arity: 1, returns: .int64) { arguments, results in
        for row in 0..<arguments.rowCount {
            if let value = TokenText.wholeNumber(arguments.text(0, row: row)) {
                results.set(row, value)
            } else {
                results.setNull(row)
            }
        }
    }

    /// A number with nine digits after the point, rounded half away from zero; NULL for what is none, or is 10¹⁸ or more, which is
    /// too great to be added to others. The engine's own cast divides 128 bits for each digit.
    static let amount = ScalarFunction(
        name: "token_amount", takes: [.text], returns: .decimal(width: 38, scale: 9)
    ) { arguments, results in
        for row in 0..<arguments.rowCount {
            if let value = TokenText.billionths(arguments.text(0, row: row)) {
                results.set(row, unscaled: value)
            } else {
                results.setNull(row)
            }
        }
    }

    static let truth = ScalarFunction(name: "token_truth", arity: 1, returns: .boolean) { arguments, results in
        for row in 0..<arguments.rowCount {
            if let value = TokenText.truth(arguments.text(0, row: row)) {
                results.set(row, value)
            } else {
                results.setNull(row)
            }
        }
    }

    static let time = ScalarFunction(name: "token_time", arity: 1, returns: .timestamp) { arguments, results in
        for row in 0..<arguments.rowCount {
            if let value = TokenText.time(arguments.text(0, row: row)) {
                results.set(row, value.microseconds)
            } else {
                results.setNull(row)
            }
        }
    }
}

extension TokenFunctions {
    /// The one spelling of a token by which values are grouped: a string that is written with escapes, or a number with a point or
    /// an exponent, is the same value as one without.
    static let key = ScalarFunction(name: "token_key", arity: 1) { arguments, results in
        var out: [UInt8] = []
        for row in 0..<arguments.rowCount {
            if arguments.isNull(0, row: row) {
                results.setNull(row)
            } else {
                setKey(of: arguments.text(0, row: row), row, &results, &out)
            }
        }
    }

    /// `token_key` of `property_token`, at one go.
    static let propertyKey = ScalarFunction(name: "property_key", arity: 2) { arguments, results in
        var out: [UInt8] = []
        for row in 0..<arguments.rowCount {
            let properties = arguments.text(0, row: row)
            if let token = PropertyText.token(of: arguments.text(1, row: row), in: properties) {
                setKey(of: properties.extracting(token), row, &results, &out)
            } else {
                results.setNull(row)
            }
        }
    }

    /// Most tokens are their keys and are not copied first.
    private static func setKey(
        of token: Span<UInt8>, _ row: Int, _ results: inout FunctionResults, _ out: inout [UInt8]
    ) {
        guard !TokenText.isKey(token) else { return results.set(row, token) }
        out.removeAll(keepingCapacity: true)
        TokenText.appendKey(of: token, to: &out)
        results.set(row, out)
    }
}

/// What a token says when it is cast. An empty token is an absent one.
enum TokenText {
    /// A number, or a text that is one by JSON's grammar; nil beyond a double's range.
    static func number(_ token: Span<UInt8>) -> Double? {
        let text = token.extracting(inside(token))
        guard isNumber(text), let value = Double(String(utf8: text)), value.isFinite else { return nil }
        return value
    }

    /// A whole number; zeros after a point change nothing (`10.0`), an exponent or anything else makes it none.
    static func wholeNumber(_ token: Span<UInt8>) -> Int64? {
        let text = token.extracting(inside(token))
        guard isNumber(text) else { return nil }
        var end = 0
        while end < text.count, text[end] != 0x2e { end &+= 1 }
        var at = end &+ 1
        while at < text.count {
            guard text[at] == 0x30 else { return nil }
            at &+= 1
        }
        return Int64(String(utf8: text.extracting(0..<end)))
    }

    /// `true` or `false`, as a value or as a text.
    static func truth(_ token: Span<UInt8>) -> Bool? {
        let text = token.extracting(inside(token))
        guard text.count == 4 || text.count == 5 else { return nil }
        switch String(utf8: text) {
        case "true": return true
        case "false": return false
        default: return nil
        }
    }

    /// A text that is a time as people write it (`WrittenTime`); UTC where no offset is written.
    static func time(_ token: Span<UInt8>) -> Timestamp? {
        guard token.count > 2, token[0] == 0x22 else { return nil }
        guard let moment = WrittenTime(token.extracting(inside(token)))?.timestamp(), moment.isInRange else {
            return nil
        }
        return moment
    }

    /// Whether a token is certainly written as `appendKey` would write it.
    static func isKey(_ token: Span<UInt8>) -> Bool {
        if token.count >= 2, token[0] == 0x22 {
            for i in token.indices where token[i] == 0x5c { return false }
            return true
        }
        for i in token.indices {
            switch token[i] {
            case 0x2e, 0x45, 0x65: return false
            default: break
            }
        }
        return true
    }

    /// The token as every other that says the same would be written.
    static func appendKey(of token: Span<UInt8>, to out: inout [UInt8]) {
        if isKey(token) { return out.append(copying: token) }
        let isText = token.count >= 2 && token[0] == 0x22
        if isText {
            var text: [UInt8] = []
            PropertyText.appendText(of: token, to: &text)
            return JSONText.appendString(text.span, to: &out)
        }
        guard isNumber(token), let value = number(token) else { return out.append(copying: token) }
        // Beyond that not every whole number is one of its own.
        if value == value.rounded(), abs(value) < 9_007_199_254_740_992 {
            out.append(contentsOf: String(Int64(value)).utf8)
        } else {
            out.append(contentsOf: String(value).utf8)
        }
    }

    static func isNumber(_ text: Span<UInt8>) -> Bool {
        guard text.count > 0, text[0] == 0x2d || text[0] &- 0x30 < 10 else { return false }
        var at = 0
        return (try? JSONScanner.number(text, &at)) != nil && at == text.count
    }

    /// A string without its quotes. Numbers, truths and times need no escapes, so that a text with one is none of them.
    static func inside(_ token: Span<UInt8>) -> Range<Int> {
        token.count >= 2 && token[0] == 0x22 ? 1..<(token.count - 1) : 0..<token.count
    }
}
