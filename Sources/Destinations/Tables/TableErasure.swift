internal import Connectors
internal import Model

/// Takes the rows of persons out of a table, within a transaction of the caller's. Blocks.
struct TableErasure: Sendable {
    let sql: TableSQL
    let erasure: RowErasure
    /// What the table's JSON and texts have a place for: identities are looked for as they were loaded.
    let limits: JSONLimits

    func run(_ session: some TableSession) throws -> ErasedRows {
        // A load that is about to commit comes first, and its rows go, too.
        if let lock = sql.dialect.lock { _ = try session.rows(lock, [sql.ledger]) }
        let there = try TableLoad.columns(session, sql, of: sql.table)
        guard !there.isEmpty else {
            return ErasedRows(rows: 0, isVerified: true, how: "the table is not there any more")
        }
        let stream: [String?] = [erasure.stream.pipeline, erasure.stream.installation, sql.target]
        let hasLedger = try !TableLoad.columns(session, sql, of: "sluice_loads").isEmpty
        // Each project counts its own seq, so that it tells nobody where several load.
        let isAlone = try hasLedger && session.rows(sql.others, stream).isEmpty
        let known = erasure.columns.filter { there.contains($0.name) }
        let tests = known.compactMap { column in test(column.name, column.holds, isAlone: isAlone) }
        // A key need not be an identity: that no row has it says nothing.
        let isTold = known.contains { $0.holds != .key && ($0.holds != .seq || isAlone) }
        guard !tests.isEmpty else {
            return ErasedRows(
                rows: 0, isVerified: false,
                how:
                    "no column of the table tells whose a row is (identity, person_id, identities, or seq where one pipeline loads alone): "
                    + "erase there by hand")
        }
        // Numbers that are bound must be in the statement.
        let lists = [list(erasure.identities), list(erasure.persons), list(erasure.seqs.map(String.init))]
        let condition = tests.joined(separator: " OR ")
        let used = (1...3).filter { condition.contains("$\($0)") }
        var statement = condition
        for (place, number) in used.enumerated() {
            statement = statement.replacing("$\(number)", with: "$\(place + 1)")
        }
        let values = used.map { Optional(lists[$0 - 1]) }
        let rows = try session.count("DELETE FROM \(sql.target) AS t WHERE \(statement)", values)
        let left = try session.number("SELECT count(*) FROM \(sql.target) AS t WHERE \(statement)", values) ?? -1
        return ErasedRows(
            rows: rows, isVerified: left == 0 && (isTold || rows > 0),
            how: left != 0
                ? "rows of theirs are there still: does a trigger or a rule of the table keep them?"
                : rows == 0 && !isTold
                    ? "only the key could be looked at, which need not be an identity, and no row had theirs: look there by hand"
                    : rows == 0
                        ? "no row of theirs was there" : "rows deleted; the engine itself frees their place later",
            isOver: left == 0)
    }

    /// Whether a row `t` is one of theirs; nil where the column does not tell.
    private func test(_ column: String, _ holds: RowErasure.Holds, isAlone: Bool) -> String? {
        let text = "CAST(t.\(TableSQL.name(column)) AS VARCHAR)"
        switch holds {
        case .identity, .key: return "\(text) IN \(sql.dialect.texts("$1"))"
        case .person: return "\(text) IN \(sql.dialect.texts("$2"))"
        case .identities: return "(\(sql.dialect.contains("t." + TableSQL.name(column), "$1")))"
        case .seq: return isAlone && !erasure.seqs.isEmpty ? "\(text) IN \(sql.dialect.texts("$3"))" : nil
        }
    }

    private func list(_ texts: [String]) -> String {
        let json = JSONValue.array(texts.map { .string($0) }).text
        let bytes = Array(json.utf8)
        return JSONRepair(limits).repaired(bytes.span).map { String(decoding: $0, as: UTF8.self) } ?? json
    }
}
