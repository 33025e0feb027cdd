internal import DuckDB
internal import Model

/// Writes one cold file: rows in order into a temporary file, which gets its name when it is whole.
///
/// It has a connection of its own, since the sorted rows are read meanwhile.
final class ColdWriter {
    private let connection: Connection
    private let folder: ColdFolder
    private let id: Int64
    private let catalog: String
    private let path: String
    private var contents: ColdContents?
    private var isOpen = false

    init(_ connection: Connection, _ folder: ColdFolder, id: Int64) throws {
        self.connection = connection
        self.folder = folder
        self.id = id
        catalog = "new_\(id)"
        path = folder.temporaryPath(id)
        try folder.remove(path)
        try connection.execute("ATTACH \(DuckDBDialect.quoted(path)) AS \(catalog)")
        isOpen = true
        try connection.execute("BEGIN TRANSACTION")
        for table in RowTable.allCases {
            try connection.execute("CREATE TABLE \(catalog).\(table.rawValue)(\(table.definition))")
        }
    }

    /// Takes rows from the merge while `next` gives some; `next` moves to the next row and is false at the end.
    func write(_ table: RowTable, from merge: SortedMerge, while belongs: (SortKey) -> Bool) throws {
        var appender = try connection.appender(table.rawValue, in: catalog, table.types)
        let (identityColumn, timeColumn) = (table.identityColumn, table.timeColumn)
        var written: Int64 = 0
        var found = contents
        while let key = merge.key, belongs(key) {
            try merge.withRow { chunk, row throws(DuckDBError) in
                for (column, type) in table.types.enumerated() {
                    if chunk.isNull(column, row: row) {
                        appender.setNull(column)
                    } else if type == .text {
                        chunk.text(column, row: row) { text in appender.setText(column, text) }
                    } else {
                        appender.setInt64(column, chunk.int64(column, row: row))
                    }
                }
                try appender.endRow()
                let time = Timestamp(microseconds: chunk.int64(timeColumn, row: row))
                Self.include(
                    &found, seq: chunk.int64(0, row: row), time: time, identity: chunk.int64(identityColumn, row: row))
            }
            written += 1
            try merge.advance()
        }
        try appender.finish()
        guard written > 0, var contents = found else { return }
        if table == .events { contents.events += written } else { contents.changes += written }
        self.contents = contents
    }

    private static func include(_ contents: inout ColdContents?, seq: Int64, time: Timestamp, identity: Int64) {
        guard var all = contents else {
            contents = ColdContents(seqs: seq...seq, times: time...time, identities: identity...identity)
            return
        }
        all.seqs = min(all.seqs.lowerBound, seq)...max(all.seqs.upperBound, seq)
        all.times = min(all.times.lowerBound, time)...max(all.times.upperBound, time)
        all.identities = min(all.identities.lowerBound, identity)...max(all.identities.upperBound, identity)
        contents = all
    }

    /// Ends the file, durably; nil if it has no rows, and then there is none.
    func finish(tier: (ColdContents) -> Int64) throws -> ColdFile? {
        try connection.execute("COMMIT")
        guard let contents else {
            abandon()
            return nil
        }
        try connection.execute("CHECKPOINT \(catalog)")
        try connection.execute("DETACH \(catalog)")
        isOpen = false
        let tier = tier(contents)
        let month = Month(of: contents.times.lowerBound).text
        let name = "\(month)-t\(tier)-\(id).duckdb"
        let bytes = try folder.publish(path, as: name)
        return ColdFile(id: id, name: name, tier: tier, contents: contents, bytes: bytes)
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
