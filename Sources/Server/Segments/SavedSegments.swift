internal import Control
internal import EventStore
internal import Model
internal import Webhooks

/// A project's saved segments for messages that tell which of them a person is in.
struct SavedSegments: SegmentSource {
    let control: ControlStore
    let store: EventStore
    let project: String
    let columns: ColumnBook
    /// Segments that are about to be saved, which count as if they were.
    var proposed: [String: SegmentRecord] = [:]

    func condition(
        _ json: JSONValue, path: String, at moment: Timestamp
    ) async throws -> (tree: Condition, fixed: JSONValue) {
        let expansion = SegmentExpansion(
            control: control, store: store, project: project, columns: columns, takesFormulas: true, now: moment,
            proposed: proposed)
        let expanded = try await expansion.expanded(json, path: path)
        return try await store.condition(expanded, path: path, timezone: "UTC", now: moment)
    }

    func segments(at moment: Timestamp) async throws -> [NamedSegment] {
        var found: [NamedSegment] = []
        for record in try await control.segments(project: project) {
            let expansion = SegmentExpansion(
                control: control, store: store, project: project, columns: columns, takesFormulas: true, now: moment)
            do {
                let expanded = try await expansion.expanded(try JSONValue(text: record.draft.tree), path: "segment")
                let (tree, fixed) = try await store.condition(
                    expanded, path: "segment", timezone: record.draft.timezone, now: moment)
                found.append(
                    NamedSegment(
                        id: record.id, name: record.draft.name, version: record.version, tree: tree, json: fixed))
            } catch is QueryError {
                // One that names what is gone holds of nobody; the others hold all the same.
                continue
            }
        }
        return found
    }
}
