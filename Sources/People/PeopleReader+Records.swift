internal import DuckDB
internal import Model

extension PeopleReader {
    /// All aliases, newest first, undone ones among them.
    public func aliases(
        limit: Int = PageLimit.standard, cursor: String? = nil
    ) throws(PeopleError) -> Page<AliasRecord> {
        try list(.aliases, PeopleSQL.aliases, limit, cursor, { AliasRecord($0, $1) }, seq: \.seq)
    }

    /// All rejects, newest first.
    public func rejects(
        limit: Int = PageLimit.standard, cursor: String? = nil
    ) throws(PeopleError) -> Page<RejectRecord> {
        try list(.rejects, PeopleSQL.rejects, limit, cursor, { RejectRecord($0, $1) }, seq: \.seq)
    }

    /// The alias with a `seq`; nil if there is none (rejected aliases are rejects).
    public func alias(_ seq: Int64) throws(PeopleError) -> AliasRecord? {
        try snapshot { () throws(DuckDBError) in
            var found: AliasRecord?
            try each(PeopleSQL.alias, [.int(seq)]) { chunk, row in found = AliasRecord(chunk, row) }
            return found
        }
    }

    private func list<Record>(
        _ list: Cursor.List, _ sql: String, _ limit: Int, _ cursor: String?, _ read: (Chunk, Int) -> Record,
        seq: (Record) -> Int64
    ) throws(PeopleError) -> Page<Record> {
        try PageLimit.check(limit)
        let below = try Cursor.parse(cursor, list)?[0] ?? .max
        return try snapshot { () throws(DuckDBError) in
            var records: [Record] = []
            try each(sql, [.int(below), .int(Int64(limit) + 1)]) { chunk, row in records.append(read(chunk, row)) }
            guard records.count > limit else { return Page(records, nextCursor: nil) }
            records.removeLast()
            return Page(records, nextCursor: records.last.map { Cursor(list, seq($0)).text })
        }
    }
}

extension AliasRecord {
    init(_ chunk: Chunk, _ row: Int) {
        seq = chunk.int64(0, row: row)
        timestamp = Timestamp(microseconds: chunk.int64(1, row: row))
        identity = chunk.column(2).string(row)
        other = chunk.column(3).string(row)
        derived = chunk.bool(4, row: row)
        undoneSeq = chunk.isNull(5, row: row) ? nil : chunk.int64(5, row: row)
    }
}

extension RejectRecord {
    init(_ chunk: Chunk, _ row: Int) {
        seq = chunk.int64(0, row: row)
        receivedAt = Timestamp(microseconds: chunk.int64(1, row: row))
        wire = chunk.column(2).string(row)
        reason = chunk.column(3).string(row)
        raw = chunk.column(4).string(row)
    }
}
