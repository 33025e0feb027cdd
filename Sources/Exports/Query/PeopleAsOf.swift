internal import DuckDB
internal import EventStore

/// Who was which person as of a `seq`, as SQL.
struct PeopleAsOf: Sendable {
    /// The temporary table that `materialise` makes.
    static let table = "export_people"

    /// A query of `identity_id`, `identity`, `person_id`, `named` and `first_seq` for every identity that existed. It
    /// holds in the transaction in which it was made.
    let sql: String

    init(_ connection: Connection, asOf seq: Int64) throws {
        let map = try PersonMap.relation(connection, asOf: seq)
        let person = map == nil ? "i.person_id" : "coalesce(m.person_id, i.person_id)"
        let join = map.map { " LEFT JOIN \($0) m ON m.identity_id = i.identity_id" } ?? ""
        sql = """
            SELECT i.identity_id, i.identity, \(person) AS person_id, coalesce(i.named_seq <= \(seq), false) AS named, \
            i.first_seq FROM identities i\(join) WHERE i.first_seq <= \(seq)
            """
    }

    /// Keeps the answer as a temporary table with the person's public id beside it, so that later statements need no common
    /// transaction with it.
    ///
    /// - Parameter persons: a table of `person_id`, outside of which nobody is kept; nil for everybody.
    func materialise(_ connection: Connection, onlyPersonsOf persons: String? = nil) throws {
        let person = SQLStatement(DuckDBDialect.personText("q.person_id")).text
        let only = persons.map { " WHERE q.person_id IN (SELECT person_id FROM \($0))" } ?? ""
        try connection.execute(
            "CREATE OR REPLACE TEMP TABLE \(Self.table) AS SELECT q.*, \(person) AS person FROM (\(sql)) q\(only)")
    }
}
