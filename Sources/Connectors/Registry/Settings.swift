public import Model

/// A connector's settings, checked against its fields, with secrets in place of their references.
public struct Settings: Sendable {
    private let members: [String: JSONValue]

    /// - Parameter secrets: finds what references name.
    public init(_ json: JSONValue, fields: [Field], secrets: SecretResolver) throws(ConnectorError) {
        guard case .object(let given) = json else { throw Self.error("settings are a JSON object") }
        var members: [String: JSONValue] = [:]
        for member in given where member.value != .null {
            guard let field = fields.first(where: { $0.name == member.key }) else {
                let known = fields.map(\.name).joined(separator: ", ")
                throw Self.error("there is no setting \"\(member.key)\"; there are \(known)")
            }
            members[member.key] = try Self.resolved(member.value, field, secrets)
        }
        if let missing = fields.first(where: { $0.isRequired && members[$0.name] == nil }) {
            throw Self.error("\"\(missing.name)\" is missing: \(missing.help)")
        }
        self.members = members
    }

    private static func resolved(
        _ value: JSONValue, _ field: Field, _ secrets: SecretResolver
    ) throws(ConnectorError) -> JSONValue {
        switch (field.value, value) {
        case (.text, .string(let text)), (.url, .string(let text)):
            guard SecretReference.isReference(text) else { return value }
            guard field.isSecret else { throw error("\"\(field.name)\" is no secret, and takes no reference") }
            return .string(try secret(text, field.name, secrets))
        case (.number(let range), .number):
            guard let number = value.intValue, range.contains(number) else {
                throw error("\"\(field.name)\" is a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return value
        case (.choice(let words), .string(let word)):
            guard words.contains(word) else { throw error("\"\(field.name)\" is \(words.joined(separator: " or "))") }
            return value
        case (.map, .object(let entries)):
            var out: [JSONValue.Member] = []
            for entry in entries {
                guard case .string(let text) = entry.value else { throw error("\"\(field.name)\" has texts as values") }
                let isReference = field.isSecret && SecretReference.isReference(text)
                let value = isReference ? try secret(text, "\(field.name).\(entry.key)", secrets) : text
                out.append(.init(entry.key, .string(value)))
            }
            return .object(out)
        default: throw error("\"\(field.name)\": \(field.help)")
        }
    }

    /// The secret of a setting; what cannot be found says whose it would be.
    private static func secret(
        _ text: String, _ setting: String, _ secrets: SecretResolver
    ) throws(ConnectorError) -> String {
        do { return try secrets.resolve(SecretReference(text)) } catch {
            throw ConnectorError(error.code, "\"\(setting)\": \(error.message)", isTransient: error.isTransient)
        }
    }

    public func text(_ name: String) -> String? { members[name]?.stringValue }
    public func number(_ name: String) -> Int64? { members[name]?.intValue }

    /// Names with texts, in their order.
    public func map(_ name: String) -> [(name: String, value: String)] {
        guard case .object(let entries)? = members[name] else { return [] }
        return entries.map { ($0.key, $0.value.stringValue ?? "") }
    }

    private static func error(_ what: String) -> ConnectorError { ConnectorError(.badSetting, what) }
}
