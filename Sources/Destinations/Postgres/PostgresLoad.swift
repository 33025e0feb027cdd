internal import Connectors

/// One batch on its way into a table; blocks.
struct PostgresLoad: Sendable {
    let sql: PostgresSQL
    let batch: LoadBatch

    func run(_ connection: PostgresConnection) throws(ConnectorError) -> LoadReceipt {
        try connection.execute("BEGIN")
        do throws(ConnectorError) {
            let receipt = try load(connection)
            try connection.execute("COMMIT")
            return receipt
        } catch {
            // The connection ends with this anyhow; the reason is the load's.
            try? connection.execute("ROLLBACK")
            throw error
        }
    }

    private func load(_ connection: PostgresConnection) throws(ConnectorError) -> LoadReceipt {
        // Loads of one table come one after another: an earlier one whose connection broke may still be about to commit.
        try connection.rows(PostgresSQL.lock, [sql.ledger])
        if try connection.rows(PostgresSQL.schemaExists, [sql.schema]).isEmpty {
            try connection.execute(sql.makeSchema)
        }
        if try !PostgresDestination.exists(sql.ledger, connection) { try connection.execute(sql.makeLedger) }
        let (stream, target) = (batch.stream, sql.target)
        if try !PostgresDestination.exists(target, connection) {
            // Somebody removed the table: what its ledger says of it holds no more, and all of it is loaded again.
            try connection.rows(sql.forget, [stream.pipeline, stream.installation, target])
        }
        if let rows = try connection.rows(sql.loadOfRun, [batch.run, target]).first?.first ?? nil {
            return LoadReceipt(rows: Int64(rows) ?? 0, wasThere: true)
        }
        if batch.isIncremental {
            let highest = try connection.rows(sql.highest, [stream.pipeline, stream.installation, target]).first?.first
            if let reached = (highest ?? nil).flatMap({ Int64($0) }), reached > batch.seqFrom {
                return LoadReceipt(rows: 0, reached: reached)
            }
        }
        let changes = try prepare(connection)
        let rows = try bring(connection)
        try connection.rows(
            sql.note,
            [
                batch.run, stream.pipeline, String(batch.isIncremental ? batch.seqFrom : 0), String(batch.seqTo),
                String(rows), batch.isStale ? "true" : "false", target, stream.installation,
            ])
        // Read back before it is committed: a load that does not hold leaves nothing, its line in the ledger least of all.
        let receipt = LoadReceipt(rows: rows, changes: changes)
        let found = try verify(connection, receipt)
        guard found.holds else { throw found.refusal }
        return receipt
    }

    /// Makes the table, or adds what it lacks.
    private func prepare(_ connection: PostgresConnection) throws(ConnectorError) -> [String] {
        let there = try connection.rows(PostgresSQL.columns, [sql.target]).map { $0[0] ?? "" }
        var changes: [String] = []
        if there.isEmpty {
            try connection.execute(sql.make(batch.columns))
            changes.append("the table \(sql.target) was made")
            if batch.isIncremental, batch.mode == .append, hasSeq { try connection.execute(sql.indexSeq) }
        } else {
            let missing = batch.columns.filter { !there.contains($0.name) }
            guard missing.isEmpty || batch.evolves else {
                throw ConnectorError(
                    .refused,
                    "the table \(sql.target) has no column \(missing.map { "\"\($0.name)\"" }.joined(separator: ", ")), and "
                        + "\"schema: freeze\" lets none be added; it has \(there.joined(separator: ", "))")
            }
            for column in missing {
                try connection.execute(sql.add(column))
                changes.append("the column \"\(column.name)\" was added to \(sql.target)")
            }
        }
        if batch.mode == .upsert { try connection.execute(sql.indexKey(batch.key)) }
        return changes
    }

    private func bring(_ connection: PostgresConnection) throws(ConnectorError) -> Int64 {
        switch batch.mode {
        case .append: return try copy(into: sql.target, connection)
        case .replace:
            try connection.execute(sql.empty)
            return try copy(into: sql.target, connection)
        case .upsert, .delete:
            try connection.execute(sql.makeStage(batch.columns))
            _ = try copy(into: PostgresSQL.stage, connection)
            return try connection.count(
                batch.mode == .upsert ? sql.upsert(batch.columns, key: batch.key) : sql.delete(key: batch.key))
        }
    }

    private func copy(into place: String, _ connection: PostgresConnection) throws(ConnectorError) -> Int64 {
        unsafe try connection.copyIn(sql.copy(batch.columns, into: place)) { (put) throws(ConnectorError) in
            var cleaner = ZeroCleaner()
            unsafe try FilePieces.read(batch.file) { (piece) throws(ConnectorError) in
                guard let clean = unsafe cleaner.cleaned(piece) else { return unsafe try put(piece) }
                // Lent for the call.
                let done = unsafe clean.withUnsafeBytes { bytes in
                    Result { () throws(ConnectorError) in unsafe try put(bytes) }
                }
                try done.get()
            }
            let rest = cleaner.rest()
            if !rest.isEmpty {
                let done = unsafe rest.withUnsafeBytes { bytes in
                    Result { () throws(ConnectorError) in unsafe try put(bytes) }
                }
                try done.get()
            }
        }
    }

    private var hasSeq: Bool { batch.columns.contains { $0.name == "seq" } }

    /// Counts what is in the table where that says something: all of it, or the rows of the window.
    func verify(_ connection: PostgresConnection, _ receipt: LoadReceipt) throws(ConnectorError) -> LoadVerification {
        let noted = try connection.rows(sql.loadOfRun, [batch.run, sql.target]).first?.first ?? nil
        let rows = noted.flatMap { Int64($0) } ?? -1
        let stream = batch.stream
        let isAlone = try connection.rows(sql.others, [stream.pipeline, stream.installation, sql.target]).isEmpty
        switch batch.mode {
        case .append where isAlone && hasSeq && batch.isIncremental:
            let found = try connection.rows(sql.countWindow, [String(batch.seqFrom), String(batch.seqTo)])
            return LoadVerification(
                what: "rows of the window in \(sql.target)", expected: batch.rows, found: Self.number(found))
        case .replace:
            return LoadVerification(
                what: "rows in \(sql.target)", expected: batch.rows,
                found: Self.number(try connection.rows(sql.countAll)))
        case .append:
            return LoadVerification(
                what: "rows that sluice_loads has of the run", expected: batch.rows, found: rows)
        case .upsert, .delete:
            return LoadVerification(
                what: "rows that sluice_loads has of the run", expected: receipt.rows, found: rows)
        }
    }

    private static func number(_ rows: [[String?]]) -> Int64 { (rows.first?.first ?? nil).flatMap { Int64($0) } ?? -1 }
}
