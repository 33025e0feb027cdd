public import DuckDB
public import EventStore
public import Model

/// Reads people on one connection. Each call sees one state of the store, though it may run several statements.
public struct PeopleReader {
    let connection: Connection
    let layout: Layout
    /// The highest `seq` that is shown.
    let asOf: Int64
    /// The highest `seq` that is shown.
    public var seq: Int64 { asOf }
    /// Whether that is of the past, when people may have been others.
    private let isPast: Bool
    /// Who is tied to others now; nil where it is not known, or not what is asked for.
    let ties: PersonTies?
    /// How far the table of people is.
    let people: PeopleProgress?

    /// Reads on a connection that the store lends.
    ///
    /// - Parameter asOf: shows what was stored up to this `seq`; nil for all that the connection sees.
    public init(_ connection: Connection, _ pinned: Pinned, asOf: Int64? = nil) {
        self.connection = connection
        layout = pinned.layout
        self.asOf = min(asOf ?? pinned.seq, pinned.seq)
        // Also where it is the newest: what is applied meanwhile would be seen.
        isPast = asOf != nil
        ties = asOf == nil ? pinned.ties : nil
        people = pinned.people
    }

    /// The person that an identity belongs to; nil if nobody ever had it.
    public func person(identity: String) throws(PeopleError) -> Person? {
        try snapshot { () throws(DuckDBError) in
            let map = try map()
            return try number(of: identity, map).flatMap { number throws(DuckDBError) in try person(number, map) }
        }
    }

    /// The id of the person that an identity belongs to, without the person.
    func person(of identity: String) throws(PeopleError) -> PersonID? {
        try snapshot { () throws(DuckDBError) in try number(of: identity, try map()).map { PersonID($0) } }
    }

    private func number(of identity: String, _ map: String?) throws(DuckDBError) -> Int64? {
        guard let row = try connection.row(kept: PeopleSQL.identity, [.text(identity)]), let id = row[0].int,
            let now = row[1].int, let first = row[2].int, first <= asOf
        else { return nil }
        if let ties, !ties.isTied(id) {
            ties.remember(PersonTies.Single(identity: identity, firstSeq: first), id)
            return id
        }
        return try person(of: id, now: now, map)
    }

    /// The person with an id, or where it went.
    public func person(_ id: PersonID) throws(PeopleError) -> PersonAnswer {
        try snapshot { () throws(DuckDBError) in
            let map = try map()
            switch try standing(id, map) {
            case .here: return try person(id.number, map).map { .person($0) } ?? .unknown
            case .moved(let to): return .moved(to: to)
            case .unknown: return .unknown
            }
        }
    }

    /// Whether a person's id stands, without the person.
    public func standing(_ id: PersonID) throws(PeopleError) -> PersonStanding {
        try snapshot { () throws(DuckDBError) in try standing(id, try map()) }
    }

    private func standing(_ id: PersonID, _ map: String?) throws(DuckDBError) -> PersonStanding {
        if try single(id.number) != nil { return .here }
        guard let row = try connection.row(PeopleSQL.personOfID(id.number)), let now = row[0].int,
            let first = row[1].int, first <= asOf
        else { return .unknown }
        let number = try person(of: id.number, now: now, map)
        return number == id.number ? .here : .moved(to: PersonID(number))
    }

    /// The person of an identity as of the `seq` that is shown.
    private func person(of identity: Int64, now: Int64, _ map: String?) throws(DuckDBError) -> Int64 {
        guard let map else { return now }
        return try connection.row(PeopleSQL.person(of: identity, in: map))?[0].int ?? now
    }

    /// The relation with the identities whose person was another one then; nil if none was.
    private func map() throws(DuckDBError) -> String? {
        guard isPast else { return nil }
        do { return try PersonMap.relation(connection, asOf: asOf) } catch {
            throw error as? DuckDBError ?? DuckDBError(.usage, String(describing: error))
        }
    }

    /// The relation of identities with their persons as of the `seq` that is shown.
    func persons() throws(DuckDBError) -> String { PeopleSQL.persons(try map()) }

    func members(of person: Int64) throws(DuckDBError) -> Members { try members(of: person, try map()) }

    private func members(of person: Int64, _ map: String?) throws(DuckDBError) -> Members {
        if let single = try single(person) { return Members(all: [single]) }
        let all = try members(PeopleSQL.members(of: person, map: map))
        return Members(all: all.filter { $0.firstSeq <= asOf }.sorted { $0.id < $1.id })
    }

    /// The identity with an id if it is a person by itself, and known to be.
    private func single(_ id: Int64) throws(DuckDBError) -> Members.Member? {
        guard let ties, !ties.isTied(id) else { return nil }
        var found = ties.single(id).map { Members.Member(id: id, text: $0.identity, firstSeq: $0.firstSeq) }
        if found == nil, let read = try members(PeopleSQL.identity(id)).first {
            ties.remember(PersonTies.Single(identity: read.text, firstSeq: read.firstSeq), id)
            found = read
        }
        return found.flatMap { $0.firstSeq <= asOf ? $0 : nil }
    }

    private func members(_ sql: String) throws(DuckDBError) -> [Members.Member] {
        var all: [Members.Member] = []
        try each(sql, []) { chunk, row in
            all.append(
                Members.Member(
                    id: chunk.int64(0, row: row), text: chunk.column(1).string(row), firstSeq: chunk.int64(2, row: row))
            )
        }
        return all
    }

    /// One person by number.
    private func person(_ number: Int64, _ map: String?) throws(DuckDBError) -> Person? {
        let members = try members(of: number, map)
        guard !members.all.isEmpty else { return nil }
        var draft = PersonDraft()
        draft.identities = members.all.map(\.text)
        let events = members.rows("timestamp", of: .events, in: layout, asOf: asOf)
        try each(PeopleSQL.activity(events), []) { chunk, row in
            draft.eventsTotal = chunk.int64(2, row: row)
            guard draft.eventsTotal > 0 else { return }
            draft.firstSeen = Timestamp(microseconds: chunk.int64(0, row: row))
            draft.lastSeen = Timestamp(microseconds: chunk.int64(1, row: row))
        }
        let changes = members.rows("name, value, timestamp, seq", of: .propertyChanges, in: layout, asOf: asOf)
        try each(PeopleSQL.properties(changes), []) { chunk, row in
            draft.add(chunk.column(0).bytes(row), chunk.column(1).bytes(row))
        }
        return draft.person(PersonID(number))
    }

    /// A person of whom all but the properties is known; nil if that is of another moment.
    public func person(_ known: PersonIndex.Known) throws(PeopleError) -> Person? {
        guard known.seq == asOf else { return nil }
        return try snapshot { () throws(DuckDBError) in
            let members = Members(
                all: known.identities.map { Members.Member(id: $0.id, text: $0.text, firstSeq: 0) })
            var draft = PersonDraft()
            let changes = members.rows("name, value, timestamp, seq", of: .propertyChanges, in: layout, asOf: asOf)
            try each(PeopleSQL.properties(changes), []) { chunk, row in
                draft.add(chunk.column(0).bytes(row), chunk.column(1).bytes(row))
            }
            return Person(known, properties: draft.properties + [0x7d])
        }
    }

    /// All people, in the order in which they first appeared.
    public func people(
        limit: Int = PageLimit.standard, cursor: String? = nil
    ) throws(PeopleError) -> Page<Person> {
        try PageLimit.check(limit)
        let after = try Cursor.parse(cursor, .people)?[0] ?? 0
        return try snapshot { () throws(DuckDBError) in
            let rows = try connection.rows(
                PeopleSQL.people(try persons()), [.int(after), .int(Int64(limit) + 1), .int(asOf)])
            let numbers = rows.compactMap { $0[0].int }
            let shown = Array(numbers.prefix(limit))
            let next = numbers.count > limit ? shown.last.map { Cursor(.people, $0).text } : nil
            return Page(try people(shown), nextCursor: next)
        }
    }

    // MARK: Steps

    /// Runs `body` in one transaction, so that its statements see the same rows.
    func snapshot<T>(_ body: () throws(DuckDBError) -> T) throws(PeopleError) -> T {
        do {
            return try connection.transaction { (_) throws(DuckDBError) in try body() }
        } catch let error as DuckDBError {
            throw PeopleError(error)
        } catch {
            throw PeopleError(.store, String(describing: error))
        }
    }

    /// Calls `body` for every row.
    func each(
        _ sql: String, _ values: [DuckValue], _ body: (Chunk, Int) -> Void
    ) throws(DuckDBError) {
        let rows = try connection.query(sql, values)
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount { body(chunk, row) }
        }
    }
}
