internal import DuckDB
internal import Model

/// A temporary table of computed columns of some persons.
struct ComputedTable {
    /// Persons whose values are not ready, and their identities.
    static let touched = "computed_touched"
    static let few = "computed_few"
    /// The most identities of whom each is looked for on its own.
    private static let mostConstants = 500

    let name: String
    let day: ComputedDay
    let columns: [ComputedColumn]

    func make(_ connection: Connection, _ source: ComputedSQL.Source) throws {
        guard let state = try PeopleState.read(connection), state.has(columns, day) else {
            return try create(connection, computed(source))
        }
        try Self.findTouched(connection, since: state.seq, source)
        let few = try Self.narrow(connection, source)
        let table = SQLFragment(stringLiteral: Self.touched)
        var list: SQLFragment = "c.person_id"
        for (place, column) in columns.enumerated() {
            list += ", \(DuckDBDialect.token("c.computed", column.name))" + Self.alias(place)
        }
        let ready: SQLFragment = """
            SELECT \(list) FROM people_current c WHERE c.computed IS NOT NULL AND c.person_id IN \
            (SELECT m.person_id FROM \(source.map) m) AND c.person_id NOT IN (SELECT t.person_id FROM \(table) t)
            """
        guard let few else { return try create(connection, ready) }
        try create(connection, "\(ready) UNION ALL \(computed(few))")
    }

    /// What is found from events.
    private func computed(_ source: ComputedSQL.Source) -> SQLFragment {
        let sql = ComputedSQL(columns, day: day)
        let list = sql.tokens.enumerated().map { (place, token) in token + Self.alias(place) }
        return sql.relation(list.joined(", "), source)
    }

    private static func alias(_ place: Int) -> SQLFragment { SQLFragment(pieces: [.sql(" AS c\(place)")]) }

    private func create(_ connection: Connection, _ query: SQLFragment) throws {
        try connection.execute(fragment: "CREATE OR REPLACE TEMP TABLE \(SQLFragment(stringLiteral: name)) AS \(query)")
    }

    /// Notes the persons whose values are not what the table of people has: something of theirs lies between its `seq` and the
    /// one that is asked for, or is waited with.
    private static func findTouched(
        _ connection: Connection, since seq: Int64, _ source: ComputedSQL.Source
    ) throws {
        let (low, high) = (min(seq, source.asOf), max(seq, source.asOf))
        let table = SQLFragment(stringLiteral: touched)
        var query: SQLFragment = "SELECT p.person_id FROM people_pending p"
        if low < high {
            let items = PeopleTouched.identities(after: low, through: high, events: source.events, changes: nil)
            query += " UNION SELECT m.person_id FROM \(source.map) m WHERE m.identity_id IN (\(items))"
        }
        try connection.execute(
            fragment: "CREATE OR REPLACE TEMP TABLE \(table) AS SELECT DISTINCT q.* FROM (\(query)) q")
    }

    /// The source of the touched persons alone; nil if there is none.
    private static func narrow(
        _ connection: Connection, _ source: ComputedSQL.Source
    ) throws -> ComputedSQL.Source? {
        let (touched, few) = (SQLFragment(stringLiteral: touched), SQLFragment(stringLiteral: few))
        try connection.execute(
            fragment: """
                CREATE OR REPLACE TEMP TABLE \(few) AS SELECT m.identity_id, m.person_id FROM \(source.map) m \
                WHERE m.person_id IN (SELECT t.person_id FROM \(touched) t)
                """)
        return try narrowed(connection, source, to: Self.few)
    }

    /// The source of the persons of a table of identities; nil if it is empty.
    static func narrowed(
        _ connection: Connection, _ source: ComputedSQL.Source, to table: String
    ) throws -> ComputedSQL.Source? {
        let count = try connection.row("SELECT count(*) FROM \(table)")?[0].int ?? 0
        if count == 0 { return nil }
        var narrow = ComputedSQL.Source(
            asOf: source.asOf, map: SQLFragment(stringLiteral: table), events: source.events)
        if count <= mostConstants {
            narrow.identities = try connection.rows("SELECT identity_id FROM \(table)").compactMap { $0[0].int }
        }
        return narrow
    }
}

/// Of whom something was stored in a range of `seq`.
enum PeopleTouched {
    /// A query of the identities. What events, aliases and undone aliases say changes what is computed; changes of properties what
    /// else is known of a person.
    static func identities(
        after low: Int64, through high: Int64, events: SQLFragment = "events", changes: SQLFragment?
    ) -> SQLFragment {
        func within(_ column: SQLFragment) -> SQLFragment { "\(column) > \(low) AND \(column) <= \(high)" }
        var query: SQLFragment = """
            SELECT w.identity_id FROM \(events) w WHERE \(within("w.seq")) UNION ALL \
            SELECT \(DuckDBDialect.both("w.identity_id", "w.other_id")) FROM aliases w \
            WHERE \(within("w.seq")) OR \(within("w.undone_seq")) UNION ALL \
            SELECT w.identity_id FROM identities w WHERE \(within("w.first_seq"))
            """
        if let changes {
            query += " UNION ALL SELECT w.identity_id FROM \(changes) w WHERE \(within("w.seq"))"
        }
        return query
    }
}

extension Connection {
    /// Runs one statement.
    @discardableResult
    func execute(fragment: SQLFragment) throws(DuckDBError) -> Int {
        let statement = SQLStatement(fragment)
        return try execute(statement.text, statement.values)
    }
}
