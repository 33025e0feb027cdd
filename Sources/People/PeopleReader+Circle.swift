internal import DuckDB
internal import EventStore
internal import Model

/// All that is stored of some persons, from the oldest to the newest, page by page. Each page can be read on a connection of its
/// own: with the same `asOf` they are of one state.
extension PeopleReader {
    /// The persons that these identities belong to, with all their identities; empty if nobody has any.
    public func circle(_ texts: [String]) throws(PeopleError) -> PersonCircle {
        var numbers: Set<Int64> = []
        for text in texts {
            if let person = try person(of: text) { numbers.insert(person.number) }
        }
        let sorted = numbers.sorted()
        return try snapshot { () throws(DuckDBError) in
            var identities: [PersonCircle.Identity] = []
            for number in sorted {
                identities += try members(of: number).all.map { member in
                    PersonCircle.Identity(
                        text: member.text, firstSeq: member.firstSeq, person: PersonID(number), id: member.id)
                }
            }
            return PersonCircle(identities)
        }
    }

    /// What they did, after a place.
    public func events(
        of circle: PersonCircle, after place: HistoryPlace, limit: Int
    ) throws(PeopleError) -> [PersonEvent] {
        try snapshot { () throws(DuckDBError) in
            var events: [PersonEvent] = []
            try each(
                PeopleSQL.eventsAfter(
                    circle.members.rows(PeopleSQL.eventColumns, of: .events, in: layout, asOf: asOf)),
                [.timestamp(place.timestamp), .int(place.seq), .int(Int64(limit))]
            ) { chunk, row in
                guard let identity = circle.identity(chunk.int64(2, row: row)) else { return }
                events.append(
                    PersonEvent(
                        seq: chunk.int64(0, row: row), eventID: chunk.column(1).string(row), identity: identity.text,
                        personID: identity.person, event: chunk.column(3).string(row),
                        timestamp: Timestamp(microseconds: chunk.int64(4, row: row)),
                        receivedAt: Timestamp(microseconds: chunk.int64(5, row: row)),
                        properties: chunk.column(6).bytes(row)))
            }
            return events
        }
    }

    /// What was set on them, after a place.
    public func changes(
        of circle: PersonCircle, after place: HistoryPlace, limit: Int
    ) throws(PeopleError) -> [PropertyChange] {
        try snapshot { () throws(DuckDBError) in
            var changes: [PropertyChange] = []
            try each(
                PeopleSQL.changesAfter(
                    circle.members.rows(PeopleSQL.changeColumns, of: .propertyChanges, in: layout, asOf: asOf)),
                [.timestamp(place.timestamp), .int(place.seq), .text(place.name), .int(Int64(limit))]
            ) { chunk, row in
                guard let identity = circle.identity(chunk.int64(2, row: row)) else { return }
                changes.append(
                    PropertyChange(
                        seq: chunk.int64(0, row: row), timestamp: Timestamp(microseconds: chunk.int64(1, row: row)),
                        identity: identity.text, name: chunk.column(3).string(row), value: chunk.column(4).bytes(row)))
            }
            return changes
        }
    }

    /// The aliases that name them, undone ones too, with a greater `seq`.
    public func aliases(
        of circle: PersonCircle, after seq: Int64, limit: Int
    ) throws(PeopleError) -> [AliasRecord] {
        try snapshot { () throws(DuckDBError) in
            var found: [AliasRecord] = []
            try each(PeopleSQL.aliasesAfter(asOf: asOf), [.int(seq), circle.ids, .int(Int64(limit))]) { chunk, row in
                found.append(AliasRecord(chunk, row))
            }
            return found
        }
    }

    /// All rejects with a greater `seq`, oldest first.
    public func rejects(after seq: Int64, limit: Int) throws(PeopleError) -> [RejectRecord] {
        try snapshot { () throws(DuckDBError) in
            var found: [RejectRecord] = []
            try each(PeopleSQL.rejectsAfter(asOf: asOf), [.int(seq), .int(Int64(limit))]) { chunk, row in
                found.append(RejectRecord(chunk, row))
            }
            return found
        }
    }
}
