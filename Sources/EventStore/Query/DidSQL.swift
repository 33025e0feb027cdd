extension Did {
    /// Whether the person of a row of `scope` did it, as SQL; the persons who did are noted in `needs` as a set.
    func sql(_ scope: QueryScope, _ needs: inout PersonNeeds, path: String) throws(QueryError) -> SQLFragment {
        let tests = try tests(scope, &needs, path)
        let least = isFirstEver ? max(1, count.atLeast) : count.atLeast
        if least > 0 {
            return try needs.sets.holds(scope.personID, people(scope, tests, least, count.atMost), path: path)
        }
        // Who never did it is in no group of events, so that those who did it too often are taken away instead.
        guard let most = count.atMost else { return "true" }
        return "NOT \(try needs.sets.holds(scope.personID, people(scope, tests, most + 1, nil), path: path))"
    }

    /// How many events count, as SQL: of all that `scope` has, which is one person's.
    func countSQL(_ scope: QueryScope, _ needs: inout PersonNeeds, path: String) throws(QueryError) -> SQLFragment {
        var tests = try tests(scope, &needs, path)
        if let from = window.from, isFirstEver { tests.append("e.timestamp >= \(from)") }
        return "(SELECT count(*) FROM \(scope.events) e WHERE \(tests.joined(" AND ")))"
    }

    /// What an event must be to count; what is dear to find out comes last.
    private func tests(
        _ scope: QueryScope, _ needs: inout PersonNeeds, _ path: String
    ) throws(QueryError) -> [SQLFragment] {
        var tests: [SQLFragment] = ["e.seq <= \(scope.asOf)"]
        if let names { tests.append(Condition.eventTest(names)) }
        // Whether an event is the first ever is seen only where the earlier ones are looked at, too.
        if let from = window.from, !isFirstEver { tests.append("e.timestamp >= \(from)") }
        if let to = window.to { tests.append("e.timestamp < \(to)") }
        if let test { tests.append(try test.render(scope.ofEventAlone, &needs, path: "\(path).where")) }
        return tests
    }

    /// The persons with so many events: one pass over the events, grouped by identity and only then by person.
    private func people(
        _ scope: QueryScope, _ tests: [SQLFragment], _ least: Int64, _ most: Int64?
    ) -> SQLFragment {
        var ofIdentity: SQLFragment = "e.identity_id"
        var wanted: [SQLFragment] = []
        if least > 1 || most != nil { ofIdentity += ", count(*) AS total" }
        if least > 1 { wanted.append("sum(s.total) >= \(least)") }
        if let most { wanted.append("sum(s.total) <= \(most)") }
        if isFirstEver, let from = window.from {
            // With nothing before the window, all that was counted lies in it.
            ofIdentity += ", min(e.timestamp) AS earliest"
            wanted.append("min(s.earliest) >= \(from)")
        }
        let having: SQLFragment = wanted.isEmpty ? .empty : " HAVING \(wanted.joined(" AND "))"
        return """
            SELECT m.person_id FROM (SELECT \(ofIdentity) FROM \(scope.events) e WHERE \(tests.joined(" AND ")) \
            GROUP BY e.identity_id) s JOIN \(scope.personMap) m ON m.identity_id = s.identity_id \
            GROUP BY m.person_id\(having)
            """
    }
}
