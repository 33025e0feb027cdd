internal import Model

/// What was asked, short enough to be kept with every entry.
enum AuditFilter {
    /// The most bytes that are kept.
    static let mostBytes = 8_192
    private static let mostElements = 20
    private static let longestText = 1_024

    static func text(_ filter: JSONValue) -> String {
        let whole = filter.text
        guard whole.utf8.count > mostBytes else { return whole }
        let short = shortened(filter).text
        guard short.utf8.count > mostBytes else { return short }
        let stub: JSONValue = ["omitted_bytes": JSONValue(whole.utf8.count)]
        return stub.text
    }

    /// The beginnings of long lists. A long text goes whole: a part of somebody's name could not be found again to be erased.
    private static func shortened(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members): return .object(members.map { .init($0.key, shortened($0.value)) })
        case .array(let elements):
            let kept = elements.prefix(mostElements).map(shortened)
            let rest = elements.count - kept.count
            return .array(rest > 0 ? kept + [["omitted": JSONValue(rest)]] : kept)
        case .string(let text) where text.utf8.count > longestText:
            return ["omitted_bytes": JSONValue(text.utf8.count)]
        default: return value
        }
    }
}
