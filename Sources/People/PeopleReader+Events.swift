internal import DuckDB
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
            let asOf = from?[0] ?? asOf
            // From the end of time for the first page.
            let (time, seq) = (from?[1] ?? Timestamp.latest.microseconds, from?[2] ?? .max)
            var names: [Int64: String] = [:]
            try each(PeopleSQL.identities, [.int(person.number)]) { chunk, row in
                names[chunk.int64(0, row: row)] = chunk.column(1).string(row)
            }
            guard !names.isEmpty else { return Page([], nextCursor: nil) }
            var events: [PersonEvent] = []
            try each(
                PeopleSQL.events(identities: names.count),
                [.int(asOf), .timestamp(time), .int(seq), .int(Int64(limit) + 1)] + names.keys.map { .int($0) }
            ) { chunk, row in
                events.append(PersonEvent(chunk, row, person: person, names))
            }
            guard events.count > limit else { return Page(events, nextCursor: nil) }
            events.removeLast()
            let next = events.last.map { Cursor(.events, asOf, $0.timestamp.microseconds, $0.seq).text }
            return Page(events, nextCursor: next)
        }
    }
}

extension PersonEvent {
    fileprivate init(_ chunk: Chunk, _ row: Int, person: PersonID, _ names: [Int64: String]) {
        seq = chunk.int64(0, row: row)
        eventID = chunk.column(1).string(row)
        identity = names[chunk.int64(2, row: row)] ?? ""
        personID = person
        event = chunk.column(3).string(row)
        timestamp = Timestamp(microseconds: chunk.int64(4, row: row))
        receivedAt = Timestamp(microseconds: chunk.int64(5, row: row))
        properties = chunk.column(6).bytes(row)
    }
}
