internal import EventStore
internal import Model

/// Every statement of this room, in the engine's words. Texts are bound; numbers of our own are written in, since the engine
/// skips parts of files only by constants.
enum PeopleSQL {
    /// The identity with text $1, its person, and the `seq` it first came with.
    static let identity: StaticString = "SELECT identity_id, person_id, first_seq FROM identities WHERE identity = $1"

    /// The person that an identity's id belongs to, and the `seq` it first came with.
    static func personOfID(_ id: Int64) -> String {
        "SELECT person_id, first_seq FROM identities WHERE identity_id = \(id)"
    }

    /// The next $2 people after $1.
    static func people(_ persons: String) -> String {
        """
        SELECT person_id FROM \(persons) i WHERE identity_id = person_id AND person_id > $1 AND first_seq <= $3
        ORDER BY person_id LIMIT $2
        """
    }

    /// The people who were there up to a `seq`.
    static func everybody(_ persons: SQLFragment, asOf: Int64) -> SQLFragment {
        "SELECT i.person_id FROM \(persons) i WHERE i.identity_id = i.person_id AND i.first_seq <= \(asOf)"
    }

    /// One person's identities with the person, as `persons` has everybody's.
    static func only(_ members: Members, _ person: PersonID) -> SQLFragment {
        let ids = members.all.map { "\($0.id)" }.joined(separator: ", ")
        return SQLFragment(
            stringLiteral: "(SELECT unnest([\(ids)]::BIGINT[]) AS identity_id, \(person.number)::BIGINT AS person_id)")
    }

    /// Every identity with its person: as now, or with a relation of those whose person was another one then.
    static func persons(_ map: String?) -> String {
        guard let map else { return "identities" }
        return """
            (SELECT i.identity_id, i.identity, i.first_seq, coalesce(m.person_id, i.person_id) AS person_id
            FROM identities i LEFT JOIN \(map) m ON m.identity_id = i.identity_id)
            """
    }

    /// The identity with an id: `identity_id, identity, first_seq`.
    static func identity(_ id: Int64) -> String {
        "SELECT identity_id, identity, first_seq FROM identities WHERE identity_id = \(id)"
    }

    /// The identities of a person, later ones too: `identity_id, identity, first_seq`.
    ///
    /// - Parameter map: the relation with those whose person was another one then; nil if none was.
    static func members(of person: Int64, map: String?) -> String {
        let columns = "SELECT i.identity_id, i.identity, i.first_seq FROM identities i"
        guard let map else { return "\(columns) WHERE i.person_id = \(person)" }
        return """
            \(columns) LEFT JOIN \(map) m ON m.identity_id = i.identity_id
            WHERE coalesce(m.person_id, i.person_id) = \(person)
            """
    }

    /// The person of an identity then, if it was another one.
    static func person(of identity: Int64, in map: String) -> String {
        "SELECT person_id FROM \(map) WHERE identity_id = \(identity)"
    }

    // MARK: One person; `rows` is a relation of the person's rows (`Members.rows`)

    static let eventColumns = "seq, event_id, identity_id, event, timestamp, received_at, properties"
    static let changeColumns = "seq, timestamp, identity_id, name, value"

    /// First and last event, and how many, of rows of `timestamp`.
    static func activity(_ rows: String) -> String {
        "SELECT min(timestamp), max(timestamp), count(*) FROM (\(rows)) e"
    }

    /// The current values, `null` among them, of rows of `name, value, timestamp, seq`.
    static func properties(_ rows: String) -> String {
        "SELECT name, \(DuckDBDialect.latestText("value")) FROM (\(rows)) c GROUP BY name ORDER BY name"
    }

    /// The times of the current values, of rows of `name, value, timestamp, seq`.
    static func propertyTimes(_ rows: String) -> String {
        """
        SELECT name, max(timestamp) FROM (\(rows)) c GROUP BY name
        HAVING \(DuckDBDialect.latestText("value")) <> 'null' ORDER BY name
        """
    }

    /// Of rows of `timestamp` and `seq`: those that come after a place in an order by both.
    static func comesAfter(_ time: Timestamp, _ seq: Int64, isDescending: Bool) -> String {
        // A cursor that nobody gave out may hold anything.
        let time = DuckDBDialect.momentText(min(max(time, .earliest), .latest))
        let sign = isDescending ? "<" : ">"
        return "timestamp \(sign)= \(time) AND (timestamp \(sign) \(time) OR seq \(sign) \(max(seq, 0)))"
    }

    /// The first rows in an order, of those that pass.
    static func first(
        _ rows: String, _ tests: [SQLFragment], isDescending: Bool, limit: Int
    ) -> SQLFragment {
        let order = isDescending ? "e.timestamp DESC, e.seq DESC" : "e.timestamp, e.seq"
        return """
            SELECT * FROM (\(SQLFragment(stringLiteral: rows))) e WHERE \(tests.joined(" AND ")) \
            ORDER BY \(SQLFragment(stringLiteral: order)) LIMIT \(Int64(limit))
            """
    }

    /// Sessions, newest first: first and last moment, and how many events, of rows of `timestamp, seq`. A session ends where
    /// nothing follows for longer than `gap` microseconds.
    ///
    /// - Parameter start: only sessions that begin before it; nil for all.
    static func sessions(_ rows: String, gap: Int64, before start: Timestamp?, limit: Int) -> String {
        let moment = DuckDBDialect.microsecondsText("timestamp")
        let having = start.map { "HAVING min(timestamp) < \(DuckDBDialect.momentText($0))" } ?? ""
        return """
            SELECT min(timestamp), max(timestamp), count(*) FROM (
                SELECT timestamp, count(*) FILTER (WHERE isolated) OVER (ORDER BY timestamp, seq) AS session FROM (
                    SELECT timestamp, seq, \(moment) - lag(\(moment)) OVER (ORDER BY timestamp, seq) > \(gap) AS isolated
                    FROM (\(rows)) e) d) s
            GROUP BY session \(having) ORDER BY min(timestamp) DESC LIMIT \(limit)
            """
    }

    /// Changes of property $1, or of all if it is NULL, from the change ($2, $3) on in the order newest first; $4 of them
    /// after the first $5.
    static func changes(_ rows: String) -> String {
        """
        SELECT \(changeColumns) FROM (\(rows)) c
        WHERE ($1 IS NULL OR name = $1) AND (timestamp < $2 OR (timestamp = $2 AND seq <= $3))
        ORDER BY timestamp DESC, seq DESC, name LIMIT $4 OFFSET $5
        """
    }

    /// The first value of property $1.
    static func firstChange(_ rows: String) -> String {
        """
        SELECT \(changeColumns) FROM (\(rows)) c
        WHERE name = $1 AND value <> 'null' ORDER BY timestamp, seq LIMIT 1
        """
    }

    /// The latest change of property $1 at or before $2.
    static func changeAt(_ rows: String) -> String {
        """
        SELECT \(changeColumns) FROM (\(rows)) c
        WHERE name = $1 AND timestamp <= $2 ORDER BY timestamp DESC, seq DESC LIMIT 1
        """
    }

    // MARK: From the oldest to the newest

    /// Events that come after the event ($1, $2) in the order oldest first; $3 of them.
    static func eventsAfter(_ rows: String) -> String {
        """
        SELECT \(eventColumns) FROM (\(rows)) e WHERE timestamp >= $1 AND (timestamp > $1 OR seq > $2)
        ORDER BY timestamp, seq LIMIT $3
        """
    }

    /// Changes that come after the change ($1, $2, $3) in the order oldest first; $4 of them.
    static func changesAfter(_ rows: String) -> String {
        """
        SELECT \(changeColumns) FROM (\(rows)) c
        WHERE timestamp >= $1 AND (timestamp > $1 OR seq > $2 OR (seq = $2 AND name > $3))
        ORDER BY timestamp, seq, name LIMIT $4
        """
    }

    /// Aliases with a greater `seq` than $1 that name one of the identities $2, oldest first; $3 of them.
    static func aliasesAfter(asOf: Int64) -> String {
        """
        SELECT seq, timestamp, identity, other, derived, CASE WHEN undone_seq <= \(asOf) THEN undone_seq END
        FROM aliases WHERE seq > $1 AND seq <= \(asOf)
            AND (identity_id IN (SELECT unnest($2)) OR other_id IN (SELECT unnest($2)))
        ORDER BY seq LIMIT $3
        """
    }

    /// Rejects with a greater `seq` than $1, oldest first; $2 of them.
    static func rejectsAfter(asOf: Int64) -> String {
        """
        SELECT seq, received_at, protocol, reason, raw FROM rejects WHERE seq > $1 AND seq <= \(asOf)
        ORDER BY seq LIMIT $2
        """
    }

    // MARK: Lists

    private static let aliasColumns = "SELECT seq, timestamp, identity, other, derived, undone_seq FROM aliases"

    /// Aliases with a smaller `seq` than $1, newest first; $2 of them.
    static let aliases = aliasColumns + " WHERE seq < $1 ORDER BY seq DESC LIMIT $2"

    /// The alias with `seq` $1.
    static let alias = aliasColumns + " WHERE seq = $1"

    /// Rejects with a smaller `seq` than $1, newest first; $2 of them.
    static let rejects = """
        SELECT seq, received_at, protocol, reason, raw FROM rejects WHERE seq < $1 ORDER BY seq DESC LIMIT $2
        """
}
