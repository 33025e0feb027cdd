internal import Model

extension EventSequence {
    /// Whether the person of a row of `scope` did it, as SQL; the persons who did are noted in `needs` as a set.
    func sql(_ scope: QueryScope, _ needs: inout PersonNeeds, path: String) throws(QueryError) -> SQLFragment {
        try needs.sets.holds(scope.personID, people(scope, &needs, path), path: path)
    }

    /// The persons who did it: from each start to the nearest next step, and so on. The nearest is as good as any later one,
    /// since what may come after it is more.
    private func people(
        _ scope: QueryScope, _ needs: inout PersonNeeds, _ path: String
    ) throws(QueryError) -> SQLFragment {
        let isDisjoint = isDisjoint
        var chain: SQLFragment = .empty
        for (number, step) in steps.enumerated() {
            let rows = try rows(step, scope, &needs, "\(path).sequence[\(number)]", isDisjoint)
            if number == 0 {
                chain =
                    longest == nil
                    ? "SELECT r.p, min(r.k) AS k FROM (\(rows)) r GROUP BY r.p"
                    : "SELECT r.p, r.k, r.t AS t0 FROM (\(rows)) r"
            } else if let longest {
                // Of starts that lead to the same event the latest has the most time left.
                let next = DuckDBDialect.nextRow(after: chain, rows, isSameAllowed: isDisjoint)
                let took = "\(DuckDBDialect.microseconds("b.t")) - \(DuckDBDialect.microseconds("a.t0"))" as SQLFragment
                chain = "SELECT a.p, b.k, max(a.t0) AS t0 FROM \(next) WHERE \(took) <= \(longest) GROUP BY a.p, b.k"
            } else {
                let sign: SQLFragment = isDisjoint ? ">=" : ">"
                chain = """
                    SELECT a.p, min(b.k) AS k FROM (\(chain)) a JOIN (\(rows)) b ON b.p = a.p AND b.k \(sign) a.k \
                    GROUP BY a.p
                    """
            }
        }
        return "SELECT DISTINCT c.p AS person_id FROM (\(chain)) c"
    }

    /// The events that can be a step: the person, the moment, and the place in the order.
    private func rows(
        _ step: Step, _ scope: QueryScope, _ needs: inout PersonNeeds, _ path: String, _ isDisjoint: Bool
    ) throws(QueryError) -> SQLFragment {
        var tests: [SQLFragment] = ["e.seq <= \(scope.asOf)", Condition.eventTest(step.names)]
        if let from = window.from { tests.append("e.timestamp >= \(from)") }
        if let to = window.to { tests.append("e.timestamp < \(to)") }
        if let test = step.test { tests.append(try test.render(scope.ofEventAlone, &needs, path: "\(path).where")) }
        let key = isDisjoint ? "e.timestamp" : DuckDBDialect.place(time: "e.timestamp", seq: "e.seq")
        return """
            SELECT m.person_id AS p, e.timestamp AS t, \(key) AS k FROM \(scope.events) e \
            JOIN \(scope.personMap) m ON m.identity_id = e.identity_id WHERE \(tests.joined(" AND "))
            """
    }
}
