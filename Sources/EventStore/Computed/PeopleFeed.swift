public import DuckDB
internal import Model

/// What became of somebody, as the table of people has it.
public struct PeopleChange: Sendable, Equatable {
    /// The number of the change; each person has their last.
    public let changeSeq: Int64
    public let person: Int64
    /// Whom the person was merged into.
    public let mergedInto: Int64?
    public let isErased: Bool
}

/// The same with their computed columns.
public struct PeopleValues: Sendable, Equatable {
    public let change: PeopleChange
    /// A JSON object of the values; nil of whom the table has none.
    public let computed: String?
}

/// Reads of the table of people.
public enum PeopleFeed {
    /// The persons who changed after a change, in the order of their last ones.
    public static func changes(
        _ connection: Connection, after: Int64, onlyErased: Bool = false, limit: Int
    ) throws -> [PeopleChange] {
        let rows = try connection.rows(
            """
            SELECT change_seq, person_id, merged_into, erased FROM people_current
            WHERE change_seq > $1\(onlyErased ? " AND erased" : "") ORDER BY change_seq LIMIT $2
            """, [.int(after), .int(Int64(limit))])
        return rows.compactMap { row in
            guard let number = row[0].int, let person = row[1].int else { return nil }
            return PeopleChange(
                changeSeq: number, person: person, mergedInto: row[2].int, isErased: row[3].bool == true)
        }
    }

    /// The same with what is computed of each, and how far the table is at that moment.
    public static func values(
        _ connection: Connection, after: Int64, limit: Int
    ) throws -> (rows: [PeopleValues], snapshot: PeopleSnapshot) {
        try connection.transaction { connection in
            let rows = try connection.rows(
                """
                SELECT change_seq, person_id, merged_into, erased, computed FROM people_current
                WHERE change_seq > $1 ORDER BY change_seq LIMIT $2
                """, [.int(after), .int(Int64(limit))])
            let values = rows.compactMap { row -> PeopleValues? in
                guard let number = row[0].int, let person = row[1].int else { return nil }
                let change = PeopleChange(
                    changeSeq: number, person: person, mergedInto: row[2].int, isErased: row[3].bool == true)
                return PeopleValues(change: change, computed: row[4].text)
            }
            return (values, try snapshot(connection))
        }
    }

    /// How far the table is, as this connection sees it.
    public static func snapshot(_ connection: Connection) throws -> PeopleSnapshot {
        var snapshot = PeopleSnapshot()
        guard let state = try PeopleState.read(connection) else { return snapshot }
        (snapshot.seq, snapshot.changeSeq) = (state.seq, state.changeSeq)
        snapshot.pending = try connection.row("SELECT count(DISTINCT person_id) FROM people_pending")?[0].int ?? 0
        return snapshot
    }

    /// One person's computed columns as the table has them, an object of tokens.
    public static func computed(of person: Int64, _ connection: Connection) throws(DuckDBError) -> String? {
        try connection.row(
            kept: "SELECT computed FROM people_current WHERE person_id = $1 AND computed IS NOT NULL", [.int(person)])?[
                0
            ].text
    }

    /// Whether anybody was tied to others or untied after a `seq`.
    public static func hasTies(after seq: Int64, _ connection: Connection) throws(DuckDBError) -> Bool {
        try connection.row(kept: "SELECT 1 FROM aliases WHERE seq > $1 OR undone_seq > $1 LIMIT 1", [.int(seq)]) != nil
    }
}
