internal import DuckDB
public import EventStore
public import Model

/// How a computed column's value comes about.
public struct ComputedParts: Sendable, Equatable {
    /// The values as JSON writes them; nil where there is none.
    public let value: String?
    public let terms: [String?]
    /// What each weighted term adds.
    public let contributions: [String?]
    /// The first case whose tests hold.
    public let caseNumber: Int?
}

extension PeopleReader {
    /// The computed columns of persons, as a JSON object each; those that have no value are left out.
    public func computed(_ columns: [ComputedColumn], of persons: [PersonID]) throws -> [PersonID: JSONValue] {
        guard !persons.isEmpty, !columns.isEmpty else { return [:] }
        if let only = persons.first, persons.count == 1, let ready = try ready(columns, of: only) {
            return [only: ready]
        }
        return try connection.transaction { connection in
            if let only = persons.first, persons.count == 1 {
                let members = try members(of: only.number)
                if members.all.isEmpty { return [:] }
                return try values(
                    ComputedQuery.values(
                        columns, asOf: asOf, personMap: PeopleSQL.only(members, only), events: eventRows(members)),
                    columns)
            }
            return try ofMany(columns, persons)
        }
    }

    /// A person's values as the table of people has them, if nothing of theirs came after what it has.
    private func ready(_ columns: [ComputedColumn], of person: PersonID) throws -> JSONValue? {
        guard let people, let seq = people.ready(columns), seq <= asOf,
            let text = try PeopleFeed.computed(of: person.number, connection)
        else { return nil }
        if seq < asOf {
            let members = try members(of: person.number)
            // One identity alone may have been tied to others until a moment ago.
            let isTied = members.all.count > 1 || ties?.isTied(person.number) ?? true
            if isTied, try PeopleFeed.hasTies(after: seq, connection) { return nil }
            let newer = members.rows("seq", of: .events, in: layout, asOf: asOf, after: seq)
            guard try connection.row("SELECT 1 FROM (\(newer)) e LIMIT 1") == nil else { return nil }
        }
        // The table was not changed meanwhile.
        guard people.ready(columns) == seq else { return nil }
        return Self.picked(columns, try JSONValue(text: text))
    }

    /// How one person's value comes about; nil if there is no such person.
    public func parts(of column: ComputedColumn, _ person: PersonID) throws -> ComputedParts? {
        try connection.transaction { connection in
            let members = try members(of: person.number)
            if members.all.isEmpty { return nil }
            let formula = column.formula
            var found: ComputedParts?
            try each(
                ComputedQuery.parts(
                    column, asOf: asOf, personMap: PeopleSQL.only(members, person), events: eventRows(members))
            ) { chunk, row in
                func text(_ place: Int) -> String? {
                    chunk.isNull(place, row: row) ? nil : chunk.column(place).string(row)
                }
                let terms = formula.terms.indices.map { text(2 + $0) }
                let first = 2 + terms.count
                var contributions: [String?] = []
                var number: Int?
                switch formula.value {
                case .term: break
                case .weights(let weights): contributions = weights.terms.indices.map { text(first + $0) }
                case .cases(let cases, _): number = cases.indices.first { text(first + $0) == "1" }
                }
                found = ComputedParts(
                    value: text(1), terms: terms, contributions: contributions, caseNumber: number)
            }
            return found
        }
    }

    private func ofMany(_ columns: [ComputedColumn], _ persons: [PersonID]) throws -> [PersonID: JSONValue] {
        var (ids, owners): ([Int64], [Int64]) = ([], [])
        try each(
            PeopleSQL.allMembers(try self.persons()), [.list(persons.map { .int($0.number) }), .int(asOf)]
        ) { chunk, row in
            owners.append(chunk.int64(0, row: row))
            ids.append(chunk.int64(1, row: row))
        }
        if ids.isEmpty { return [:] }
        func list(_ numbers: [Int64]) -> String { numbers.map(String.init).joined(separator: ", ") }
        let map = SQLFragment(
            stringLiteral:
                "(SELECT unnest([\(list(ids))]::BIGINT[]) AS identity_id, unnest([\(list(owners))]::BIGINT[]) AS person_id)"
        )
        var needs = ComputedNeeds()
        let tokens = columns.map { needs.token($0) }
        try needs.prepare(connection, asOf: asOf, personMap: map)
        defer { needs.drop(connection) }
        guard let table = needs.tables.first else { return [:] }
        let source = SQLFragment(stringLiteral: table)
        return try values("SELECT \(source).person_id, \(tokens.joined(", ")) FROM \(source)", columns)
    }

    private func values(_ query: SQLFragment, _ columns: [ComputedColumn]) throws -> [PersonID: JSONValue] {
        var found: [PersonID: JSONValue] = [:]
        var failure: (any Error)?
        try each(query) { chunk, row in
            var members: [JSONValue.Member] = []
            for (place, column) in columns.enumerated() where !chunk.isNull(place + 1, row: row) {
                do {
                    members.append(.init(column.name, try JSONValue(text: chunk.column(place + 1).string(row))))
                } catch { failure = error }
            }
            found[PersonID(chunk.int64(0, row: row))] = .object(members)
        }
        if let failure { throw failure }
        return found
    }

    private func eventRows(_ members: Members) -> SQLFragment {
        SQLFragment(
            stringLiteral: "("
                + members.rows("seq, identity_id, event, timestamp, properties", of: .events, in: layout, asOf: asOf)
                + ")")
    }

    private static func picked(_ columns: [ComputedColumn], _ all: JSONValue) -> JSONValue {
        .object(columns.compactMap { column in all[column.name].map { .init(column.name, $0) } })
    }
}
