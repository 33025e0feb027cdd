internal import EventStore
internal import Model

/// Statements about everybody, and about several people at once.
extension PeopleSQL {
    private static let wholeColumns =
        "e.seq, e.event_id, e.identity_id, e.event, e.timestamp, e.received_at, e.properties, i.identity, i.person_id"

    /// The first events in an order, of those that pass: `seq, timestamp`.
    static func places(_ tests: [SQLFragment], isDescending: Bool, limit: Int) -> SQLFragment {
        let order: SQLFragment = isDescending ? "e.timestamp DESC, e.seq DESC" : "e.timestamp, e.seq"
        return """
            SELECT e.seq, e.timestamp FROM events e WHERE \(tests.joined(" AND ")) ORDER BY \(order) LIMIT \(Int64(limit))
            """
    }

    /// Events by their numbers, with identities and persons.
    static func wholeEvents(
        _ seqs: [Int64], _ times: ClosedRange<Timestamp>, persons: String, isDescending: Bool
    ) -> String {
        let (first, last) = (
            DuckDBDialect.momentText(times.lowerBound), DuckDBDialect.momentText(times.upperBound)
        )
        return """
            SELECT \(wholeColumns) FROM events e JOIN \(persons) i ON i.identity_id = e.identity_id
            WHERE e.seq IN (\(seqs.map { String($0) }.joined(separator: ", "))) AND e.timestamp BETWEEN \(first) AND \(last)
            ORDER BY \(isDescending ? "e.timestamp DESC, e.seq DESC" : "e.timestamp, e.seq")
            """
    }

    /// Events that pass in the order of their `seq`, with identities and persons.
    static func eventsBySeq(_ tests: [SQLFragment], persons: SQLFragment, limit: Int) -> SQLFragment {
        """
        SELECT \(SQLFragment(stringLiteral: wholeColumns)) FROM events e JOIN \(persons) i ON i.identity_id = e.identity_id \
        WHERE \(tests.joined(" AND ")) ORDER BY e.seq LIMIT \(Int64(limit))
        """
    }

    // MARK: Several people

    /// The identities of the people $1.
    static func allMembers(_ persons: String) -> String {
        """
        SELECT person_id, identity_id, identity, first_seq FROM \(persons) i
        WHERE person_id IN (SELECT unnest($1)) AND first_seq <= $2 ORDER BY person_id, identity_id
        """
    }

    /// The persons of the identities $1.
    static func personsOf(_ persons: String) -> String {
        "SELECT identity, person_id FROM \(persons) i WHERE identity IN (SELECT unnest($1)) AND first_seq <= $2"
    }

    /// The identities $1 with their persons $2.
    private static let owners = "(SELECT unnest($1) AS identity_id, unnest($2) AS person_id)"

    /// First and last event and their number, of rows of `identity_id, timestamp`, for the persons that have any.
    static func allActivity(_ rows: String) -> String {
        """
        SELECT m.person_id, min(e.timestamp), max(e.timestamp), count(*)
        FROM (\(rows)) e JOIN \(owners) m ON m.identity_id = e.identity_id GROUP BY m.person_id
        """
    }

    /// The current values, `null` among them, of rows of `identity_id, name, value, timestamp, seq`.
    static func allProperties(_ rows: String) -> String {
        """
        SELECT m.person_id, c.name, \(DuckDBDialect.latestText("c.value"))
        FROM (\(rows)) c JOIN \(owners) m ON m.identity_id = c.identity_id
        GROUP BY m.person_id, c.name ORDER BY m.person_id, c.name
        """
    }
}
