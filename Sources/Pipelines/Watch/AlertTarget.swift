internal import Connectors
public import Control
public import Model

/// Whom a pipeline's alerts go to.
public enum AlertTarget: Sendable, Equatable {
    /// One that the project keeps under a name.
    case named(String)
    /// Settings in the pipeline itself: `{type: slack, url: secret://env/SLACK}`, `{type: endpoint, id: ep_…}`.
    case inline(JSONValue)

    static let endpoint = "endpoint"

    /// Checks settings as far as that goes without secrets, names and networks.
    static func check(_ settings: JSONValue, registry: ConnectorRegistry = .builtin) throws(ConnectorError) {
        let kind = settings["type"]?.stringValue ?? ""
        if kind == endpoint {
            guard settings["id"]?.stringValue.map({ !$0.isEmpty }) ?? false else {
                throw ConnectorError(.badSetting, "\"id\" is that of a webhook endpoint, ep_…, or its name")
            }
            return
        }
        guard let type = registry.types.first(where: { $0.kind == kind }) else {
            let known = (registry.kinds + [endpoint]).joined(separator: ", ")
            throw ConnectorError(.unknownKind, "\"type\" says how people are told: one of \(known)")
        }
        let settings = plain(settings)
        try SettingsCheck.check(
            settings, type.fields,
            plainSecret: Field.plainSecret(settings, type.fields) ?? SettingsCheck.plainInRequest(settings))
    }

    /// The settings of a connector alone.
    static func plain(_ settings: JSONValue) -> JSONValue {
        guard case .object(let members) = settings else { return settings }
        return .object(members.filter { $0.key != "type" && $0.key != "default" })
    }

    /// Whether it is told of every pipeline that does not say whom to tell.
    static func isDefault(_ settings: JSONValue) -> Bool { settings["default"] != false }

    /// Whom one pipeline's alerts go to, as it is kept with an alert. Endpoints that want messages of the type come besides.
    ///
    /// - Parameter chosen: those that the pipeline names; nil: all of the project but those that say `default: false`.
    public static func list(
        _ chosen: [AlertTarget]?, pipeline: String, isTrusted: Bool, known: [AlertTargetRecord]
    ) -> JSONValue {
        guard let chosen else {
            return .array(known.filter { isDefault($0.settings) }.map { entry(named: $0) })
        }
        return .array(
            chosen.enumerated().map { place, target in
                switch target {
                case .inline(let settings):
                    return entry("p:\(pipeline):\(place)", "\(pipeline) (\(place + 1))", settings, isTrusted)
                case .named(let name):
                    guard let found = known.first(where: { $0.name == name }) else {
                        return ["key": .string("t:" + name), "name": .string(name)]
                    }
                    return entry(named: found)
                }
            })
    }

    static func entry(named record: AlertTargetRecord) -> JSONValue {
        entry("t:" + record.name, record.name, record.settings, record.isTrusted)
    }

    private static func entry(_ key: String, _ name: String, _ settings: JSONValue, _ isTrusted: Bool) -> JSONValue {
        [
            "key": .string(key), "name": .string(name), "type": settings["type"] ?? .null,
            "settings": plain(settings), "trusted": .bool(isTrusted),
        ]
    }
}
