internal import DuckDB
internal import EventStore
public import Model

extension PeopleReader {
    /// People by id, in the order of the ids; those that are nobody's are left out.
    public func people(_ ids: [PersonID]) throws(PeopleError) -> [Person] {
        try snapshot { () throws(DuckDBError) in try people(ids.map(\.number)) }
    }

    /// People by number, in the order of the numbers.
    func people(_ numbers: [Int64]) throws(DuckDBError) -> [Person] {
        guard !numbers.isEmpty else { return [] }
        var drafts: [Int64: PersonDraft] = [:]
        var members: [Members.Member] = []
        var owners: [Int64] = []
        try each(
            PeopleSQL.allMembers(try persons()), [.list(numbers.map { .int($0) }), .int(asOf)]
        ) { chunk, row in
            let member = Members.Member(
                id: chunk.int64(1, row: row), text: chunk.column(2).string(row), firstSeq: chunk.int64(3, row: row))
            members.append(member)
            owners.append(chunk.int64(0, row: row))
            drafts[chunk.int64(0, row: row), default: PersonDraft()].identities.append(member.text)
        }
        guard !members.isEmpty else { return [] }
        // Their rows are asked for with constants, by which the engine skips those of all others.
        let all = Members(all: members)
        let persons: [DuckValue] = [.list(members.map { .int($0.id) }), .list(owners.map { .int($0) })]
        let events = all.rows("identity_id, timestamp", of: .events, in: layout, asOf: asOf)
        try each(PeopleSQL.allActivity(events), persons) { chunk, row in
            let number = chunk.int64(0, row: row)
            drafts[number]?.firstSeen = Timestamp(microseconds: chunk.int64(1, row: row))
            drafts[number]?.lastSeen = Timestamp(microseconds: chunk.int64(2, row: row))
            drafts[number]?.eventsTotal = chunk.int64(3, row: row)
        }
        let changes = all.rows(
            "identity_id, name, value, timestamp, seq", of: .propertyChanges, in: layout, asOf: asOf)
        try each(PeopleSQL.allProperties(changes), persons) { chunk, row in
            drafts[chunk.int64(0, row: row)]?.add(chunk.column(1).bytes(row), chunk.column(2).bytes(row))
        }
        return numbers.compactMap { number in drafts[number]?.person(PersonID(number)) }
    }

    /// The earliest identity of each person; those that are nobody's are left out.
    public func identities(of persons: [Int64]) throws(PeopleError) -> [Int64: String] {
        guard !persons.isEmpty else { return [:] }
        return try snapshot { () throws(DuckDBError) in
            var found: [Int64: String] = [:]
            try each(
                PeopleSQL.allMembers(try self.persons()), [.list(persons.map { .int($0) }), .int(asOf)]
            ) { chunk, row in
                let person = chunk.int64(0, row: row)
                if found[person] == nil { found[person] = chunk.column(2).string(row) }
            }
            return found
        }
    }

    /// The persons that identities belong to; those that nobody ever had are left out.
    public func persons(of identities: [String]) throws(PeopleError) -> [ExactText: PersonID] {
        guard !identities.isEmpty else { return [:] }
        return try snapshot { () throws(DuckDBError) in
            var found: [ExactText: PersonID] = [:]
            try each(
                PeopleSQL.personsOf(try persons()), [.list(identities.map { .text($0) }), .int(asOf)]
            ) { chunk, row in
                found[ExactText(chunk.column(0).string(row))] = PersonID(chunk.int64(1, row: row))
            }
            return found
        }
    }
}
