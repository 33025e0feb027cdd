public import Model

extension Condition {
    /// The JSON of which this was read, with moments in place of all times that depend on when it is read: it means the
    /// same whenever it is read again.
    public func fixed(_ json: JSONValue) -> JSONValue {
        guard case .object(let members) = json else { return json }
        return .object(members.map { JSONValue.Member($0.key, fixed($0.key, $0.value)) })
    }

    private func fixed(_ key: String, _ value: JSONValue) -> JSONValue {
        switch (self, key, value) {
        case (.all(let parts), "all", .array(let elements)), (.any(let parts), "any", .array(let elements)):
            .array(zip(parts, elements).map { $0.fixed($1) })
        case (.not(let part), "not", _), (.segment(let part), "where", _): part.fixed(value)
        case (.did(let did), "within", _): did.window.json
        case (.did(let did), "where", _): did.test?.fixed(value) ?? value
        case (.sequence(let sequence), "within", _): sequence.window.json
        case (.sequence(let sequence), "sequence", .array(let elements)):
            .array(zip(sequence.steps, elements).map { $0.fixed($1) })
        case (.personThen(_, .at(let moment), _), "at", _): .string(moment.text)
        case (.property(_, .compare(_, .time(let moment))), _, .object),
            (.person(_, .compare(_, .time(let moment))), _, .object),
            (.personThen(_, _, .compare(_, .time(let moment))), _, .object),
            (.computed(_, .compare(_, .time(let moment))), "gt", .object),
            (.computed(_, .compare(_, .time(let moment))), "gte", .object),
            (.computed(_, .compare(_, .time(let moment))), "lt", .object),
            (.computed(_, .compare(_, .time(let moment))), "lte", .object):
            .string(moment.text)
        default: value
        }
    }
}

extension EventSequence.Step {
    fileprivate func fixed(_ json: JSONValue) -> JSONValue {
        guard case .object(let members) = json else { return json }
        return .object(
            members.map { member in
                member.key == "where" ? .init("where", test?.fixed(member.value) ?? member.value) : member
            })
    }
}
