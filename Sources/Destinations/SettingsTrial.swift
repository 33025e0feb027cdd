public import Connectors
public import Model

/// Settings are tried out as far as that goes without the server: what is made of them reads them as it will when it is used, with
/// stand-ins for secrets, and with a network on which everything is allowed and nothing is sent.
struct SettingsTrial: Sendable {
    /// Settings of which nothing can be known as long as they are secrets: another one cannot stand in for them.
    private static let opaque: Set<String> = ["credentials", "key", "passphrase", "password", "known_hosts", "token"]

    /// The settings with stand-ins; nil where there can be none.
    static func settings(_ settings: JSONValue, _ fields: [Field], kind: String) throws(ConnectorError) -> Settings? {
        guard case .object(let members) = SettingsCheck.plain(settings, fields) else { return nil }
        var out: [JSONValue.Member] = []
        for member in members {
            guard case .string(let text) = member.value, SecretReference.isReference(text) else {
                out.append(.init(member.key, withoutReferences(member.value)))
                continue
            }
            guard !opaque.contains(member.key) else { return nil }
            let isURL = fields.contains { $0.name == member.key && $0.value == .url }
            let standIn = isURL ? "https://stand.in/" : member.key == "url" ? "postgresql://stand.in/\(kind)" : "-"
            out.append(.init(member.key, .string(standIn)))
        }
        return try Settings(.object(out), fields: fields, secrets: SecretResolver())
    }

    private static func withoutReferences(_ value: JSONValue) -> JSONValue {
        guard case .object(let entries) = value else { return value }
        return .object(
            entries.map { entry in
                SecretReference.isReference(entry.value.stringValue ?? "") ? .init(entry.key, "-") : entry
            })
    }

    static let tools: DestinationTools = {
        let all = ["0.0.0.0/0", "::/0"].compactMap { AddressRange($0) }
        let nowhere = Nowhere()
        return DestinationTools(
            http: nowhere, policy: OutboundPolicy(allowed: all), resolver: nowhere, roots: FolderRoots(own: "/"),
            warn: { _ in })
    }()

    /// Where nothing is and nothing arrives.
    private struct Nowhere: OutboundSending, Resolving {
        func send(_ request: OutboundRequest) async -> OutboundResult { OutboundResult() }

        func addresses(of host: String, within limit: Duration) async throws(OutboundFailure) -> [IPAddress] { [] }
    }
}

extension DestinationRegistry {
    /// Checks settings by making what they describe, without reaching it.
    public func tryOut(_ settings: JSONValue) throws(ConnectorError) {
        let type = try type(settings["type"]?.stringValue ?? "")
        guard let trial = try SettingsTrial.settings(settings, type.fields, kind: type.kind) else { return }
        _ = try type.init(trial, SettingsTrial.tools)
    }
}

extension SourceRegistry {
    /// Checks settings by making what they describe, without reaching it.
    public func tryOut(_ settings: JSONValue) throws(ConnectorError) {
        let type = try type(settings["type"]?.stringValue ?? "")
        guard let trial = try SettingsTrial.settings(settings, type.fields, kind: type.kind) else { return }
        _ = try type.init(trial, SettingsTrial.tools)
    }
}
