internal import DuckDB
public import EventStore
public import Model

extension PeopleReader {
    /// The persons of whom a condition holds, in the order in which they first appeared.
    ///
    /// - Parameter condition: on people; `QueryError` names the node if it cannot be asked of them.
    public func matching(_ condition: Condition) throws -> [PersonID] {
        var found: [PersonID] = []
        try ask(condition, "q.person_id", "ORDER BY q.person_id") { chunk, row in
            found.append(PersonID(chunk.int64(0, row: row)))
        }
        return found
    }

    /// How many persons a condition holds of.
    public func count(_ condition: Condition) throws -> Int64 {
        var count: Int64 = 0
        try ask(condition, "count(*)", .empty) { chunk, row in count = chunk.int64(0, row: row) }
        return count
    }

    private func ask(
        _ condition: Condition, _ columns: SQLFragment, _ rest: SQLFragment, _ body: (Chunk, Int) -> Void
    ) throws {
        try connection.transaction { connection in
            let persons = SQLFragment(stringLiteral: try persons())
            var needs = PersonNeeds()
            let scope = QueryScope(row: .person, asOf: asOf, personMap: persons, personID: "q.person_id")
            let test = try condition.sql(scope, &needs)
            try needs.computed.prepare(connection, asOf: asOf, personMap: persons)
            try make(needs.sets)
            defer { drop(needs) }
            var properties = SQLFragment.empty
            if !needs.properties.names.isEmpty {
                let relation = needs.properties.relation(asOf: asOf, personMap: persons)
                properties = " LEFT JOIN (\(relation)) p ON p.person_id = q.person_id"
            }
            try each(
                """
                SELECT \(columns) FROM (\(PeopleSQL.everybody(persons, asOf: asOf))) q\(properties) \
                WHERE \(test) \(rest)
                """, body)
        }
    }

    func make(_ sets: PersonSets) throws(DuckDBError) {
        guard !sets.isEmpty else { return }
        for fragment in sets.statements {
            let statement = SQLStatement(fragment)
            try connection.execute(statement.text, statement.values)
        }
    }

    /// What is left of it is replaced by the next one that needs it.
    func drop(_ needs: PersonNeeds) {
        if !needs.sets.isEmpty { try? connection.execute("DROP TABLE IF EXISTS \(PersonSets.table)") }
        needs.computed.drop(connection)
    }

    func each(_ fragment: SQLFragment, _ body: (Chunk, Int) -> Void) throws(DuckDBError) {
        let statement = SQLStatement(fragment)
        try each(statement.text, statement.values, body)
    }
}
