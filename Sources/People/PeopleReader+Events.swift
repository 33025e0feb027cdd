internal import DuckDB
internal import EventStore
public import Model

extension PeopleReader {
    /// What a person did, newest first by (timestamp, seq).
    ///
    /// The pages of one walk show the events that were stored when it began: what arrives meanwhile changes none of them.
    public func events(
        of person: PersonID, limit: Int = PageLimit.standard, cursor: String? = nil
    ) throws(PeopleError) -> Page<PersonEvent> {
        try PageLimit.check(limit)
        let from = try Cursor.parse(cursor, .events)
        return try snapshot { () throws(DuckDBError) in
            let asOf = min(from?[0] ?? asOf, asOf)
            let members = try members(of: person.number)
            guard !members.all.isEmpty else { return Page([], nextCursor: nil) }
            var events: [PersonEvent] = []
            let rows = members.rows(
                PeopleSQL.eventColumns, of: .events, in: layout, asOf: asOf,
                where: from.map { PeopleSQL.isBefore(Timestamp(microseconds: $0[1]), $0[2]) })
            try each(PeopleSQL.newest(rows, limit: limit + 1), []) { chunk, row in
                events.append(PersonEvent(chunk, row, person: person, members))
            }
            guard events.count > limit else { return Page(events, nextCursor: nil) }
            events.removeLast()
            let next = events.last.map { Cursor(.events, asOf, $0.timestamp.microseconds, $0.seq).text }
            return Page(events, nextCursor: next)
        }
    }
}

extension PersonEvent {
    fileprivate init(_ chunk: Chunk, _ row: Int, person: PersonID, _ members: Members) {
        seq = chunk.int64(0, row: row)
        eventID = chunk.column(1).string(row)
        identity = members.text(chunk.int64(2, row: row))
        personID = person
        event = chunk.column(3).string(row)
        timestamp = Timestamp(microseconds: chunk.int64(4, row: row))
        receivedAt = Timestamp(microseconds: chunk.int64(5, row: row))
        properties = chunk.column(6).bytes(row)
    }
}
