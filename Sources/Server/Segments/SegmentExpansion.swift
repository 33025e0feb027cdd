internal import Control
internal import EventStore
internal import Model

/// Puts the conditions of saved segments in the place of their names: `{"segment": "seg_…"}` becomes
/// `{"segment": "seg_…", "version": 3, "where": {…}}`, in which every time is fixed, so that it means the same whenever it
/// is read again. In the same way a computed column gets its formula and the day as of which it is asked: `{"column": "…", "lt": 40}`
/// becomes `{"column": "…", "formula": {…}, "lt": 40}`.
struct SegmentExpansion: Sendable {
    /// How deep segments can name segments.
    private static let deepest = 8

    let control: ControlStore
    let store: EventStore
    let project: String
    let columns: ColumnBook
    /// Whether a formula that stands there already is taken; otherwise somebody could ask for what they may not see.
    let takesFormulas: Bool
    /// The moment whose definitions are meant; nil for those of now.
    var definedAt: Timestamp?
    /// The moment that relative times count from.
    let now: Timestamp
    /// Segments that are about to be saved, which count as if they were.
    var proposed: [String: SegmentRecord] = [:]

    /// Whether a condition names a saved segment that is not in its place yet, or a computed column.
    static func isNeeded(_ json: JSONValue) -> Bool {
        switch json {
        case .object(let members):
            isName(json) || isColumn(json) || members.contains { isNeeded($0.value) }
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

    /// The computed columns that a condition names.
    static func columns(in json: JSONValue) -> Set<String> {
        switch json {
        case .object(let members):
            members.reduce(into: []) { found, member in
                if member.key == "column", let name = member.value.stringValue { found.insert(name) }
                found.formUnion(columns(in: member.value))
            }
        case .array(let elements): elements.reduce(into: []) { $0.formUnion(columns(in: $1)) }
        default: []
        }
    }

    private static func isColumn(_ json: JSONValue) -> Bool { json["column"]?.stringValue != nil }

    private static func isName(_ json: JSONValue) -> Bool {
        json["segment"]?.stringValue != nil && json["where"] == nil
    }

    /// - Parameters:
    ///   - path: where the condition is, for errors.
    ///   - within: the segments that this condition is a part of.
    func expanded(_ json: JSONValue, path: String, within: [String] = []) async throws -> JSONValue {
        guard Self.isNeeded(json) else { return json }
        if Self.isName(json) { return try await segment(json, path, within) }
        if Self.isColumn(json) { return try await column(json, path) }
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

    private func column(_ json: JSONValue, _ path: String) async throws -> JSONValue {
        guard case .object(let members) = json, let name = json["column"]?.stringValue else { return json }
        if json["formula"] != nil {
            guard takesFormulas else {
                throw error("\(path).formula", "a key that reads some columns only asks for computed ones by name")
            }
            return json
        }
        let all =
            if let definedAt {
                try await columns.columns(at: now, definedAt: definedAt, control)
            } else {
                try await columns.columns(at: now)
            }
        guard let column = all.first(where: { $0.name == name }) else {
            let known = columns.entries.map(\.name).joined(separator: ", ")
            throw error("\(path).column", "there is no computed column \"\(name.prefix(64))\"; there are \(known)")
        }
        return .object(
            members.flatMap { member in
                member.key == "column" ? [member, .init("formula", column.json)] : [member]
            })
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
        let known =
            if version == nil, let made = proposed[id] {
                made
            } else if let definedAt, version == nil {
                try await control.segment(id, at: definedAt, project: project)
            } else {
                try await control.segment(id, version: version, project: project)
            }
        guard let found = known else {
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
