/// The identities of the rows of a chunk, looked up before the rows are written.
struct FoundIdentities {
    /// Where the field of each row's identity lies: in the table's fields, or in `texts` where the table is in a file.
    private(set) var fields: [Range<Int>] = []
    private(set) var texts: [UInt8] = []
    /// The person of each row's identity; only where the table is in a file.
    private(set) var persons: [Int64] = []
    /// What was read only to have it near.
    private var warmed: UInt8 = 0

    /// Looks up the identities of rows of a column.
    mutating func look(_ table: IdentityTable, _ column: RawColumn, _ rows: Range<Int>) throws(ExportError) {
        fields.removeAll(keepingCapacity: true)
        guard let pages = table.pages else { return warm(table, column, rows) }
        texts.removeAll(keepingCapacity: true)
        persons.removeAll(keepingCapacity: true)
        // Rows of one identity lie side by side.
        var last: (id: Int64, field: Range<Int>, person: Int64)?
        for row in rows {
            let id = column.isNull(row) ? 0 : column.int64(row)
            if last?.id != id {
                let start = texts.count
                let person = try pages.find(id, &texts)
                last = (id, start..<texts.count, person)
            }
            fields.append(last?.field ?? 0..<0)
            persons.append(last?.person ?? id)
        }
    }

    /// Asks for the fields of many identities at once, so that the memory answers for all of them together; looked up
    /// one by one, a row would wait for each.
    @inline(never)
    private mutating func warm(_ table: IdentityTable, _ column: RawColumn, _ rows: Range<Int>) {
        for row in rows { fields.append(column.isNull(row) ? 0..<0 : table.field(column.int64(row))) }
        for range in fields where !range.isEmpty { warmed ^= table.fields[range.lowerBound] }
    }
}
