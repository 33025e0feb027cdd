/// Every statement of this room, in the engine's words. Values are bound, never written in.
enum PeopleSQL {
    /// The person of identity text $1.
    static let personOfIdentity = "SELECT person_id FROM identities WHERE identity = $1"

    /// The person that identity id $1 belongs to.
    static let personOfID = "SELECT person_id FROM identities WHERE identity_id = $1"

    /// The next $2 people after $1.
    static let people = """
        SELECT person_id FROM identities WHERE identity_id = person_id AND person_id > $1 ORDER BY person_id LIMIT $2
        """

    /// The identities of the people $1.
    static let members = """
        SELECT person_id, identity FROM identities WHERE person_id IN (SELECT unnest($1))
        ORDER BY person_id, identity_id
        """

    /// First and last event and their number, for the people $1 that have any.
    static let activity = """
        SELECT i.person_id, min(e.timestamp), max(e.timestamp), count(*)
        FROM events e JOIN identities i ON i.identity_id = e.identity_id
        WHERE i.person_id IN (SELECT unnest($1)) GROUP BY i.person_id
        """

    /// The current values of the people $1, `null` among them.
    static let properties = """
        SELECT i.person_id, c.name, c.value
        FROM property_changes c JOIN identities i ON i.identity_id = c.identity_id
        WHERE i.person_id IN (SELECT unnest($1))
        QUALIFY row_number() OVER (PARTITION BY i.person_id, c.name ORDER BY c.timestamp DESC, c.seq DESC) = 1
        ORDER BY i.person_id, c.name
        """

    /// The identities of person $1.
    static let identities = "SELECT identity_id, identity FROM identities WHERE person_id = $1"

    /// The events of `identities` identities ($5 and on) up to `seq` $1 that come after the event ($2, $3) in the order
    /// newest first; $4 of them.
    ///
    /// With the identities as values the engine scans one narrow column and fetches the rest of the page's rows only; a join
    /// takes twice the time.
    static func events(identities: Int) -> String {
        let places = (0..<identities).map { "$\($0 + 5)" }.joined(separator: ", ")
        return """
            SELECT seq, event_id, identity_id, event, timestamp, received_at, properties FROM events
            WHERE identity_id IN (\(places)) AND seq <= $1 AND timestamp <= $2 AND (timestamp < $2 OR seq < $3)
            ORDER BY timestamp DESC, seq DESC LIMIT $4
            """
    }

    private static let changesOf = """
        SELECT c.seq, c.timestamp, i.identity, c.name, c.value
        FROM property_changes c JOIN identities i ON i.identity_id = c.identity_id
        WHERE i.person_id = $1
        """

    /// The changes of person $1, of property $2 or of all if it is NULL, up to `seq` $3, from the change ($4, $5) on in the
    /// order newest first; $6 of them after the first $7.
    static let changes =
        changesOf + """
             AND ($2 IS NULL OR c.name = $2) AND c.seq <= $3 AND (c.timestamp < $4 OR (c.timestamp = $4 AND c.seq <= $5))
            ORDER BY c.timestamp DESC, c.seq DESC, c.name LIMIT $6 OFFSET $7
            """

    /// The first value of property $2 of person $1.
    static let firstChange =
        changesOf + " AND c.name = $2 AND c.value <> 'null' ORDER BY c.timestamp, c.seq LIMIT 1"

    /// The latest change of property $2 of person $1 at or before $3.
    static let changeAt =
        changesOf + " AND c.name = $2 AND c.timestamp <= $3 ORDER BY c.timestamp DESC, c.seq DESC LIMIT 1"

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
