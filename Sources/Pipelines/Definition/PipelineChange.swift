public import Model

/// One difference between a pipeline as it is and as a file wants it.
public struct PipelineChange: Sendable, Equatable {
    /// Where: `schedule.cron`.
    public let path: String
    /// nil: it is new.
    public let old: JSONValue?
    /// nil: it goes.
    public let new: JSONValue?

    public init(path: String, old: JSONValue?, new: JSONValue?) {
        (self.path, self.old, self.new) = (path, old, new)
    }

    /// The same with other texts in the place of some.
    public func saying(_ texts: [String: String]) -> PipelineChange {
        PipelineChange(path: path, old: old.map { Self.saying(texts, $0) }, new: new.map { Self.saying(texts, $0) })
    }

    private static func saying(_ texts: [String: String], _ json: JSONValue) -> JSONValue {
        switch json {
        case .string(let text): .string(texts[text] ?? text)
        case .array(let values): .array(values.map { saying(texts, $0) })
        case .object(let members): .object(members.map { .init($0.key, saying(texts, $0.value)) })
        default: json
        }
    }

    public var json: JSONValue { ["path": .string(path), "old": old ?? .null, "new": new ?? .null] }

    /// The differences of two documents, in the order of the new one. Lists are compared whole.
    public static func between(_ old: JSONValue, _ new: JSONValue, path: String = "") -> [PipelineChange] {
        guard case .object(let before) = old, case .object(let after) = new else {
            return old == new ? [] : [PipelineChange(path: path, old: old, new: new)]
        }
        var changes: [PipelineChange] = []
        for member in after {
            let place = DocumentNode.join(path, member.key)
            if let was = old[member.key] {
                changes += between(was, member.value, path: place)
            } else {
                changes.append(PipelineChange(path: place, old: nil, new: member.value))
            }
        }
        for member in before where new[member.key] == nil {
            changes.append(
                PipelineChange(path: DocumentNode.join(path, member.key), old: member.value, new: nil))
        }
        return changes
    }
}
