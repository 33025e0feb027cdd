internal import DuckDB
public import EventStore
internal import Model

extension PeopleReader {
    /// Events of everybody, newest first by (timestamp, seq), or oldest first. The pages of one walk show the events that were
    /// stored when it began. `QueryError` names the node of a condition that cannot be asked of events.
    ///
    /// - Parameter after: only events with a greater `seq`.
    public func events(
        _ filter: EventFilter, after: Int64 = 0, isOldestFirst: Bool, limit: Int, cursor: String?
    ) throws -> Page<PersonEvent> {
        try PageLimit.check(limit)
        let place = try EventPlace(cursor)
        return try connection.transaction { _ in
            let asOf = min(place?.asOf ?? asOf, asOf)
            let isDescending = isOldestFirst == (place?.isBack ?? false)
            var tests = try filter.tests(asOf: asOf)
            if after > 0 { tests.append("e.seq > \(after)") }
            if let place {
                tests.append(
                    SQLFragment(
                        stringLiteral: "("
                            + PeopleSQL.comesAfter(place.timestamp, place.seq, isDescending: isDescending) + ")"))
            }
            // First which, by what is narrow; only of these all that there is.
            var chosen: [Int64] = []
            var times: ClosedRange<Timestamp>?
            try each(PeopleSQL.places(tests, isDescending: isDescending, limit: limit + 1)) { chunk, row in
                chosen.append(chunk.int64(0, row: row))
                let time = Timestamp(microseconds: chunk.int64(1, row: row))
                times = min(times?.lowerBound ?? time, time)...max(times?.upperBound ?? time, time)
            }
            var events: [PersonEvent] = []
            if let times {
                try each(
                    PeopleSQL.wholeEvents(chosen, times, persons: try persons(), isDescending: isDescending), []
                ) { chunk, row in events.append(PersonEvent(whole: chunk, row)) }
            }
            return EventPlace.page(events, limit: limit, asOf: asOf, from: place)
        }
    }

    /// Events with a `seq` in (after, through], in that order, at most so many.
    public func events(
        _ filter: EventFilter, after: Int64, through: Int64, limit: Int
    ) throws -> [PersonEvent] {
        try connection.transaction { _ in
            let tests = try filter.tests(asOf: through) + ["e.seq > \(after)"]
            var events: [PersonEvent] = []
            try each(
                PeopleSQL.eventsBySeq(tests, persons: SQLFragment(stringLiteral: try persons()), limit: limit)
            ) { chunk, row in events.append(PersonEvent(whole: chunk, row)) }
            return events
        }
    }
}

extension PersonEvent {
    /// Reads a row that has the identity and the person behind `PeopleSQL.eventColumns`.
    fileprivate init(whole chunk: Chunk, _ row: Int) {
        self.init(
            chunk, row, person: PersonID(chunk.int64(8, row: row)), identity: chunk.column(7).string(row))
    }
}
