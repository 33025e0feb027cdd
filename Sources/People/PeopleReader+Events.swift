internal import DuckDB
public import EventStore
public import Model

extension PeopleReader {
    /// What a person did, newest first by (timestamp, seq), or oldest first.
    ///
    /// The pages of one walk show the events that were stored when it began: what arrives meanwhile changes none of them.
    /// `QueryError` names the node of a condition that cannot be asked of events.
    public func events(
        of person: PersonID, _ filter: EventFilter = EventFilter(), isOldestFirst: Bool = false,
        limit: Int = PageLimit.standard, cursor: String? = nil
    ) throws -> Page<PersonEvent> {
        try PageLimit.check(limit)
        let place = try EventPlace(cursor)
        return try connection.transaction { _ in
            let asOf = min(place?.asOf ?? asOf, asOf)
            let members = try members(of: person.number)
            guard !members.all.isEmpty else { return Page([], nextCursor: nil) }
            // Towards what was shown before the order is the other way round.
            let isDescending = isOldestFirst == (place?.isBack ?? false)
            let rows = members.rows(
                PeopleSQL.eventColumns, of: .events, in: layout, asOf: asOf,
                where: place.map { PeopleSQL.comesAfter($0.timestamp, $0.seq, isDescending: isDescending) })
            var events: [PersonEvent] = []
            try each(
                PeopleSQL.first(rows, try filter.tests(asOf: asOf), isDescending: isDescending, limit: limit + 1)
            ) { chunk, row in
                events.append(PersonEvent(chunk, row, person: person, members))
            }
            return EventPlace.page(events, limit: limit, asOf: asOf, from: place)
        }
    }
}

/// Where a walk through events goes on.
struct EventPlace {
    let asOf: Int64
    let timestamp: Timestamp
    let seq: Int64
    /// Whether it goes back to what was shown before.
    let isBack: Bool

    /// Reads a cursor; nil stays nil.
    init?(_ cursor: String?) throws(PeopleError) {
        guard let cursor else { return nil }
        isBack = cursor.hasPrefix(Cursor.List.eventsBack.rawValue + ".")
        guard let numbers = try Cursor.parse(cursor, isBack ? .eventsBack : .events) else { return nil }
        (asOf, timestamp, seq) = (numbers[0], Timestamp(microseconds: numbers[1]), numbers[2])
    }

    /// A page of events that were read up to one too many, in the order of reading.
    static func page(
        _ found: [PersonEvent], limit: Int, asOf: Int64, from place: EventPlace?
    ) -> Page<PersonEvent> {
        var events = Array(found.prefix(limit))
        let hasMore = found.count > limit
        let isBack = place?.isBack ?? false
        if isBack { events.reverse() }
        func cursor(_ list: Cursor.List, _ event: PersonEvent?, _ isThere: Bool) -> String? {
            guard isThere, let event else { return nil }
            return Cursor(list, asOf, event.timestamp.microseconds, event.seq).text
        }
        // Where one came from, there is something.
        return Page(
            events, nextCursor: cursor(.events, events.last, isBack || hasMore),
            previousCursor: cursor(.eventsBack, events.first, isBack ? hasMore : place != nil))
    }
}

extension PersonEvent {
    init(_ chunk: Chunk, _ row: Int, person: PersonID, _ members: Members) {
        self.init(chunk, row, person: person, identity: members.text(chunk.int64(2, row: row)))
    }

    /// Reads a row of `PeopleSQL.eventColumns`.
    init(_ chunk: Chunk, _ row: Int, person: PersonID, identity: String) {
        seq = chunk.int64(0, row: row)
        eventID = chunk.column(1).string(row)
        self.identity = identity
        personID = person
        event = chunk.column(3).string(row)
        timestamp = Timestamp(microseconds: chunk.int64(4, row: row))
        receivedAt = Timestamp(microseconds: chunk.int64(5, row: row))
        properties = chunk.column(6).bytes(row)
    }
}
