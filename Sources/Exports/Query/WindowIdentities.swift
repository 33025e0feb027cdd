internal import DuckDB
internal import EventStore

/// The identities that the rows of a narrow window of `seq` name: an export of it loads their texts and no others, so that it
/// takes as long in a large store as in a small one.
enum WindowIdentities {
    /// The temporary table, of `identity_id`.
    static let table = "export_window"

    /// The widest window, in items. A wider one names so many that all texts are loaded as quickly.
    private static let mostItems: Int64 = 200_000

    /// Makes the table; false if the window is not narrow, and then there is none.
    static func make(
        _ spec: ResolvedSpec, _ tables: [RowTable], _ layout: Layout, _ connection: Connection
    ) throws -> Bool {
        guard spec.seqTo - spec.seqFrom <= mostItems else { return false }
        let window = "seq > \(spec.seqFrom) AND seq <= \(spec.seqTo)"
        let parts = tables.flatMap { table in
            layout.sources.filter { $0.canHave(table, after: spec.seqFrom, upTo: spec.seqTo) }
                .map { "SELECT identity_id FROM \($0.name(table)) WHERE \(window)" }
        }
        // The newest tables are always among the sources.
        try connection.execute(
            "CREATE OR REPLACE TEMP TABLE \(table) AS "
                + "SELECT DISTINCT identity_id FROM (\(parts.joined(separator: " UNION ALL ")))")
        return true
    }
}

extension Layout.Source {
    fileprivate func canHave(_ table: RowTable, after from: Int64, upTo to: Int64) -> Bool {
        guard case .file(let file) = self else { return true }
        let seqs = file.contents.seqs
        return file.contents.rows(of: table) > 0 && seqs.upperBound > from && seqs.lowerBound <= to
    }
}
