internal import Connectors

/// One batch on its way into a table, within a transaction of the caller's; the same for every engine. Blocks.
struct TableLoad: Sendable {
    let sql: TableSQL
    let batch: LoadBatch
    /// Where it waits before it does what others see, or what leaves a trace; nil where nobody looks at the rows any more.
    var gate: LoadGate?

    private var stream: [String?] { [batch.stream.pipeline, batch.stream.installation, sql.target] }

    func run(_ session: some TableSession) throws -> LoadReceipt {
        // Into a table that is there nothing goes before the gate: others need not wait for that.
        if gate != nil, try !columns(session, of: sql.table).isEmpty { try pass() }
        if let lock = sql.dialect.lock { _ = try session.rows(lock, [sql.ledger]) }
        if try session.rows(sql.dialect.schemaExists, [sql.schema]).isEmpty { try session.run(sql.makeSchema) }
        if try columns(session, of: "sluice_loads").isEmpty { try session.run(sql.makeLedger) }
        let there = try columns(session, of: sql.table)
        // Somebody removed the table: what its ledger says of it holds no more, and all of it is loaded again.
        if there.isEmpty { _ = try session.count(sql.forget, [sql.target]) }
        if let rows = try session.number(sql.loadOfRun, [batch.run, sql.target]) {
            return LoadReceipt(rows: rows, wasThere: true)
        }
        if batch.isIncremental, let reached = try session.number(sql.highest, stream), reached > batch.seqFrom {
            return LoadReceipt(rows: 0, reached: reached)
        }
        var changes = try prepare(session, there)
        let brought = try bring(session, isNew: there.isEmpty, &changes)
        try pass()
        let from = batch.isIncremental ? batch.seqFrom : 0
        _ = try session.count(
            sql.note,
            [
                batch.run, batch.stream.pipeline, String(from), String(batch.seqTo), String(brought.rows),
                batch.isStale ? "true" : "false", sql.target, batch.stream.installation,
            ])
        // Read back before it is committed: a load that does not hold leaves nothing, its line in the ledger least of all.
        let found = try readBack(session, brought)
        guard found.holds else { throw found.refusal }
        return LoadReceipt(rows: brought.rows, changes: changes, readBack: found)
    }

    func pass() throws(ConnectorError) { try gate?.pass() }

    /// How many rows there are; of a file that is still written the gate knows it first.
    private var rows: Int64 { gate?.rows ?? batch.rows }

    private func columns(_ session: some TableSession, of table: String) throws -> [String] {
        try Self.columns(session, sql, of: table)
    }

    static func columns(_ session: some TableSession, _ sql: TableSQL, of table: String) throws -> [String] {
        try session.rows(sql.dialect.columns, [sql.schema, table]).compactMap { $0.first ?? nil }
    }

    /// How far a stream's loads are by the ledger.
    static func position(
        _ stream: LoadStream, _ sql: TableSQL, _ session: some TableSession
    ) throws -> LoadPosition {
        guard try !columns(session, sql, of: sql.table).isEmpty else { return .empty }
        guard try !columns(session, sql, of: "sluice_loads").isEmpty else { return .upTo(0) }
        return .upTo(try session.number(sql.highest, [stream.pipeline, stream.installation, sql.target]) ?? 0)
    }

    /// Makes the table, or adds what it lacks.
    private func prepare(_ session: some TableSession, _ there: [String]) throws -> [String] {
        var changes: [String] = []
        if there.isEmpty {
            try session.run(sql.make(batch.columns))
            changes.append("the table \(sql.target) was made")
        }
        let missing = there.isEmpty ? [] : batch.columns.filter { !there.contains($0.name) }
        guard missing.isEmpty || batch.evolves else {
            throw ConnectorError(
                .refused,
                "the table \(sql.target) has no column \(missing.map { "\"\($0.name)\"" }.joined(separator: ", ")), and "
                    + "\"schema: freeze\" lets none be added; it has \(there.joined(separator: ", "))")
        }
        if !missing.isEmpty { try pass() }
        for column in missing {
            try session.run(sql.add(column))
            changes.append("the column \"\(column.name)\" was added to \(sql.target)")
        }
        return changes
    }

    /// What came of bringing rows in.
    struct Brought {
        var rows: Int64
        /// The words for what is at hand of them.
        var sql: TableSQL
        /// Whether the table was made for them, and they are all that it has.
        var areAll = false
    }

    private func bring(_ session: some TableSession, isNew: Bool, _ changes: inout [String]) throws -> Brought {
        switch batch.mode {
        case .append:
            if !isNew { try pass() }
            let rows = try session.bring(batch, into: sql.target, isNew ? .new : .old)
            // Made after the first rows, it knows where they are.
            if isNew, batch.isIncremental, hasSeq, let index = sql.dialect.indexSeq(sql) { try session.run(index) }
            return Brought(rows: rows, sql: sql)
        case .replace:
            if !isNew {
                try pass()
                try session.run(sql.empty)
            }
            return Brought(rows: try session.bring(batch, into: sql.target, isNew ? .new : .old), sql: sql)
        case .upsert: return try upsert(session, isNew: isNew, &changes)
        case .delete:
            let staged = try stage(session)
            try pass()
            return Brought(rows: try session.count(staged.delete(key: batch.key), []), sql: staged)
        }
    }

    private var hasSeq: Bool { batch.columns.contains { $0.name == "seq" } }

    /// Looks at the table while the batch's rows are at hand: all of it, the rows of the window, or every key with its values.
    private func readBack(_ session: some TableSession, _ brought: Brought) throws -> LoadVerification {
        if brought.areAll {
            return LoadVerification(
                what: "rows of \(sql.target), which was made for them", expected: brought.rows,
                found: try session.number(sql.countAll) ?? -1)
        }
        let sql = brought.sql
        switch batch.mode {
        case .upsert:
            for statement in sql.dialect.beforeComparing { try session.run(statement) }
            return LoadVerification(
                what: "rows of \(sql.target) that have, by their key, the values that were sent",
                expected: try session.number(sql.countKeys(batch.key)) ?? -1,
                found: try session.number(sql.countEqual(batch.columns, key: batch.key)) ?? -1)
        case .delete:
            return LoadVerification(
                what: "rows of \(sql.target) with keys that were to be removed", expected: 0,
                found: try session.number(sql.countThere(batch.key)) ?? -1)
        case .append, .replace: return try verify(session, nil)
        }
    }

    /// Counts what is in the table where that says something, and what the ledger says of the run.
    func verify(_ session: some TableSession, _ receipt: LoadReceipt?) throws -> LoadVerification {
        let noted = try session.number(sql.loadOfRun, [batch.run, sql.target]) ?? -1
        let isAlone = try session.rows(sql.others, stream).isEmpty
        switch batch.mode {
        case .append where isAlone && hasSeq && batch.isIncremental:
            return LoadVerification(
                what: "rows of the window in \(sql.target)", expected: rows,
                found: try session.number(sql.countWindow, [String(batch.seqFrom), String(batch.seqTo)]) ?? -1)
        case .replace:
            return LoadVerification(
                what: "rows in \(sql.target)", expected: rows, found: try session.number(sql.countAll) ?? -1)
        case .append:
            return LoadVerification(
                what: "rows that sluice_loads has of the run", expected: rows, found: noted)
        case .upsert, .delete:
            // What was found by key before the commit counts, if the commit came.
            if noted == receipt?.rows, let found = receipt?.readBack { return found }
            return LoadVerification(
                what: "rows that sluice_loads has of the run", expected: receipt?.rows ?? -1, found: noted)
        }
    }

    /// Says of a stream's last load that something newer failed to come, or that it did.
    static func mark(
        _ stream: LoadStream, isStale: Bool, _ sql: TableSQL, _ session: some TableSession
    ) throws {
        guard try !columns(session, sql, of: "sluice_loads").isEmpty else { return }
        _ = try session.count(
            isStale ? sql.markStale : sql.markFresh, [stream.pipeline, stream.installation, sql.target])
    }
}
