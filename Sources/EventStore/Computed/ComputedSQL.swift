internal import Model

/// Computed columns as of one day, as SQL.
///
/// The inner relation has one row a person who did anything, with a column for each term; terms that several columns share are
/// found once. What reads properties is a relation of its own, over the events that can matter.
struct ComputedSQL {
    /// Where events and persons are.
    struct Source {
        /// Everything up to this `seq` counts.
        let asOf: Int64
        /// Identities with their persons: those who are asked about.
        let map: SQLFragment
        var events: SQLFragment = "events"
        /// The numbers of the identities, if they are few: the engine then reads few rows.
        var identities: [Int64]?
    }

    private struct Aggregate: Hashable {
        let sql: SQLFragment
        let isOfProperties: Bool
    }

    let day: ComputedDay
    private var aggregates: [Aggregate] = []
    /// Of each column, its token as SQL.
    private(set) var tokens: [SQLFragment] = []
    /// The names of events that terms with properties look at; nil for any.
    private var names: Set<ExactText>? = []

    init(_ columns: [ComputedColumn], day: ComputedDay) {
        self.day = day
        for column in columns { tokens.append(token(column.formula)) }
    }

    /// `person_id` and further columns of every person of the map.
    ///
    /// - Parameter list: what is selected beside; the terms are columns of `x` and `y`.
    func relation(_ list: SQLFragment, _ source: Source) -> SQLFragment {
        let persons: SQLFragment = "(SELECT DISTINCT m.person_id FROM \(source.map) m)"
        var from: SQLFragment = "\(persons) n"
        for (letter, isOfProperties) in [("x", false), ("y", true)] as [(SQLFragment, Bool)] {
            guard aggregates.contains(where: { $0.isOfProperties == isOfProperties }) else { continue }
            from += " LEFT JOIN (\(terms(isOfProperties, source))) \(letter) ON \(letter).person_id = n.person_id"
        }
        return "SELECT n.person_id, \(list) FROM \(from)"
    }

    /// What a term is, in the list of `relation`.
    mutating func value(of term: ComputedFormula.Term) -> SQLFragment {
        let aggregate = Aggregate(sql: aggregate(term), isOfProperties: term.readsProperties)
        let place = aggregates.firstIndex(of: aggregate) ?? aggregates.count
        if place == aggregates.count { aggregates.append(aggregate) }
        if term.readsProperties {
            if let events = term.events { names?.formUnion(events.map { ExactText($0) }) } else { names = nil }
        }
        let column = SQLFragment(pieces: [.sql("\(term.readsProperties ? "y" : "x").t\(place)")])
        return term.measure.isDistance ? column : "coalesce(\(column), 0)"
    }

    private mutating func token(_ formula: ComputedFormula) -> SQLFragment {
        var values: [String: SQLFragment] = [:]
        for term in formula.terms { values[term.name] = value(of: term) }
        func term(_ name: String) -> SQLFragment { values[name] ?? "NULL" }
        switch formula.value {
        case .term(let name): return DuckDBDialect.numberToken(term(name))
        case .weights(let weights):
            let sum = weights.terms.map { DuckDBDialect.weighted(term($0.term), $0.weight) }.joined(" + ")
            let bounded = DuckDBDialect.bounded(sum, min: weights.min, max: weights.max, digits: weights.digits)
            // A term that is absent, as a distance is without an event, makes no sum.
            let token = DuckDBDialect.numberToken(bounded)
            return weights.min == nil && weights.max == nil ? token : "CASE WHEN (\(sum)) IS NOT NULL THEN \(token) END"
        case .cases(let cases, let otherwise):
            let parts = cases.map { part in
                "WHEN \(part.tests.map { Self.test($0, term($0.term)) }.joined(" AND ")) THEN \(DuckDBDialect.token(of: part.value))"
                    as SQLFragment
            }
            return "CASE \(parts.joined(" ")) ELSE \(DuckDBDialect.token(of: otherwise)) END"
        }
    }

    static func test(_ test: ComputedFormula.Test, _ term: SQLFragment) -> SQLFragment {
        let sign: SQLFragment
        switch test.isAsked {
        case .exists: return test.operand.boolValue == true ? "\(term) IS NOT NULL" : "\(term) IS NULL"
        case .less: sign = "<"
        case .lessOrEqual: sign = "<="
        case .greater: sign = ">"
        case .greaterOrEqual: sign = ">="
        case .equal: sign = "="
        }
        guard case .number(let text) = test.operand, let number = Double(text) else { return "false" }
        return DuckDBDialect.compares(term, sign, number)
    }

    // MARK: Terms

    private func terms(_ isOfProperties: Bool, _ source: Source) -> SQLFragment {
        var list: SQLFragment = "m.person_id"
        for (place, aggregate) in aggregates.enumerated() where aggregate.isOfProperties == isOfProperties {
            list += ", \(aggregate.sql)" + SQLFragment(pieces: [.sql(" AS t\(place)")])
        }
        var tests: [SQLFragment] = ["e.seq <= \(source.asOf)"]
        if let identities = source.identities { tests.append("e.identity_id IN \(DuckDBDialect.list(identities))") }
        if isOfProperties, let names, !names.isEmpty {
            tests.append(Condition.eventTest(names.map(\.text).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }))
        }
        let age: SQLFragment = "\(day.number) - \(DuckDBDialect.localDay("e.timestamp", in: day.timezone))"
        let properties: SQLFragment = isOfProperties ? ", e.properties" : .empty
        return """
            SELECT \(list) FROM (SELECT e.identity_id, e.event, \(age) AS age\(properties) FROM \(source.events) e \
            WHERE \(tests.joined(" AND "))) e JOIN \(source.map) m ON m.identity_id = e.identity_id GROUP BY m.person_id
            """
    }

    private func aggregate(_ term: ComputedFormula.Term) -> SQLFragment {
        var tests: [SQLFragment] = []
        // What lies after the day has not happened yet, for whatever counts days.
        if term.dependsOnDay { tests.append("e.age >= 0") }
        if let within = term.within { tests.append("e.age < \(within)") }
        if let events = term.events { tests.append(Condition.eventTest(events)) }
        if let test = term.test {
            var needs = PersonNeeds()
            let scope = QueryScope(row: .eventAlone, asOf: 0, personMap: .empty, personID: .empty)
            // It was rendered when it was read.
            tests.append((try? test.sql(scope, &needs)) ?? "false")
        }
        let test: SQLFragment = tests.isEmpty ? "true" : tests.joined(" AND ")
        let weight = term.halfLife.map { DuckDBDialect.decay(age: "e.age", halfLife: $0) }
        switch term.measure {
        case .count:
            guard let weight else { return DuckDBDialect.only("count(*)", where: test) }
            return DuckDBDialect.decimalSum(weight, where: test)
        case .sum:
            let amounts = term.properties.map { DuckDBDialect.amount(DuckDBDialect.token("e.properties", $0)) }
            let amount = DuckDBDialect.firstPresent(amounts)
            return DuckDBDialect.decimalSum(
                weight.map { DuckDBDialect.decayed(amount, by: $0) } ?? amount, where: test)
        case .days: return DuckDBDialect.only("count(DISTINCT e.age)", where: test)
        case .sinceLast: return DuckDBDialect.only("min(e.age)", where: test)
        case .sinceFirst: return DuckDBDialect.only("max(e.age)", where: test)
        }
    }
}
