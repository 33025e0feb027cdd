internal import Model

extension PropertyTime {
    /// Whether a value of the person's property passes, as SQL; the persons of whom it does, or does not, are noted in `needs`
    /// as a set.
    func sql(
        _ name: String, _ test: PropertyTest, _ scope: QueryScope, _ needs: inout PersonNeeds, path: String
    ) throws(QueryError) -> SQLFragment {
        let (set, isWithin) = people(name, test, scope)
        let holds = try needs.sets.holds(scope.personID, set, path: path)
        return isWithin ? holds : "NOT \(holds)"
    }

    /// The persons who have such a value, or those who have another one: whoever has no value is in no group of changes.
    private func people(
        _ name: String, _ test: PropertyTest, _ scope: QueryScope
    ) -> (set: SQLFragment, isWithin: Bool) {
        guard self != .ever else {
            let isAbsence = test == .exists(false)
            let passes = isAbsence ? PropertyTest.exists(true).sql("c.value") : test.sql("c.value")
            let rows = """
                SELECT DISTINCT m.person_id FROM \(source(scope)) WHERE \(selection(name, scope)) AND \(passes)
                """ as SQLFragment
            return (rows, !isAbsence)
        }
        let values =
            "SELECT m.person_id, \(value) AS value FROM \(source(scope)) WHERE \(selection(name, scope)) GROUP BY m.person_id"
            as SQLFragment
        let passes = test.sql(DuckDBDialect.present("v.value"))
        return test.passesAbsent
            ? ("SELECT v.person_id FROM (\(values)) v WHERE NOT \(passes)", false)
            : ("SELECT v.person_id FROM (\(values)) v WHERE \(passes)", true)
    }

    /// The value that is asked about, as SQL, of one person's changes; nil where there are several.
    func valueSQL(_ name: String, _ scope: QueryScope) -> SQLFragment? {
        if self == .ever { return nil }
        let value = DuckDBDialect.present(value)
        return "(SELECT \(value) FROM \(scope.changes) c WHERE \(selection(name, scope)))"
    }

    private func source(_ scope: QueryScope) -> SQLFragment {
        "\(scope.changes) c JOIN \(scope.personMap) m ON m.identity_id = c.identity_id"
    }

    /// Which changes are looked at. Taking a property away is no value, but at a moment it is what held.
    private func selection(_ name: String, _ scope: QueryScope) -> SQLFragment {
        let changes: SQLFragment = "c.seq <= \(scope.asOf) AND c.name = \(name)"
        switch self {
        case .first, .ever: return "\(changes) AND c.value <> 'null'"
        case .at(let moment): return "\(changes) AND c.timestamp <= \(moment)"
        }
    }

    /// The value of a group of changes.
    private var value: SQLFragment {
        switch self {
        case .first: DuckDBDialect.earliest("c.value", time: "c.timestamp", seq: "c.seq")
        case .ever, .at: DuckDBDialect.latest("c.value", time: "c.timestamp", seq: "c.seq")
        }
    }
}

extension PropertyTest {
    /// Whether a property that is absent passes.
    var passesAbsent: Bool {
        switch self {
        case .differs, .exists(false): true
        default: false
        }
    }
}
