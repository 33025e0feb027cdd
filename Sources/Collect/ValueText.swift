import Model

/// Values that come as bare text: from KISSmetrics and from cells of a CSV file.
enum ValueText {
    /// The JSON value of a text: a number with its digits kept if all of it matches JSON's number grammar, a string
    /// otherwise. The bytes must be UTF-8.
    static func json(_ text: Span<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        append(text, to: &out)
        return out
    }

    static func append(_ text: Span<UInt8>, to out: inout [UInt8]) {
        if isNumber(text) { out.append(copying: text) } else { JSONText.appendString(text, to: &out) }
    }

    static func isNumber(_ text: Span<UInt8>) -> Bool {
        guard !text.isEmpty, text[0] == 0x2d || text[0] &- 0x30 < 10 else { return false }
        var at = 0
        return (try? JSONScanner.number(text, &at)) != nil && at == text.count
    }
}
