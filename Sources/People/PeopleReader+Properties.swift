internal import DuckDB
internal import EventStore
public import Model

extension PeopleReader {
    /// The property changes of a person, newest first by (timestamp, seq), those of one item by name.
    ///
    /// - Parameter name: one property, or nil for all. The pages of one walk show what was stored when it began.
    public func changes(
        of person: PersonID, name: String? = nil, limit: Int = PageLimit.standard, cursor: String? = nil
    ) throws(PeopleError) -> Page<PropertyChange> {
        try PageLimit.check(limit)
        let from = try Cursor.parse(cursor, .changes)
        return try snapshot { () throws(DuckDBError) in
            let asOf = min(from?[0] ?? asOf, asOf)
            let (time, seq, skip) = (from?[1] ?? Timestamp.latest.microseconds, from?[2] ?? .max, from?[3] ?? 0)
            let members = try members(of: person.number)
            guard !members.all.isEmpty else { return Page([], nextCursor: nil) }
            var changes: [PropertyChange] = []
            try each(
                PeopleSQL.changes(rows(of: members, asOf: asOf)),
                [DuckValue(name), .timestamp(time), .int(seq), .int(Int64(limit) + 1), .int(skip)]
            ) { chunk, row in
                changes.append(PropertyChange(chunk, row, members))
            }
            guard changes.count > limit else { return Page(changes, nextCursor: nil) }
            changes.removeLast()
            return Page(changes, nextCursor: Self.next(after: changes, asOf: asOf, from: from))
        }
    }

    private func rows(of members: Members, asOf: Int64) -> String {
        members.rows(PeopleSQL.changeColumns, of: .propertyChanges, in: layout, asOf: asOf)
    }

    /// A cursor names the last change's item, and how many of the item's changes were shown.
    private static func next(after changes: [PropertyChange], asOf: Int64, from: [Int64]?) -> String? {
        guard let last = changes.last else { return nil }
        var shown = Int64(changes.reversed().prefix { $0.seq == last.seq }.count)
        // The page began inside the same item and did not leave it.
        if let from, from[2] == last.seq, shown == changes.count { shown += from[3] }
        return Cursor(.changes, asOf, last.timestamp.microseconds, last.seq, shown).text
    }

    /// The value of a property at a moment of its history; nil if the person had none then.
    public func property(
        _ name: String, of person: PersonID, _ moment: PropertyMoment
    ) throws(PeopleError) -> PropertyChange? {
        try snapshot { () throws(DuckDBError) in
            let members = try members(of: person.number)
            guard !members.all.isEmpty else { return nil }
            let rows = rows(of: members, asOf: asOf)
            let sql: String
            var values: [DuckValue] = [.text(name)]
            switch moment {
            case .first: sql = PeopleSQL.firstChange(rows)
            case .last:
                sql = PeopleSQL.changeAt(rows)
                values.append(.timestamp(Timestamp.latest.microseconds))
            case .at(let time):
                sql = PeopleSQL.changeAt(rows)
                values.append(.timestamp(time.microseconds))
            }
            var found: PropertyChange?
            try each(sql, values) { chunk, row in found = PropertyChange(chunk, row, members) }
            return found.flatMap { $0.isUnset ? nil : $0 }
        }
    }
}

extension PropertyChange {
    fileprivate init(_ chunk: Chunk, _ row: Int, _ members: Members) {
        seq = chunk.int64(0, row: row)
        timestamp = Timestamp(microseconds: chunk.int64(1, row: row))
        identity = members.text(chunk.int64(2, row: row))
        name = chunk.column(3).string(row)
        value = chunk.column(4).bytes(row)
    }
}
