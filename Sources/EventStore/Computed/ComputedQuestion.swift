internal import Model

/// Computed columns of few persons, straight from their events.
public enum ComputedQuery {
    /// A query of `person_id` and the columns' tokens, of every person of a map.
    ///
    /// - Parameter events: the relation of their events.
    public static func values(
        _ columns: [ComputedColumn], asOf: Int64, personMap: SQLFragment, events: SQLFragment
    ) -> SQLFragment {
        let sql = ComputedSQL(columns, day: columns.first?.day ?? ComputedDay(0, in: "UTC"))
        return sql.relation(
            sql.tokens.joined(", "), ComputedSQL.Source(asOf: asOf, map: personMap, events: events))
    }

    /// A query of how one column's value comes about: `person_id`, the value, each term's value, then of weights each
    /// contribution, or of cases which hold (1) and which do not.
    public static func parts(
        _ column: ComputedColumn, asOf: Int64, personMap: SQLFragment, events: SQLFragment
    ) -> SQLFragment {
        var sql = ComputedSQL([column], day: column.day)
        var list = sql.tokens
        var values: [String: SQLFragment] = [:]
        for term in column.formula.terms {
            let value = sql.value(of: term)
            values[term.name] = value
            list.append(DuckDBDialect.numberToken(value))
        }
        switch column.formula.value {
        case .term: break
        case .weights(let weights):
            list += weights.terms.map { term, weight in
                DuckDBDialect.numberToken(DuckDBDialect.weighted(values[term] ?? "NULL", weight))
            }
        case .cases(let cases, _):
            list += cases.map { one in
                let tests = one.tests.map { ComputedSQL.test($0, values[$0.term] ?? "NULL") }
                return "CASE WHEN \(tests.joined(" AND ")) THEN '1' ELSE '0' END"
            }
        }
        return sql.relation(list.joined(", "), ComputedSQL.Source(asOf: asOf, map: personMap, events: events))
    }
}
