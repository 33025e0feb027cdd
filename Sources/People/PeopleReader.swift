public import DuckDB
public import Model

/// Reads people on one connection. Each call sees one state of the store, though it may run several statements.
public struct PeopleReader {
    let connection: Connection
    /// The highest `seq` that is shown.
    let asOf: Int64

    /// Reads on `connection`, which must have the store's tables and everything up to `asOf` in them.
    public init(_ connection: Connection, asOf: Int64) {
        self.connection = connection
        self.asOf = asOf
    }

    /// The person that an identity belongs to; nil if nobody ever had it.
    public func person(identity: String) throws(PeopleError) -> Person? {
        try snapshot { () throws(DuckDBError) in
            guard let number = try connection.row(PeopleSQL.personOfIdentity, [.text(identity)])?[0].int else {
                return nil
            }
            return try people([number]).first
        }
    }

    /// The person with an id, or where it went.
    public func person(_ id: PersonID) throws(PeopleError) -> PersonAnswer {
        try snapshot { () throws(DuckDBError) in
            guard let number = try connection.row(PeopleSQL.personOfID, [.int(id.number)])?[0].int else {
                return .unknown
            }
            if number != id.number { return .moved(to: PersonID(number)) }
            return try people([number]).first.map { .person($0) } ?? .unknown
        }
    }

    /// All people, in the order in which they first appeared.
    public func people(
        limit: Int = PageLimit.standard, cursor: String? = nil
    ) throws(PeopleError) -> Page<Person> {
        try PageLimit.check(limit)
        let after = try Cursor.parse(cursor, .people)?[0] ?? 0
        return try snapshot { () throws(DuckDBError) in
            let rows = try connection.rows(PeopleSQL.people, [.int(after), .int(Int64(limit) + 1)])
            let numbers = rows.compactMap { $0[0].int }
            let shown = Array(numbers.prefix(limit))
            let next = numbers.count > limit ? shown.last.map { Cursor(.people, $0).text } : nil
            return Page(try people(shown), nextCursor: next)
        }
    }

    /// People by number, in the order of the numbers.
    func people(_ numbers: [Int64]) throws(DuckDBError) -> [Person] {
        guard !numbers.isEmpty else { return [] }
        let wanted: [DuckValue] = [.list(numbers.map { .int($0) })]
        var drafts: [Int64: Draft] = [:]
        try each(PeopleSQL.members, wanted) { chunk, row in
            drafts[chunk.int64(0, row: row), default: Draft()].identities.append(chunk.column(1).string(row))
        }
        try each(PeopleSQL.activity, wanted) { chunk, row in
            let number = chunk.int64(0, row: row)
            drafts[number]?.firstSeen = Timestamp(microseconds: chunk.int64(1, row: row))
            drafts[number]?.lastSeen = Timestamp(microseconds: chunk.int64(2, row: row))
            drafts[number]?.eventsTotal = chunk.int64(3, row: row)
        }
        try each(PeopleSQL.properties, wanted) { chunk, row in
            drafts[chunk.int64(0, row: row)]?.add(chunk.column(1).bytes(row), chunk.column(2).bytes(row))
        }
        return numbers.compactMap { number in drafts[number]?.person(PersonID(number)) }
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

/// A person while its parts come together.
private struct Draft {
    var identities: [String] = []
    var properties: [UInt8] = [0x7b]
    var firstSeen: Timestamp?
    var lastSeen: Timestamp?
    var eventsTotal: Int64 = 0

    mutating func add(_ name: [UInt8], _ value: [UInt8]) {
        guard value != Array("null".utf8) else { return }
        if properties.count > 1 { properties.append(0x2c) }
        JSONText.appendString(name.span, to: &properties)
        properties.append(0x3a)
        properties.append(contentsOf: value)
    }

    func person(_ id: PersonID) -> Person {
        Person(
            id: id, identities: identities, properties: properties + [0x7d], firstSeen: firstSeen, lastSeen: lastSeen,
            eventsTotal: eventsTotal)
    }
}
