public import DuckDB
internal import Model

/// The computed columns that a query asks for: those of one day are together one temporary table of all its persons,
/// with `person_id` and a column of tokens for each.
///
/// A value depends on nothing but the definition, the day, and what is stored up to the query's `seq`. The table of people has most
/// of them ready; those of whom something came in between its `seq` and the query's, and all if it is of another day or another
/// definition, are found from their events by the same SQL.
public struct ComputedNeeds: Sendable, Equatable {
    private struct Group: Sendable, Equatable {
        let day: ComputedDay
        var columns: [ComputedColumn]
    }

    private var groups: [Group] = []

    public init() {}

    /// Whether there is none.
    public var isEmpty: Bool { groups.isEmpty }

    /// The tables, which a query joins under their own names.
    public var tables: [String] { groups.indices.map { Self.table($0) } }

    private static func table(_ number: Int) -> String { "people_computed_\(number)" }

    /// The token of a column, where the FROM clause has its table; the column is noted as needed.
    public mutating func token(_ column: ComputedColumn) -> SQLFragment {
        let (table, place) = need(column)
        return SQLFragment(pieces: [.sql("\(table).c\(place)")])
    }

    /// A query of the persons whose value passes a test; the column is noted as needed.
    mutating func persons(_ column: ComputedColumn, _ test: PropertyTest) -> SQLFragment {
        let (table, place) = need(column)
        let token = SQLFragment(pieces: [.sql("k.c\(place)")])
        return "SELECT k.person_id FROM \(SQLFragment(pieces: [.sql(table)])) k WHERE \(test.sql(token))"
    }

    /// One person's value.
    mutating func value(_ column: ComputedColumn, of person: SQLFragment) -> SQLFragment {
        let (table, place) = need(column)
        return """
            (SELECT \(SQLFragment(pieces: [.sql("k.c\(place)")])) FROM \(SQLFragment(pieces: [.sql(table)])) k \
            WHERE k.person_id = \(person))
            """
    }

    private mutating func need(_ column: ComputedColumn) -> (table: String, place: Int) {
        let group = groups.firstIndex { $0.day == column.day } ?? groups.count
        if group == groups.count { groups.append(Group(day: column.day, columns: [])) }
        let place = groups[group].columns.firstIndex(of: column) ?? groups[group].columns.count
        if place == groups[group].columns.count { groups[group].columns.append(column) }
        return (Self.table(group), place)
    }

    /// Makes the tables, in the caller's transaction, on a connection that has the store's views.
    ///
    /// - Parameters:
    ///   - asOf: everything up to this `seq` counts.
    ///   - personMap: who is who as of it, of everybody or of those who are asked about.
    ///   - events: the relation of their events.
    public func prepare(
        _ connection: Connection, asOf: Int64, personMap: SQLFragment, events: SQLFragment = "events"
    ) throws {
        for (number, group) in groups.enumerated() {
            let source = ComputedSQL.Source(asOf: asOf, map: personMap, events: events)
            try ComputedTable(name: Self.table(number), day: group.day, columns: group.columns)
                .make(connection, source)
        }
    }

    /// Drops the tables; what is left of them is replaced by the next query that needs it.
    public func drop(_ connection: Connection) {
        if isEmpty { return }
        for table in Self.tables(on: connection) { try? connection.execute("DROP TABLE IF EXISTS temp.\(table)") }
    }

    /// Those that queries left on a connection.
    public static func tables(on connection: Connection) -> [String] {
        let rows = try? connection.rows(
            "SELECT table_name FROM duckdb_tables() WHERE temporary AND table_name LIKE '%computed\\_%' ESCAPE '\\'")
        return (rows ?? []).compactMap { $0[0].text }
    }
}
