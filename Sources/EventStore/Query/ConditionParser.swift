public import Model

extension Condition {
    /// The deepest nesting of `all`, `any` and `not`.
    public static let deepest = 32
    /// The most nodes of one tree.
    public static let mostNodes = 1_000
    /// The most values of one `in` or one list of events.
    public static let mostValues = 1_000

    /// Tells the moment that a text in `within` means: a time, `now`, or so long before now (`-30d`); the path is for
    /// the error.
    public typealias Times = (_ text: String, _ path: String) throws(QueryError) -> Timestamp

    /// Reads a condition as `where` and the API write it.
    ///
    /// An error names the node by its path from `path`: `where.all[1].gt: …`.
    public init(_ json: JSONValue, path: String = "where", times: Times) throws(QueryError) {
        var parser = ConditionParser()
        self = try parser.node(json, path, depth: 0, times: times)
    }
}

/// Reads conditions, each node from its JSON, and counts them.
struct ConditionParser {
    private var nodes = 0

    private static let kinds = [
        "all", "any", "not", "event", "property", "person", "did", "did_not", "sequence", "segment", "column",
    ]
    private static let shapes =
        kinds.dropLast().map { "\"\($0)\"" }.joined(separator: ", ") + " or \"\(kinds[kinds.count - 1])\""

    mutating func node(
        _ json: JSONValue, _ path: String, depth: Int, times: Condition.Times
    ) throws(QueryError) -> Condition {
        nodes += 1
        guard nodes <= Condition.mostNodes else {
            throw QueryError(.tooLarge, at: path, "a condition has at most \(Condition.mostNodes) nodes")
        }
        guard depth < Condition.deepest else {
            throw QueryError(.tooLarge, at: path, "a condition is nested at most \(Condition.deepest) levels deep")
        }
        guard case .object(let members) = json else {
            throw error(path, "a condition is an object with \(Self.shapes), not \(json.kindName)")
        }
        let kinds = members.map(\.key).filter { Self.kinds.contains($0) }
        guard let kind = kinds.first else {
            throw error(path, "a condition needs one of \(Self.shapes)")
        }
        guard kinds.count == 1 else {
            throw error(
                path, "\"\(kinds[0])\" and \"\(kinds[1])\" cannot be one condition; put each in its own under \"all\"")
        }
        switch kind {
        case "property", "person": return try leaf(members, kind, path, times)
        case "column": return try computed(members, path, times)
        case "did": return .did(try did(json, members, path, depth: depth, times: times))
        case "did_not": return .did(try didNot(json, members, path, depth: depth, times: times))
        case "sequence": return .sequence(try sequence(json, members, path, depth: depth, times: times))
        case "segment": return .segment(try segment(json, members, path, depth: depth, times: times))
        default: break
        }
        for member in members where member.key != kind {
            throw error(path, "\"\(member.key)\" does not go with \"\(kind)\"")
        }
        let value = members[0].value
        switch kind {
        case "all": return .all(try nodes(value, "\(path).all", depth, times))
        case "any": return .any(try nodes(value, "\(path).any", depth, times))
        case "not": return .not(try node(value, "\(path).not", depth: depth + 1, times: times))
        default: return .event(try names(value, "\(path).event"))
        }
    }

    private mutating func nodes(
        _ json: JSONValue, _ path: String, _ depth: Int, _ times: Condition.Times
    ) throws(QueryError) -> [Condition] {
        guard case .array(let elements) = json, !elements.isEmpty else {
            throw error(path, "a list of at least one condition should be here")
        }
        var out: [Condition] = []
        for (i, element) in elements.enumerated() {
            out.append(try node(element, "\(path)[\(i)]", depth: depth + 1, times: times))
        }
        return out
    }

    func names(_ json: JSONValue, _ path: String) throws(QueryError) -> [String] {
        if let name = json.stringValue { return [name] }
        guard case .array(let elements) = json, !elements.isEmpty else {
            throw error(path, "an event's name or a list of names should be here, not \(json.kindName)")
        }
        try checkCount(elements.count, path)
        var out: [String] = []
        for (i, element) in elements.enumerated() {
            guard let name = element.stringValue else {
                throw error("\(path)[\(i)]", "an event's name should be here, not \(element.kindName)")
            }
            out.append(name)
        }
        return out
    }

    func checkCount(_ count: Int, _ path: String) throws(QueryError) {
        guard count <= Condition.mostValues else {
            throw QueryError(.tooLarge, at: path, "at most \(Condition.mostValues) values can be listed")
        }
    }

    func error(_ path: String, _ reason: String) -> QueryError {
        QueryError(.invalidCondition, at: path, reason)
    }
}
