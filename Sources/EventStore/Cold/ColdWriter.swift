internal import DuckDB
internal import Model

/// Writes one cold file: rows in order into a temporary file, which gets its name when it is whole.
///
/// It has a connection of its own, since the sorted rows are read meanwhile.
final class ColdWriter {
    /// Rows of a row group, of which one is read to find one person's: an eighth of the engine's usual size makes a look-up a third
    /// quicker and the file a twentieth larger, and costs a reader of everything nothing. But each group is asked whether it can
    /// have the person, so that there are to be a few hundred of them at most, however large the file is.
    static func rowGroupRows(of rows: Int64) -> Int {
        var size = 16_384
        // The engine's usual size is the largest that every version of it reads.
        while size < 65_536, rows > Int64(size) * 256 { size *= 2 }
        return size
    }

    /// Bytes of a block, the unit in which a file is read. A quarter of the engine's usual size makes the first look-up of somebody
    /// a third quicker, and costs neither room nor a reader of everything anything; a sixteenth would cost both.
    private static let blockBytes = 65_536

    private let connection: Connection
    private let folder: ColdFolder
    private let id: Int64
    private let catalog: String
    private let path: String
    private var events: Int64 = 0
    private var changes: Int64 = 0
    private var range = ContentRange()
    private var isOpen = false

    /// - Parameter rows: how many it will have, about.
    init(_ connection: Connection, _ folder: ColdFolder, id: Int64, rows: Int64) throws {
        self.connection = connection
        self.folder = folder
        self.id = id
        catalog = "new_\(id)"
        path = folder.temporaryPath(id)
        try folder.remove(path)
        try connection.execute(
            "ATTACH \(DuckDBDialect.quoted(path)) AS \(catalog) "
                + "(ROW_GROUP_SIZE \(Self.rowGroupRows(of: rows)), BLOCK_SIZE \(Self.blockBytes))")
        isOpen = true
        do {
            try connection.execute("BEGIN TRANSACTION")
            for table in RowTable.allCases {
                try connection.execute("CREATE TABLE \(catalog).\(table.rawValue)(\(table.definition))")
            }
        } catch {
            abandon()
            throw error
        }
    }

    /// Takes rows of the merges, one for each table, while they belong here, up to about so many; what one identity has of a
    /// month stays together.
    func write(_ merges: [SortedMerge], upTo most: Int64 = .max, while belongs: (SortKey) -> Bool) throws {
        // The engine takes an appender for each table, and so the two are written in turn.
        var toEvents = try connection.appender(RowTable.events.rawValue, in: catalog, RowTable.events.types)
        var toChanges = try connection.appender(
            RowTable.propertyChanges.rawValue, in: catalog, RowTable.propertyChanges.types)
        let before = events + changes
        while events + changes - before < most, let next = merges.compactMap(\.key).min(), belongs(next) {
            for (table, merge) in zip(RowTable.allCases, merges) {
                switch table {
                case .events: events += try take(merge, of: next, into: &toEvents)
                case .propertyChanges: changes += try take(merge, of: next, into: &toChanges)
                }
            }
        }
        try toEvents.finish()
        try toChanges.finish()
    }

    /// Appends the rows of an identity's month; how many.
    private func take(_ merge: SortedMerge, of next: SortKey, into appender: inout Appender) throws -> Int64 {
        var taken: Int64 = 0
        while let key = merge.key, key.identity == next.identity, key.month == next.month {
            try merge.withRow { rows, row throws(DuckDBError) in try appender.append(row, of: rows) }
            range.include(key)
            taken += 1
            try merge.advance()
        }
        return taken
    }

    /// Takes all rows of a table but those of which `goes` holds, in the order in which they lie.
    func write(_ table: RowTable, from source: String, without goes: String?) throws {
        let name = "\(catalog).\(table.rawValue)"
        let kept = goes.map { " WHERE NOT (\($0))" } ?? ""
        let rows = Int64(try connection.execute("INSERT INTO \(name) SELECT * FROM \(source)\(kept)", []))
        if table == .events { events += rows } else { changes += rows }
        guard rows > 0 else { return }
        let row = try connection.row(
            "SELECT min(seq), max(seq), min(timestamp), max(timestamp), min(identity_id), max(identity_id) FROM \(name)"
        )
        let numbers = (row ?? []).compactMap { $0.timestamp ?? $0.int }
        guard numbers.count == 6 else { throw StoreError(.damaged, "The rows of \(source) have no range.") }
        range.include(SortKey(month: Month(rawValue: 0), identity: numbers[4], time: numbers[2], seq: numbers[0]))
        range.include(SortKey(month: Month(rawValue: 0), identity: numbers[5], time: numbers[3], seq: numbers[1]))
    }

    /// Ends the file, durably; nil if it has no rows, and then there is none.
    ///
    /// - Parameter run: the run that it is a part of; nil where it is one by itself.
    func finish(tier: Int64, run: Int64? = nil) throws -> ColdFile? { try finish(run: run) { _ in tier } }

    func finish(run: Int64? = nil, tier: (ColdContents) -> Int64) throws -> ColdFile? {
        try connection.execute("COMMIT")
        guard events + changes > 0 else {
            abandon()
            return nil
        }
        let contents = range.contents(events: events, changes: changes)
        try connection.execute("CHECKPOINT \(catalog)")
        try connection.execute("DETACH \(catalog)")
        isOpen = false
        let tier = tier(contents)
        let month = Month(of: contents.times.lowerBound).text
        let name = "\(month)-t\(tier)-\(id).duckdb"
        let bytes = try folder.publish(path, as: name)
        return ColdFile(id: id, name: name, tier: tier, run: run ?? id, contents: contents, bytes: bytes)
    }

    /// Leaves nothing behind. Best effort: what it cannot remove, the next start does.
    func abandon() {
        if isOpen {
            try? connection.execute("ROLLBACK")
            try? connection.execute("DETACH \(catalog)")
            isOpen = false
        }
        try? folder.remove(path)
        try? folder.remove(path + ".wal")
    }
}

/// The smallest and largest of what is written.
private struct ContentRange {
    private var seq: (low: Int64, high: Int64) = (.max, .min)
    private var time: (low: Int64, high: Int64) = (.max, .min)
    private var identity: (low: Int64, high: Int64) = (.max, .min)

    @inline(__always)
    mutating func include(_ key: SortKey) {
        seq = (min(seq.low, key.seq), max(seq.high, key.seq))
        time = (min(time.low, key.time), max(time.high, key.time))
        identity = (min(identity.low, key.identity), max(identity.high, key.identity))
    }

    /// Of at least one row.
    func contents(events: Int64, changes: Int64) -> ColdContents {
        ColdContents(
            events: events, changes: changes, seqs: seq.low...seq.high,
            times: Timestamp(microseconds: time.low)...Timestamp(microseconds: time.high),
            identities: identity.low...identity.high)
    }
}

extension RowTable {
    var types: [ColumnType] { self == .events ? Schema.events : Schema.propertyChanges }

    /// The columns, as they are in every generation and file.
    var definition: String {
        switch self {
        case .events:
            """
            seq BIGINT, event_id VARCHAR, identity_id BIGINT, event VARCHAR, timestamp TIMESTAMP, received_at TIMESTAMP,
            properties VARCHAR
            """
        case .propertyChanges: "seq BIGINT, identity_id BIGINT, timestamp TIMESTAMP, name VARCHAR, value VARCHAR"
        }
    }

    var identityColumn: Int { self == .events ? 2 : 1 }
    var timeColumn: Int { self == .events ? 4 : 2 }
}
