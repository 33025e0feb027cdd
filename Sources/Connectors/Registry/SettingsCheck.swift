public import Model

/// Settings of connectors, destinations and sources in a definition, as far as they can be looked at without secrets, names and networks.
public enum SettingsCheck {
    public static func check(
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
            try checkURL(member, fields)
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

    private static func checkURL(_ member: JSONValue.Member, _ fields: [Field]) throws(ConnectorError) {
        guard fields.contains(where: { $0.name == member.key && $0.value == .url }),
            let text = member.value.stringValue, !SecretReference.isReference(text)
        else { return }
        do { _ = try OutboundURL(text) } catch {
            throw ConnectorError(.badURL, "\"\(member.key)\": \(error.message)")
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
    public static func plain(_ settings: JSONValue, _ fields: [Field]) -> JSONValue {
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

extension SettingsCheck {
    /// The name of the setting of a request, among `headers` and the parameters of `url`, that holds a secret in plain text; nil if there is
    /// none. Most headers and parameters are no secrets; those that usually are must be references.
    public static func plainInRequest(_ settings: JSONValue) -> String? {
        if let url = settings["url"]?.stringValue, !SecretReference.isReference(url),
            let start = url.firstIndex(of: "?"),
            url[start...].dropFirst().split(separator: "&").contains(where: {
                isSecret(String($0.prefix { $0 != "=" }))
            })
        {
            return "url"
        }
        guard case .object(let members)? = settings["headers"] else { return nil }
        return members.first { member in
            isSecret(member.key) && !SecretReference.isReference(member.value.stringValue ?? "")
        }.map { "headers.\($0.key)" }
    }

    /// Whether a name usually goes with a secret.
    private static func isSecret(_ name: String) -> Bool {
        let name = name.lowercased()
        guard !name.hasPrefix("idempotency") else { return false }
        return ["auth", "key", "token", "secret", "cookie", "password", "signature", "credential"].contains {
            name.contains($0)
        } || name == "sig"
    }
}

extension Field {
    /// The words of a setting that is true or false.
    public static let truths = ["false", "true"]

    /// The name of a setting that holds a secret in plain text; nil if there is none.
    public static func plainSecret(_ settings: JSONValue, _ fields: [Field]) -> String? {
        fields.first { field in
            guard field.isSecret, let value = settings[field.name]?.stringValue else { return false }
            return !SecretReference.isReference(value)
        }?.name
    }
}
