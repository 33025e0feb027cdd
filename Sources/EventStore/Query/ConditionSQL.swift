extension Condition {
    /// The condition as SQL for the rows of `scope`; true or false, never NULL.
    ///
    /// Person properties that it needs are added to `properties`, and the FROM clause must join them as `p`.
    public func sql(_ scope: QueryScope, _ properties: inout PersonProperties) throws(QueryError) -> SQLFragment {
        try render(scope, &properties, path: "where")
    }

    private func render(
        _ scope: QueryScope, _ properties: inout PersonProperties, path: String
    ) throws(QueryError) -> SQLFragment {
        switch self {
        case .all(let parts):
            if scope.row != .event, let joint = try sameEvent(parts, scope, &properties, path) { return joint }
            return "(\(try each(parts, scope, &properties, "\(path).all").joined(" AND ")))"
        case .any(let parts):
            return "(\(try each(parts, scope, &properties, "\(path).any").joined(" OR ")))"
        case .not(let part):
            return "NOT \(try part.render(scope, &properties, path: "\(path).not"))"
        case .event(let names):
            let test = Self.eventTest(names)
            return scope.row == .event ? test : Self.did(test, scope)
        case .property(let name, let test):
            switch scope.row {
            case .event: return test.sql(DuckDBDialect.token("e.properties", name))
            case .change: return "(c.name = \(name) AND \(test.sql(DuckDBDialect.present("c.value"))))"
            case .person: return Self.did(test.sql(DuckDBDialect.token("e.properties", name)), scope)
            }
        case .person(let name, let test):
            return test.sql(properties.token(name))
        }
    }

    private func each(
        _ parts: [Condition], _ scope: QueryScope, _ properties: inout PersonProperties, _ path: String
    ) throws(QueryError) -> [SQLFragment] {
        var out: [SQLFragment] = []
        for (i, part) in parts.enumerated() { out.append(try part.render(scope, &properties, path: "\(path)[\(i)]")) }
        return out
    }

    /// An `all` in which properties stand directly beside one event: one event must pass them together.
    private func sameEvent(
        _ parts: [Condition], _ scope: QueryScope, _ properties: inout PersonProperties, _ path: String
    ) throws(QueryError) -> SQLFragment? {
        guard scope.row == .person else { return nil }
        var names: [String]?
        var tests: [SQLFragment] = []
        var others: [SQLFragment] = []
        var events = 0
        for (i, part) in parts.enumerated() {
            switch part {
            case .event(let these):
                events += 1
                names = these
            case .property(let name, let test): tests.append(test.sql(DuckDBDialect.token("e.properties", name)))
            default: others.append(try part.render(scope, &properties, path: "\(path).all[\(i)]"))
            }
        }
        guard let names, !tests.isEmpty else { return nil }
        guard events == 1 else {
            throw QueryError(
                .invalidCondition, at: "\(path).all",
                "which of the \(events) events has the property? Put each event with its properties in an \"all\" of its own"
            )
        }
        let joint = Self.did(([Self.eventTest(names)] + tests).joined(" AND "), scope)
        return "(\(([joint] + others).joined(" AND ")))"
    }

    private static func eventTest(_ names: [String]) -> SQLFragment {
        if names.count == 1 { return "e.event = \(names[0])" }
        return "e.event IN (\(names.map { "\($0)" as SQLFragment }.joined(", ")))"
    }

    /// Whether the person did an event that passes `test`.
    private static func did(_ test: SQLFragment, _ scope: QueryScope) -> SQLFragment {
        """
        \(scope.personID) IN (SELECT m.person_id FROM events e JOIN \(scope.personMap) m \
        ON m.identity_id = e.identity_id WHERE e.seq <= \(scope.asOf) AND \(test))
        """
    }
}

extension PropertyTest {
    /// The test of a token as SQL; true or false, never NULL.
    func sql(_ token: SQLFragment) -> SQLFragment {
        switch self {
        case .equals(let value): return DuckDBDialect.decided(value.test(token))
        case .differs(let value): return "NOT \(DuckDBDialect.decided(value.test(token)))"
        case .oneOf(let values):
            return DuckDBDialect.decided("(\(values.map { $0.test(token) }.joined(" OR ")))")
        case .compare(let comparison, let operand):
            let sign = SQLFragment(pieces: [.sql(comparison.sign)])
            switch operand {
            case .number(let value): return DuckDBDialect.decided("\(DuckDBDialect.number(token)) \(sign) \(value)")
            case .time(let value): return DuckDBDialect.decided("\(DuckDBDialect.time(token)) \(sign) \(value)")
            case .text(let value): return DuckDBDialect.decided("\(DuckDBDialect.text(token)) \(sign) \(value)")
            }
        case .contains(let part): return DuckDBDialect.decided(DuckDBDialect.contains(DuckDBDialect.text(token), part))
        case .startsWith(let part):
            return DuckDBDialect.decided(DuckDBDialect.startsWith(DuckDBDialect.text(token), part))
        case .exists(let wanted): return wanted ? "\(token) IS NOT NULL" : "\(token) IS NULL"
        }
    }
}

extension PropertyTest.Scalar {
    fileprivate func test(_ token: SQLFragment) -> SQLFragment {
        switch self {
        case .text(let value): DuckDBDialect.isText(token, value)
        case .number(let written): DuckDBDialect.isNumber(token, written)
        case .bool(let value): DuckDBDialect.isBool(token, value)
        }
    }
}

extension PropertyTest.Comparison {
    fileprivate var sign: String {
        switch self {
        case .greater: ">"
        case .greaterOrEqual: ">="
        case .less: "<"
        case .lessOrEqual: "<="
        }
    }
}
