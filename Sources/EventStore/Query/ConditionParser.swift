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

struct ConditionParser {
    private var nodes = 0

    private static let operators = [
        "is", "is_not", "gt", "gte", "lt", "lte", "contains", "starts_with", "exists", "in",
    ]
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

    private func leaf(
        _ members: [JSONValue.Member], _ kind: String, _ path: String, _ times: Condition.Times
    ) throws(QueryError) -> Condition {
        var name: String?
        var moment: PropertyTime?
        var test: (key: String, value: JSONValue)?
        for member in members {
            if member.key == kind {
                guard let text = member.value.stringValue, !text.isEmpty else {
                    throw error("\(path).\(kind)", "a property's name should be here, not \(member.value.kindName)")
                }
                name = text
            } else if kind == "person", member.key == "at" {
                moment = try propertyTime(member.value, "\(path).at", times)
            } else if Self.operators.contains(member.key) {
                if let first = test {
                    throw error(
                        path,
                        "\"\(first.key)\" and \"\(member.key)\" cannot be one condition; put each in its own under \"all\""
                    )
                }
                test = (member.key, member.value)
            } else {
                throw error(
                    path, "there is no operator \"\(member.key)\"; there are \(Self.operators.joined(separator: ", "))")
            }
        }
        guard let name, let test else {
            throw error(path, "an operator is missing; one of \(Self.operators.joined(separator: ", "))")
        }
        let parsed = try self.test(test.key, test.value, "\(path).\(test.key)", times)
        if let moment { return .personThen(name, moment, parsed) }
        return kind == "property" ? .property(name, parsed) : .person(name, parsed)
    }

    /// A computed column, with its formula and day in place (`formula`); only who knows the project's definitions can put them there.
    private func computed(
        _ members: [JSONValue.Member], _ path: String, _ times: Condition.Times
    ) throws(QueryError) -> Condition {
        let asked = members.filter { $0.key != "formula" }.map { member in
            JSONValue.Member(member.key == "column" ? "person" : member.key, member.value)
        }
        if members.contains(where: { $0.key == "at" || $0.key == "person" }) {
            throw error(path, "of a computed column the value of the day is asked; \"at\" does not go with it")
        }
        guard case .person(let name, let test) = try leaf(asked, "person", path, times) else {
            throw error(path, "an operator is missing")
        }
        guard let formula = members.first(where: { $0.key == "formula" })?.value else {
            throw error("\(path).column", "there is no computed column \"\(name.prefix(64))\"")
        }
        return .computed(try ComputedColumn(name, json: formula, path: "\(path).formula"), test)
    }

    /// `first`, `ever` or a time; nil for `last`, which is the current value.
    private func propertyTime(
        _ value: JSONValue, _ path: String, _ times: Condition.Times
    ) throws(QueryError) -> PropertyTime? {
        switch value {
        case "last": return nil
        case "first": return .first
        case "ever": return .ever
        case .string(let text), .number(let text): return .at(try times(text, path))
        default: throw error(path, "first, last, ever or a time should be here, not \(value.kindName)")
        }
    }

    private func test(
        _ key: String, _ value: JSONValue, _ path: String, _ times: Condition.Times
    ) throws(QueryError) -> PropertyTest {
        switch key {
        case "is": return .equals(try scalar(value, path))
        case "is_not": return .differs(try scalar(value, path))
        case "contains": return .contains(try text(value, path))
        case "starts_with": return .startsWith(try text(value, path))
        case "exists":
            guard let wanted = value.boolValue else {
                throw error(path, "true or false should be here, not \(value.kindName)")
            }
            return .exists(wanted)
        case "in":
            guard case .array(let elements) = value, !elements.isEmpty else {
                throw error(path, "a list of at least one value should be here")
            }
            try checkCount(elements.count, path)
            var values: [PropertyTest.Scalar] = []
            for (i, element) in elements.enumerated() { values.append(try scalar(element, "\(path)[\(i)]")) }
            return .oneOf(values)
        default:
            guard let comparison = PropertyTest.Comparison(rawValue: key) else {
                throw error(path, "there is no such operator")
            }
            return .compare(comparison, try operand(value, path, times))
        }
    }

    private func scalar(_ value: JSONValue, _ path: String) throws(QueryError) -> PropertyTest.Scalar {
        switch value {
        case .string(let text): return .text(text)
        case .bool(let truth): return .bool(truth)
        case .number(let text):
            _ = try number(text, path)
            return .number(text)
        case .null: throw error(path, "null is no value to compare with; \"exists\": false finds what is absent")
        default: throw error(path, "a text, a number, true or false should be here, not \(value.kindName)")
        }
    }

    private func operand(
        _ value: JSONValue, _ path: String, _ times: Condition.Times
    ) throws(QueryError) -> PropertyTest.Operand {
        switch value {
        // A time that depends on when it is asked, or on the zone: a text alone is compared as it is written.
        case .object(let members) where members.count == 1 && members[0].key == "time":
            guard case .string(let text) = members[0].value else {
                throw error("\(path).time", "a time such as -30d should be here, not \(members[0].value.kindName)")
            }
            return .time(try times(text, "\(path).time"))
        case .number(let text): return .number(try number(text, path))
        case .string(let text):
            if let time = WrittenTime(text) { return .time(time.timestamp()) }
            return .text(text)
        default:
            throw error(
                path, "a number, a text, a time or {\"time\": \"-30d\"} should be here, not \(value.kindName)")
        }
    }

    private func text(_ value: JSONValue, _ path: String) throws(QueryError) -> String {
        guard let text = value.stringValue else {
            throw error(path, "a text should be here, not \(value.kindName)")
        }
        return text
    }

    private func number(_ text: String, _ path: String) throws(QueryError) -> Double {
        guard let value = Double(text), value.isFinite else { throw error(path, "the number is out of range") }
        return value
    }

    private func checkCount(_ count: Int, _ path: String) throws(QueryError) {
        guard count <= Condition.mostValues else {
            throw QueryError(.tooLarge, at: path, "at most \(Condition.mostValues) values can be listed")
        }
    }

    func error(_ path: String, _ reason: String) -> QueryError {
        QueryError(.invalidCondition, at: path, reason)
    }
}

extension JSONValue {
    /// What kind of value this is, for messages.
    public var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }
}
