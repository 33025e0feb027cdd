internal import DuckDB
internal import EventStore
public import Model

extension PeopleReader {
    /// A person's sessions, newest first. The pages of one walk show what was stored when it began.
    ///
    /// - Parameter gap: the longest break, in microseconds, within a session.
    public func timeline(
        of person: PersonID, gap: Int64, limit: Int, cursor: String? = nil
    ) throws -> Page<Session> {
        guard (1...Session.mostSessions).contains(limit) else {
            throw PeopleError(
                .limit, "A limit of sessions is from 1 to \(Session.mostSessions), and this one is \(limit).")
        }
        let from = try Cursor.parse(cursor, .sessions)
        return try connection.transaction { _ in
            let asOf = min(from?[0] ?? asOf, asOf)
            let members = try members(of: person.number)
            guard !members.all.isEmpty else { return Page([], nextCursor: nil) }
            let before = from.map { min(max(Timestamp(microseconds: $0[1]), .earliest), .latest) }
            var sessions: [Session] = []
            let times = members.rows("timestamp, seq", of: .events, in: layout, asOf: asOf)
            try each(PeopleSQL.sessions(times, gap: gap, before: before, limit: limit + 1), []) { chunk, row in
                sessions.append(
                    Session(
                        start: Timestamp(microseconds: chunk.int64(0, row: row)),
                        end: Timestamp(microseconds: chunk.int64(1, row: row)), eventsTotal: chunk.int64(2, row: row),
                        events: []))
            }
            let hasMore = sessions.count > limit
            if hasMore { sessions.removeLast() }
            for place in sessions.indices {
                sessions[place].events = try events(of: sessions[place], person, members, asOf)
            }
            let next = hasMore ? sessions.last.map { Cursor(.sessions, asOf, $0.start.microseconds).text } : nil
            return Page(sessions, nextCursor: next)
        }
    }

    private func events(
        of session: Session, _ person: PersonID, _ members: Members, _ asOf: Int64
    ) throws -> [PersonEvent] {
        let (start, end) = (DuckDBDialect.momentText(session.start), DuckDBDialect.momentText(session.end))
        let rows = members.rows(
            PeopleSQL.eventColumns, of: .events, in: layout, asOf: asOf,
            where: "timestamp BETWEEN \(start) AND \(end)")
        var events: [PersonEvent] = []
        try each(PeopleSQL.first(rows, ["true"], isDescending: false, limit: Session.mostEvents)) { chunk, row in
            events.append(PersonEvent(chunk, row, person: person, members))
        }
        return events
    }

    /// When each current property of a person was set, in the order of the names.
    public func propertyTimes(of person: PersonID) throws(PeopleError) -> [(name: String, time: Timestamp)] {
        try snapshot { () throws(DuckDBError) in
            let members = try members(of: person.number)
            guard !members.all.isEmpty else { return [] }
            let rows = members.rows("name, value, timestamp, seq", of: .propertyChanges, in: layout, asOf: asOf)
            var times: [(name: String, time: Timestamp)] = []
            try each(PeopleSQL.propertyTimes(rows), []) { chunk, row in
                times.append((chunk.column(0).string(row), Timestamp(microseconds: chunk.int64(1, row: row))))
            }
            return times
        }
    }
}
