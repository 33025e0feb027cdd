internal import DuckDB
public import EventStore
public import Model

extension PeopleReader {
    /// Persons who changed after a change, in the order of their last ones, and how far that is known.
    public func peopleChanges(
        after: Int64, limit: Int
    ) throws -> (rows: [PeopleChange], state: PeopleSnapshot) {
        try connection.transaction { connection in
            (try PeopleFeed.changes(connection, after: after, limit: limit), try PeopleFeed.snapshot(connection))
        }
    }

    /// Persons who were erased after a change.
    public func erased(after: Int64) throws -> (rows: [PeopleChange], changeSeq: Int64) {
        try connection.transaction { connection in
            (
                try PeopleFeed.changes(connection, after: after, onlyErased: true, limit: Int(Int32.max)),
                try PeopleFeed.snapshot(connection).changeSeq
            )
        }
    }

    /// Where persons are by now who once stood by themselves: whom each was merged into; those that stand or are gone are left out.
    public func destinations(of persons: [PersonID]) throws -> [PersonID: PersonID] {
        var found: [PersonID: PersonID] = [:]
        for person in persons {
            if case .moved(let to) = try standing(person) { found[person] = to }
        }
        return found
    }
}
