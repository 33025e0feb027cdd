internal import DuckDB
public import EventStore
public import Model

/// People, their histories, aliases and rejects of one store, read on its short-read lanes.
///
/// ```swift
/// let people = PersonLookup(store: store)
/// if let person = try await people.person(identity: "ann@example.com") {
///     let page = try await people.events(of: person.id, limit: 20)
/// }
/// ```
///
/// To read what was just written, wait for it first (`EventStore.waitForApplied`).
public struct PersonLookup: Sendable {
    private let store: EventStore

    public init(store: EventStore) { self.store = store }

    /// The person that an identity belongs to; nil if nobody ever had it. Identities are compared byte by byte.
    public func person(identity: String) async throws(PeopleError) -> Person? {
        try await read { reader throws(PeopleError) in try reader.person(identity: identity) }
    }

    /// The person with an id, or where it went.
    public func person(_ id: PersonID) async throws(PeopleError) -> PersonAnswer {
        try await read { reader throws(PeopleError) in try reader.person(id) }
    }

    /// All people, in the order in which they first appeared.
    public func people(
        limit: Int = PageLimit.standard, cursor: String? = nil
    ) async throws(PeopleError) -> Page<Person> {
        try await read { reader throws(PeopleError) in try reader.people(limit: limit, cursor: cursor) }
    }

    /// What a person did, newest first by (timestamp, seq).
    public func events(
        of person: PersonID, limit: Int = PageLimit.standard, cursor: String? = nil
    ) async throws(PeopleError) -> Page<PersonEvent> {
        try await read { reader throws(PeopleError) in
            do { return try reader.events(of: person, limit: limit, cursor: cursor) } catch {
                throw PeopleError(reading: error)
            }
        }
    }

    /// The changes of one property of a person, or of all, newest first by (timestamp, seq).
    public func changes(
        of person: PersonID, name: String? = nil, limit: Int = PageLimit.standard, cursor: String? = nil
    ) async throws(PeopleError) -> Page<PropertyChange> {
        try await read { reader throws(PeopleError) in
            try reader.changes(of: person, name: name, limit: limit, cursor: cursor)
        }
    }

    /// The value of a property at a moment of its history; nil if the person had none then.
    public func property(
        _ name: String, of person: PersonID, _ moment: PropertyMoment
    ) async throws(PeopleError) -> PropertyChange? {
        try await read { reader throws(PeopleError) in try reader.property(name, of: person, moment) }
    }

    /// All aliases, newest first, undone ones among them.
    public func aliases(
        limit: Int = PageLimit.standard, cursor: String? = nil
    ) async throws(PeopleError) -> Page<AliasRecord> {
        try await read { reader throws(PeopleError) in try reader.aliases(limit: limit, cursor: cursor) }
    }

    /// All rejects, newest first.
    public func rejects(
        limit: Int = PageLimit.standard, cursor: String? = nil
    ) async throws(PeopleError) -> Page<RejectRecord> {
        try await read { reader throws(PeopleError) in try reader.rejects(limit: limit, cursor: cursor) }
    }

    /// What taking the alias with a `seq` back comes to; the caller writes the item to the journal.
    public func undo(alias seq: Int64, at now: Timestamp) async throws(PeopleError) -> AliasUndo {
        let alias = try await read { reader throws(PeopleError) in try reader.alias(seq) }
        return AliasUndo(alias, at: now)
    }

    private func read<T: Sendable>(
        _ body: @Sendable (PeopleReader) throws(PeopleError) -> T
    ) async throws(PeopleError) -> T {
        do {
            return try await store.readPinned { connection, pinned in
                try body(PeopleReader(connection, pinned))
            }
        } catch let error as PeopleError {
            throw error
        } catch let error as DuckDBError {
            throw PeopleError(error)
        } catch let error as StoreError {
            throw PeopleError(error)
        } catch {
            throw PeopleError(.store, String(describing: error))
        }
    }
}

extension PeopleError {
    /// The error for one of the store's.
    init(_ error: StoreError) {
        switch error.code {
        case .busy, .lagging: self.init(.busy, error.message, isTransient: true)
        case .cancelled: self.init(.cancelled, error.message)
        default: self.init(.store, error.message, isTransient: error.isTransient)
        }
    }
}
