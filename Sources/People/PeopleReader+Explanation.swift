internal import DuckDB
public import EventStore
public import Model

extension PeopleReader {
    /// Which parts of some conditions hold of a person. Only the person's own rows are read.
    ///
    /// - Parameters:
    ///   - conditions: on people, each with the JSON that it was read from.
    ///   - path: how the root of each is named in paths.
    public func explain(
        _ conditions: [(tree: Condition, json: JSONValue)], of person: PersonID, path: String = "segment"
    ) throws -> [Explanation] {
        if conditions.isEmpty { return [] }
        return try connection.transaction { connection in
            let members = try members(of: person.number)
            let scope = QueryScope(
                row: .person, asOf: asOf, personMap: PeopleSQL.only(members, person), personID: "q.person_id",
                events: rows(members, "*", .events), changes: rows(members, "*", .propertyChanges))
            var needs = PersonNeeds()
            let nodes = try conditions.map { condition in
                try ConditionNode(condition.tree, condition.json, scope: scope, needs: &needs, path: path)
            }
            try needs.computed.prepare(
                connection, asOf: asOf, personMap: scope.personMap, events: scope.events)
            try make(needs.sets)
            defer { drop(needs) }
            var columns: [SQLFragment] = []
            for node in nodes { node.list(&columns) }
            var source: SQLFragment = "(SELECT \(person.number) AS person_id) q"
            if !needs.properties.names.isEmpty {
                let relation = needs.properties.relation(
                    asOf: asOf, personMap: scope.personMap, changes: scope.changes)
                source += " LEFT JOIN (\(relation)) p ON p.person_id = q.person_id"
            }
            var found: [Explanation] = []
            try each("SELECT \(columns.joined(", ")) FROM \(source)") { chunk, row in
                var column = 0
                found = nodes.map { Explanation($0, chunk, row, &column) }
            }
            return found
        }
    }

    private func rows(_ members: Members, _ columns: String, _ table: RowTable) -> SQLFragment {
        SQLFragment(stringLiteral: "(\(members.rows(columns, of: table, in: layout, asOf: asOf)))")
    }
}

extension ConditionNode {
    /// Adds what must be selected, in the order in which `Explanation` reads it.
    fileprivate func list(_ columns: inout [SQLFragment]) {
        columns.append(holds)
        if let count { columns.append(count) }
        if let value { columns.append(value) }
        for part in parts { part.list(&columns) }
    }
}

extension Explanation {
    fileprivate init(_ node: ConditionNode, _ chunk: Chunk, _ row: Int, _ column: inout Int) {
        func next() -> Int {
            defer { column += 1 }
            return column
        }
        path = node.path
        condition = node.json
        holds = chunk.bool(next(), row: row)
        count = node.count.map { _ in chunk.int64(next(), row: row) }
        var value: [UInt8]?
        if node.value != nil {
            let place = next()
            if !chunk.isNull(place, row: row) { value = chunk.column(place).bytes(row) }
        }
        self.value = value
        var parts: [Explanation] = []
        for part in node.parts { parts.append(Explanation(part, chunk, row, &column)) }
        self.parts = parts
    }
}
