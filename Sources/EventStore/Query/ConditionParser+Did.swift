internal import Model

/// The nodes `did` and `did_not`.
extension ConditionParser {
    private static let didMembers = ["did", "at_least", "at_most", "exactly", "within", "first_ever", "where"]

    mutating func did(
        _ json: JSONValue, _ members: [JSONValue.Member], _ path: String, depth: Int, times: Condition.Times
    ) throws(QueryError) -> Did {
        for member in members where !Self.didMembers.contains(member.key) {
            throw error(
                path,
                "\"\(member.key)\" does not go with \"did\"; there are \(Self.didMembers.dropFirst().joined(separator: ", "))"
            )
        }
        let names = try names(json["did"] ?? .null, "\(path).did")
        let count = try count(json, path)
        let window = try window(json, path, times)
        var isFirstEver = false
        if let value = json["first_ever"] {
            guard let truth = value.boolValue else {
                throw error("\(path).first_ever", "true or false should be here, not \(value.kindName)")
            }
            isFirstEver = truth
        }
        guard !isFirstEver || count.atMost != 0 else {
            throw error("\(path).first_ever", "nobody does something for the first time and no time at all")
        }
        let test = try eventTest(json, path, depth, times)
        return Did(names, test: test, count: count, window: window, isFirstEver: isFirstEver)
    }

    /// Never, or never in the window.
    mutating func didNot(
        _ json: JSONValue, _ members: [JSONValue.Member], _ path: String, depth: Int, times: Condition.Times
    ) throws(QueryError) -> Did {
        for member in members where !["did_not", "within", "where"].contains(member.key) {
            throw error(path, "\"\(member.key)\" does not go with \"did_not\"; there are within, where")
        }
        let names = try names(json["did_not"] ?? .null, "\(path).did_not")
        let window = try window(json, path, times)
        let test = try eventTest(json, path, depth, times)
        return Did(names, test: test, count: CountTest(atLeast: 0, atMost: 0), window: window)
    }

    private func count(_ json: JSONValue, _ path: String) throws(QueryError) -> CountTest {
        let least = try number(json, "at_least", path)
        let most = try number(json, "at_most", path)
        if let exactly = try number(json, "exactly", path) {
            guard least == nil, most == nil else {
                let other = least == nil ? "at_most" : "at_least"
                throw error("\(path).\(other)", "\"exactly\" says it all; \"\(other)\" does not go with it")
            }
            return CountTest(atLeast: exactly, atMost: exactly)
        }
        if let least, let most, least > most {
            throw error("\(path).at_most", "\(most) is less than \"at_least\" (\(least)), so that no number passes")
        }
        // Who is to have done it at most so often may never have done it.
        return CountTest(atLeast: least ?? (most == nil ? 1 : 0), atMost: most)
    }

    private func number(_ json: JSONValue, _ key: String, _ path: String) throws(QueryError) -> Int64? {
        guard let value = json[key] else { return nil }
        guard let number = value.intValue, (0...CountTest.highest).contains(number) else {
            let found = if case .number(let text) = value { text } else { value.kindName }
            throw error("\(path).\(key)", "a whole number from 0 to \(CountTest.highest) should be here, not \(found)")
        }
        return number
    }

    /// The condition on each event, if there is one.
    mutating func eventTest(
        _ json: JSONValue, _ path: String, _ depth: Int, _ times: Condition.Times
    ) throws(QueryError) -> Condition? {
        guard let value = json["where"] else { return nil }
        return try node(value, "\(path).where", depth: depth + 1, times: times)
    }

    /// When: `"30d"` is `{"from": "-30d", "to": "now"}`, and a period of the calendar is all of it.
    func window(
        _ node: JSONValue, _ nodePath: String, _ times: Condition.Times
    ) throws(QueryError) -> TimeWindow {
        guard let value = node["within"] else { return TimeWindow() }
        let path = "\(nodePath).within"
        let from: Timestamp?
        let to: Timestamp?
        switch value {
        case .string(let text) where Self.isDuration(text):
            from = try times("-" + text, path)
            to = try times("now", path)
        case .string(let text) where QueryClock.periodAfter(text) != nil:
            from = try times(text, path)
            to = try times(QueryClock.periodAfter(text) ?? text, path)
        case .object(let members) where !members.isEmpty:
            for member in members where member.key != "from" && member.key != "to" {
                throw error(path, "there is no \"\(member.key)\"; there are \"from\" and \"to\"")
            }
            from = try moment(value, "from", path, times)
            to = try moment(value, "to", path, times)
        default:
            throw error(
                path,
                "a duration such as 30d (s m h d w), a period such as last_month, or an object with \"from\" and \"to\", should be here"
            )
        }
        if let from, let to, from > to { throw error(path, "\"from\" (\(from.text)) is after \"to\" (\(to.text))") }
        return TimeWindow(from: from, to: to)
    }

    private static func isDuration(_ text: String) -> Bool {
        let digits = text.utf8.dropLast()
        return !digits.isEmpty && digits.allSatisfy { $0 &- 48 < 10 } && "smhdw".utf8.contains(text.utf8.last ?? 0)
    }

    private func moment(
        _ json: JSONValue, _ key: String, _ path: String, _ times: Condition.Times
    ) throws(QueryError) -> Timestamp? {
        switch json[key] {
        case nil: return nil
        case .string(let text), .number(let text): return try times(text, "\(path).\(key)")
        case .some(let other):
            throw error("\(path).\(key)", "a time should be here, not \(other.kindName)")
        }
    }
}
