internal import Connectors
internal import Model

/// Settings as answers and logs show them: references as they are, since they are no secrets, and nothing that may be one.
enum ShownSettings {
    static let mask = "***"

    static func masked(_ settings: JSONValue, _ fields: [Field]) -> JSONValue {
        guard case .object(let members) = settings else { return settings }
        return .object(
            members.map { member in
                guard let field = fields.first(where: { $0.name == member.key }) else { return member }
                return .init(member.key, masked(member.value, field))
            })
    }

    private static func masked(_ value: JSONValue, _ field: Field) -> JSONValue {
        switch value {
        case .string(let text):
            if SecretReference.isReference(text) { return value }
            if field.value == .url { return .string(url(text)) }
            return field.isSecret ? .string(text.contains("://") ? url(text) : mask) : value
        case .object(let entries) where field.isSecret:
            return .object(
                entries.map { entry in
                    let isPlain = harmless.contains(entry.key.lowercased())
                    guard let text = entry.value.stringValue, !isPlain, !SecretReference.isReference(text) else {
                        return entry
                    }
                    return .init(entry.key, .string(mask))
                })
        default: return value
        }
    }

    /// Headers that say nothing that another may not know.
    private static let harmless = ["accept", "accept-language", "content-type", "user-agent"]

    /// Scheme, host and port; whatever follows may be a key.
    static func url(_ text: String) -> String {
        guard let start = text.firstRange(of: "://")?.upperBound else { return mask }
        let rest = text[start...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        var authority = rest[..<end]
        if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
        let isBare = end == rest.endIndex || rest[end...] == "/"
        return "\(text[..<start])\(authority)\(isBare ? String(rest[end...]) : "/" + mask)"
    }
}
