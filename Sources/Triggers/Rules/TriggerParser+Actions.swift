public import Model

extension TriggerAction {
    /// Reads `then`: a list of objects with one member each. Settings of connectors are looked at by their own fields.
    public static func list(_ json: JSONValue, path: String = "then") throws(TriggerError) -> [TriggerAction] {
        guard let elements = json.arrayValue, elements.count <= 20 else {
            throw TriggerError(at: path, "is a list of at most 20 actions, such as {\"endpoint\": \"ep_…\"}")
        }
        var actions: [TriggerAction] = []
        for (place, element) in elements.enumerated() {
            guard case .object(let members) = element, members.count == 1 else {
                throw TriggerError(
                    at: "\(path)[\(place)]", "is an object with one member: {\"endpoint\": id} or {\"slack\": {…}}")
            }
            let (kind, value) = (members[0].key, members[0].value)
            if kind == "endpoint" {
                guard let id = value.stringValue, !id.isEmpty else {
                    throw TriggerError(at: "\(path)[\(place)].endpoint", "is an endpoint's id")
                }
                if !actions.contains(.endpoint(id)) { actions.append(.endpoint(id)) }
            } else {
                guard case .object = value else {
                    throw TriggerError(at: "\(path)[\(place)].\(kind)", "is an object with the settings")
                }
                actions.append(.connector(kind, value))
            }
        }
        return actions
    }
}
