internal import DuckDB
internal import EventStore

/// The identities that the rows of a narrow window of `seq` name: an export of it loads their texts and no others, so that it
/// takes as long in a large store as in a small one.
struct WindowIdentities {
    /// The temporary table, of the `identity_id` of those that are not remembered.
    static let table = "export_window"

    /// The widest window, in items. A wider one names so many that all texts are loaded as quickly.
    private static let mostItems: Int64 = 200_000

    /// What the store remembers of them.
    let remembered: RecentIdentities.Found
    /// Whether there are others, which are in the table.
    var hasOthers: Bool { !remembered.missing.isEmpty }

    /// Looks them up; nil if the window is not narrow. Call it in the transaction in which their texts are read.
    init?(
        _ spec: ResolvedSpec, _ tables: [RowTable], _ layout: Layout, _ recent: RecentIdentities,
        _ connection: Connection
    ) throws {
        guard spec.seqTo - spec.seqFrom <= Self.mostItems else { return nil }
        let window = "seq > \(spec.seqFrom) AND seq <= \(spec.seqTo)"
        let parts = tables.flatMap { table in
            layout.sources.filter { $0.canHave(table, after: spec.seqFrom, upTo: spec.seqTo) }
                .map { "SELECT identity_id FROM \($0.name(table)) WHERE \(window)" }
        }
        // The newest tables are always among the sources.
        let rows = try connection.query(
            "SELECT DISTINCT identity_id FROM (\(parts.joined(separator: " UNION ALL ")))")
        var all: [Int64] = []
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount { all.append(chunk.int64(0, row: row)) }
        }
        remembered = recent.find(all.sorted())
        guard hasOthers else { return }
        try connection.execute("CREATE OR REPLACE TEMP TABLE \(Self.table)(identity_id BIGINT)")
        var appender = try connection.appender(Self.table, [.int64])
        for identity in remembered.missing {
            appender.setInt64(0, identity)
            try appender.endRow()
        }
        try appender.finish()
    }
}

extension Layout.Source {
    fileprivate func canHave(_ table: RowTable, after from: Int64, upTo to: Int64) -> Bool {
        guard case .file(let file) = self else { return true }
        let seqs = file.contents.seqs
        return file.contents.rows(of: table) > 0 && seqs.upperBound > from && seqs.lowerBound <= to
    }
}
