/// The columns `first(EVENT)`, `last(EVENT)` and `count(EVENT)`.
///
/// The last `)` closes the column, so that a name may hold any: `count(Sign up (web))`. What follows it can only be
/// ` as NAME`: of an event whose own name reads like that, the column is written with a name of its own.
extension ColumnReader {
    /// The event column that the text is; nil if it is none.
    func eventColumn() throws(QueryError) -> ColumnExpression? {
        // Byte by byte: a mark that follows a bracket is one character with it to Swift.
        let bytes = text.utf8
        guard let measure = EventMeasure.allCases.first(where: { bytes.starts(with: "\($0.rawValue)(".utf8) }) else {
            return nil
        }
        guard dataset == .people else {
            throw error("\(dataset.rawValue) have no column \"\(text)\"; \(Self.all) are columns of people")
        }
        var written = text
        var name: String?
        if let (end, start) = lastAlias(bytes) {
            written = text[..<end]
            name = try alias(text[start...])
        }
        guard written.utf8.last == Self.closing else {
            throw error(
                "a \")\" should close \"\(measure.rawValue)(\"; after it there can be \" as NAME\" (in a line of columns, one with a comma or a quote in it is written in quotes)"
            )
        }
        let event = Substring(written.utf8.dropFirst(measure.rawValue.utf8.count + 1).dropLast())
        guard !event.isEmpty else { throw error("an event's name is missing in \"\(written)\"") }
        return ColumnExpression(.event(measure, of: String(event)), name: name ?? String(written))
    }

    private static let closing = UInt8(ascii: ")")
    private static let all = "first(EVENT), last(EVENT) and count(EVENT)"

    /// Of the last ` as ` that follows a `)`: where what stands before it ends, and where its name starts.
    private func lastAlias(_ bytes: Substring.UTF8View) -> (end: Substring.Index, start: Substring.Index)? {
        var at = bytes.endIndex
        while at > bytes.startIndex {
            at = bytes.index(before: at)
            let rest = bytes[at...]
            guard rest.starts(with: " as ".utf8) || rest.starts(with: " AS ".utf8) else { continue }
            var end = at
            while end > bytes.startIndex, bytes[bytes.index(before: end)] == UInt8(ascii: " ") {
                end = bytes.index(before: end)
            }
            guard end > bytes.startIndex, bytes[bytes.index(before: end)] == Self.closing else { continue }
            return (end, bytes.index(at, offsetBy: 4))
        }
        return nil
    }
}
