internal import Connectors
internal import Model

/// Settings of destinations and sources, as far as they can be looked at without secrets, names and networks.
enum SettingsCheck {
    static func check(
        _ settings: JSONValue, _ fields: [Field], plainSecret: String?
    ) throws(ConnectorError) {
        if let plainSecret {
            throw ConnectorError(
                .badSetting,
                "\"\(plainSecret)\" is a secret, which a definition does not hold: write secret://env/NAME or secret://file/PATH"
            )
        }
        // References are left out: what they name is looked up when it is used.
        guard case .object(let members) = plain(settings, fields) else { return }
        let stand = members.map { JSONValue.Member($0.key, withoutReferences($0.value)) }
        _ = try Settings(.object(stand), fields: fields, secrets: SecretResolver())
        for member in members {
            if case .object(let entries) = member.value {
                for text in entries.compactMap(\.value.stringValue) where SecretReference.isReference(text) {
                    _ = try SecretReference(text)
                }
            }
            guard let text = member.value.stringValue, SecretReference.isReference(text) else { continue }
            _ = try SecretReference(text)
            guard fields.first(where: { $0.name == member.key })?.isSecret ?? false else {
                throw ConnectorError(.badSetting, "\"\(member.key)\" is no secret, and takes no reference")
            }
        }
    }

    private static func withoutReferences(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text) where SecretReference.isReference(text): .string("-")
        case .object(let entries): .object(entries.map { .init($0.key, withoutReferences($0.value)) })
        default: value
        }
    }

    /// The settings without their kind, and with truths as the words that a choice knows.
    static func plain(_ settings: JSONValue, _ fields: [Field]) -> JSONValue {
        guard case .object(let members) = settings else { return settings }
        return .object(
            members.filter { $0.key != "type" }.map { member in
                guard case .bool(let value) = member.value,
                    case .choice(let words)? = fields.first(where: { $0.name == member.key })?.value,
                    words == Field.truths
                else { return member }
                return .init(member.key, .string(value ? "true" : "false"))
            })
    }
}

extension Field {
    /// The name of a setting that holds a secret in plain text; nil if there is none.
    static func plainSecret(_ settings: JSONValue, _ fields: [Field]) -> String? {
        fields.first { field in
            guard field.isSecret, let value = settings[field.name]?.stringValue else { return false }
            return !SecretReference.isReference(value)
        }?.name
    }
}
