internal import DuckDB
internal import EventStore
internal import Model

/// Streams the rows of an export through the encoder, chunk by chunk.
struct RowWriter {
    let query: ExportQuery
    let identities: IdentityTable?
    let progress: ExportProgress

    /// Bytes that are gathered before they are hashed and written: few enough to stay in the processor's cache.
    private static let piece = 1 << 18

    func write(_ connection: Connection, _ output: inout some RowOutput) throws {
        var state = State(query, identities)
        try output.begin()
        state.encoder.header(&state.out)
        for statement in try RowStatements.make(query, connection) {
            try stream(statement, connection, &state, &output)
        }
        try flush(&state, &output)
        try output.end()
    }

    /// What goes on from statement to statement.
    private struct State: ~Copyable {
        var encoder: ChunkEncoder
        var out = Output(capacity: RowWriter.piece * 2)
        var rows: Int64 = 0
        var lastSeq = Int64.min

        init(_ query: ExportQuery, _ identities: IdentityTable?) {
            encoder = ChunkEncoder(query, identities: identities)
        }
    }

    private func stream(
        _ statement: RowStatements.Statement, _ connection: Connection, _ state: inout State,
        _ output: inout some RowOutput
    ) throws {
        let sql = SQLStatement(statement.sql)
        let rows = try connection.query(sql.text, sql.values)
        while let chunk = try rows.nextChunk() {
            try Task.checkCancellation()
            if statement.ascends { try check(chunk, &state) }
            var at = 0
            while at < chunk.rowCount {
                if output.room == 0 {
                    try flush(&state, &output)
                    try output.end()
                    try output.begin()
                    state.encoder.header(&state.out)
                }
                let end = at + min(chunk.rowCount - at, output.room)
                state.encoder.write(chunk, at..<end, &state.out)
                output.count(end - at)
                at = end
            }
            state.rows += Int64(chunk.rowCount)
            if state.out.count >= Self.piece { try flush(&state, &output) }
            progress.set(rows: state.rows, share: share(statement, state.rows, state.lastSeq))
        }
        if let end = statement.shareAtEnd { progress.set(rows: state.rows, share: end) }
    }

    private func flush(_ state: inout State, _ output: inout some RowOutput) throws(ExportError) {
        unsafe try output.write(state.out.bytes)
        state.out.removeAll()
    }

    /// Rows that are taken as they are stored must be in the order of `seq`: that it is so is proved for each export.
    private func check(_ chunk: Chunk, _ state: inout State) throws(ExportError) {
        let column = chunk.column(chunk.columns.count - 1)
        let seqs = column.int64s
        // The rows of one change share their `seq`.
        let step: Int64 = query.spec.dataset == .events ? 1 : 0
        var last = state.lastSeq
        for i in 0..<seqs.count {
            guard last == .min || seqs[i] >= last + step else {
                throw ExportError(
                    .order, "seq \(seqs[i]) came after \(last); the export is stopped, since its rows are not in order")
            }
            last = seqs[i]
        }
        state.lastSeq = last
    }

    private func share(_ statement: RowStatements.Statement, _ rows: Int64, _ seq: Int64) -> Double {
        if statement.ascends {
            let (from, to) = (query.spec.seqFrom, query.spec.seqTo)
            return to > from ? Double(seq - from) / Double(to - from) : 1
        }
        return statement.total > 0 ? Double(rows) / Double(statement.total) : 0
    }
}
