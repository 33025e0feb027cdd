extension Condition {
    /// The condition as SQL for the rows of `scope`; true or false, never NULL.
    ///
    /// What it needs to know of persons is added to `needs`: the FROM clause must join the properties as `p`, and the
    /// table of the sets must be there.
    ///
    /// - Parameter path: how the root is named in errors.
    public func sql(
        _ scope: QueryScope, _ needs: inout PersonNeeds, path: String = "where"
    ) throws(QueryError) -> SQLFragment {
        try render(scope, &needs, path: path)
    }

    func render(_ scope: QueryScope, _ needs: inout PersonNeeds, path: String) throws(QueryError) -> SQLFragment {
        switch self {
        case .all(let parts):
            if let joint = try sameEvent(parts, scope, &needs, path) { return joint }
            return "(\(try each(parts, scope, &needs, "\(path).all").joined(" AND ")))"
        case .any(let parts):
            return "(\(try each(parts, scope, &needs, "\(path).any").joined(" OR ")))"
        case .not(let part):
            return "NOT \(try part.render(scope, &needs, path: "\(path).not"))"
        case .event(let names):
            return scope.isEvent ? Self.eventTest(names) : try Did(names).sql(scope, &needs, path: path)
        case .property(let name, let test):
            switch scope.row {
            case .event, .eventAlone: return test.sql(DuckDBDialect.token("e.properties", name))
            case .change: return "(c.name = \(name) AND \(test.sql(DuckDBDialect.present("c.value"))))"
            case .person: return try Did(nil, test: self).sql(scope, &needs, path: path)
            }
        case .person(let name, let test):
            try checkPerson(scope, "person", path)
            return test.sql(needs.properties.token(name))
        case .personThen(let name, let time, let test):
            try checkPerson(scope, "person", path)
            return try time.sql(name, test, scope, &needs, path: path)
        case .computed(let column, let test):
            try checkPerson(scope, "column", path)
            let persons = needs.computed.persons(column, test)
            return try needs.sets.holds(scope.personID, persons, path: path)
        case .did(let did):
            try checkPerson(scope, "did", path)
            return try did.sql(scope, &needs, path: path)
        case .sequence(let sequence):
            try checkPerson(scope, "sequence", path)
            return try sequence.sql(scope, &needs, path: path)
        case .segment(let tree):
            try checkPerson(scope, "segment", path)
            return try tree.render(scope.ofPerson, &needs, path: "\(path).where")
        }
    }

    private func each(
        _ parts: [Condition], _ scope: QueryScope, _ needs: inout PersonNeeds, _ path: String
    ) throws(QueryError) -> [SQLFragment] {
        var out: [SQLFragment] = []
        for (i, part) in parts.enumerated() { out.append(try part.render(scope, &needs, path: "\(path)[\(i)]")) }
        return out
    }

    /// An `all` in which properties stand directly beside one event: one event must pass them together.
    private func sameEvent(
        _ parts: [Condition], _ scope: QueryScope, _ needs: inout PersonNeeds, _ path: String
    ) throws(QueryError) -> SQLFragment? {
        guard scope.row == .person else { return nil }
        var names: [String]?
        var tests: [Condition] = []
        var others: [SQLFragment] = []
        var events = 0
        for (i, part) in parts.enumerated() {
            switch part {
            case .event(let these):
                events += 1
                names = these
            case .property: tests.append(part)
            default: others.append(try part.render(scope, &needs, path: "\(path).all[\(i)]"))
            }
        }
        guard let names, !tests.isEmpty else { return nil }
        guard events == 1 else {
            throw QueryError(
                .invalidCondition, at: "\(path).all",
                "which of the \(events) events has the property? Put each event with its properties in an \"all\" of its own"
            )
        }
        let joint = try Did(names, test: tests.count == 1 ? tests[0] : .all(tests)).sql(scope, &needs, path: path)
        return "(\(([joint] + others).joined(" AND ")))"
    }

    static func eventTest(_ names: [String]) -> SQLFragment {
        if names.count == 1 { return "e.event = \(names[0])" }
        return "e.event IN (\(names.map { "\($0)" as SQLFragment }.joined(", ")))"
    }

    private func checkPerson(_ scope: QueryScope, _ kind: String, _ path: String) throws(QueryError) {
        guard scope.row != .eventAlone else {
            throw QueryError(
                .invalidCondition, at: path,
                "\"\(kind)\" asks about the person; a \"where\" in here asks about events, with \"property\" and \"event\""
            )
        }
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
