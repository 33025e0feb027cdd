public import Model

/// One difference between a pipeline as it is and as a file wants it.
public struct PipelineChange: Sendable, Equatable {
    /// Where: `schedule.cron`.
    public let path: String
    /// nil: it is new.
    public let old: JSONValue?
    /// nil: it goes.
    public let new: JSONValue?

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
