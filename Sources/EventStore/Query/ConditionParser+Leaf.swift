internal import Model

/// Reads conditions on one property or computed column: an operator and what it compares with.
extension ConditionParser {
    private static let operators = [
        "is", "is_not", "gt", "gte", "lt", "lte", "contains", "starts_with", "exists", "in",
    ]

    func leaf(
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
    func computed(
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
}
