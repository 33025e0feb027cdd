internal import Control
internal import EventStore
internal import Model

/// Puts the conditions of saved segments in the place of their names: `{"segment": "seg_…"}` becomes
/// `{"segment": "seg_…", "version": 3, "where": {…}}`, in which every time is fixed, so that it means the same whenever it
/// is read again.
struct SegmentExpansion: Sendable {
    /// How deep segments can name segments.
    private static let deepest = 8

    let control: ControlStore
    let store: EventStore
    let project: String
    /// The moment that relative times count from.
    let now: Timestamp
    /// Segments are taken in the versions of this moment; nil for the newest.
    var pinned: Timestamp?

    /// Whether a condition names a saved segment that is not in its place yet.
    static func isNeeded(_ json: JSONValue) -> Bool {
        switch json {
        case .object(let members):
            isName(json) || members.contains { isNeeded($0.value) }
        case .array(let elements): elements.contains(where: isNeeded)
        default: false
        }
    }

    /// The segments that a condition names, in place or not.
    static func names(in json: JSONValue) -> Set<String> {
        switch json {
        case .object(let members):
            members.reduce(into: []) { found, member in
                if member.key == "segment", let id = member.value.stringValue { found.insert(id) }
                found.formUnion(names(in: member.value))
            }
        case .array(let elements): elements.reduce(into: []) { $0.formUnion(names(in: $1)) }
        default: []
        }
    }

    private static func isName(_ json: JSONValue) -> Bool {
        json["segment"]?.stringValue != nil && json["where"] == nil
    }

    /// - Parameters:
    ///   - path: where the condition is, for errors.
    ///   - within: the segments that this condition is a part of.
    func expanded(_ json: JSONValue, path: String, within: [String] = []) async throws -> JSONValue {
        guard Self.isNeeded(json) else { return json }
        if Self.isName(json) { return try await segment(json, path, within) }
        switch json {
        case .object(let members):
            var out: [JSONValue.Member] = []
            for member in members {
                out.append(
                    .init(member.key, try await expanded(member.value, path: "\(path).\(member.key)", within: within)))
            }
            return .object(out)
        case .array(let elements):
            var out: [JSONValue] = []
            for (i, element) in elements.enumerated() {
                out.append(try await expanded(element, path: "\(path)[\(i)]", within: within))
            }
            return .array(out)
        default: return json
        }
    }

    private func segment(_ json: JSONValue, _ path: String, _ within: [String]) async throws -> JSONValue {
        let id = json["segment"]?.stringValue ?? ""
        if case .object(let members) = json,
            let other = members.first(where: { !["segment", "version"].contains($0.key) })
        {
            throw error(path, "\"\(other.key.prefix(64))\" does not go with \"segment\"")
        }
        guard !within.contains(id) else {
            throw error("\(path).segment", "the segment \(id) would be a part of itself")
        }
        guard within.count < Self.deepest else {
            throw error("\(path).segment", "segments name segments at most \(Self.deepest) deep")
        }
        let version = json["version"]?.intValue
        guard json["version"] == nil || version ?? 0 > 0 else {
            throw error("\(path).version", "a segment's version is a whole number from 1")
        }
        guard let found = try await control.segment(id, version: version, at: pinned, project: project) else {
            let what = version.map { "version \($0) of the segment" } ?? "segment"
            throw error("\(path).segment", "there is no \(what) \(id.prefix(64))")
        }
        let tree = try await expanded(
            try JSONValue(text: found.draft.tree), path: "\(path).where", within: within + [id])
        let fixed = try await store.condition(
            tree, path: "\(path).where", timezone: found.draft.timezone, now: now
        ).fixed
        return ["segment": .string(id), "version": JSONValue(found.version), "where": fixed]
    }

    private func error(_ path: String, _ reason: String) -> QueryError {
        QueryError(.invalidCondition, at: path, reason)
    }
}
