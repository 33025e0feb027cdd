internal import DuckDB
internal import EventStore
internal import Model

/// The identities' texts and persons as of a `seq`, by their numbers: rows carry the number, and the writer puts text and
/// person in its place without a join, so that rows keep the order in which they are stored.
struct IdentityTable: Sendable {
    /// The texts one after another, already written as fields of the format (as they are for Parquet).
    private(set) var fields: [UInt8] = []
    /// Where the field of identity `i` begins; that of `i + 1` is its end.
    private var starts: [Int] = [0, 0]
    /// The person of each identity, by its number; empty while everyone is their own.
    private(set) var persons: [Int64] = []

    /// Reads the identities that exist as of `seq`. Call it in the transaction that made `relation`.
    ///
    /// - Parameters:
    ///   - style: how the cells of a CSV look; nil where they are as usual.
    ///   - isOfWindow: whether only those of `WindowIdentities` are asked for.
    init(
        _ connection: Connection, _ people: PeopleAsOf, format: ExportFormat, style: CellStyle?, isOfWindow: Bool
    ) throws {
        let only = isOfWindow ? " WHERE identity_id IN (SELECT identity_id FROM \(WindowIdentities.table))" : ""
        let rows = try connection.query(
            "SELECT identity_id, identity, person_id FROM (\(people.sql))\(only) ORDER BY identity_id")
        var out = Output(capacity: 4_096)
        while let chunk = try rows.nextChunk() {
            try Task.checkCancellation()
            for row in 0..<chunk.rowCount {
                let id = chunk.int64(0, row: row)
                let person = chunk.int64(2, row: row)
                // Numbers that do not exist (any more) have no text.
                while starts.count - 1 < Int(id) { starts.append(fields.count) }
                chunk.text(1, row: row) { text in
                    unsafe text.withUnsafeBufferPointer { bytes in
                        guard let start = bytes.baseAddress else { return }
                        out.removeAll()
                        // The text is lent for the call.
                        switch format {
                        case .csv:
                            if let style {
                                unsafe out.put(cell: start, bytes.count, style)
                            } else {
                                unsafe out.put(csv: start, bytes.count)
                            }
                        case .ndjson, .kissmetrics: unsafe out.put(jsonString: start, bytes.count)
                        case .parquet:
                            out.reserve(bytes.count)
                            unsafe out.put(start, bytes.count)
                        }
                        unsafe fields.append(contentsOf: out.bytes)
                    }
                }
                starts.append(fields.count)
                if person != id, persons.isEmpty { persons = (0..<id).map { $0 } }
                if !persons.isEmpty {
                    while persons.count < Int(id) { persons.append(Int64(persons.count)) }
                    persons.append(person)
                }
            }
        }
    }

    /// One more than the greatest number.
    var count: Int { starts.count - 1 }

    /// The person of an identity; its own number where nothing tied it.
    @inline(__always)
    func person(_ identity: Int64) -> Int64 {
        let i = Int(identity)
        return i < persons.count ? persons[i] : identity
    }

    /// Where the field of an identity lies in `fields`; empty where there is no such identity.
    @inline(__always)
    func field(_ identity: Int64) -> Range<Int> {
        let i = Int(identity)
        guard i > 0, i &+ 1 < starts.count else { return 0..<0 }
        return starts[i]..<starts[i &+ 1]
    }

    /// Asks for the fields of many identities at once, so that the memory answers for all of them together; looked up
    /// one by one, a row would wait for each.
    @inline(never)
    func warm(_ column: RawColumn, _ rows: Range<Int>, _ found: inout [Range<Int>]) -> UInt8 {
        found.removeAll(keepingCapacity: true)
        for row in rows { found.append(column.isNull(row) ? 0..<0 : field(column.int64(row))) }
        var seen: UInt8 = 0
        for range in found where !range.isEmpty { seen ^= fields[range.lowerBound] }
        return seen
    }
}
