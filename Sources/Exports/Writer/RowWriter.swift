internal import DuckDB
internal import EventStore
internal import Model

/// Streams the rows of an export through the encoder, chunk by chunk: the engine makes the next ones meanwhile.
struct RowWriter {
    let query: ExportQuery
    let identities: IdentityTable?
    /// How the cells of a CSV look; nil where they are as usual.
    let style: CellStyle?
    let progress: ExportProgress

    func write<Target: RowOutput>(_ connection: Connection, _ output: inout Target) throws {
        let encoding = RowEncoding(query, identities, style, progress, output)
        defer { output = encoding.output }
        try encoding.begin()
        for statement in try RowStatements.make(query, connection) { try stream(statement, connection, encoding) }
        try encoding.end()
    }

    private func stream(
        _ statement: RowStatements.Statement, _ connection: Connection, _ encoding: RowEncoding<some RowOutput>
    ) throws {
        let sql = SQLStatement(statement.sql)
        let rows = try connection.query(sql.text, sql.values)
        let stage = SerialStage<Chunk>("export.rows", depth: 4) { (chunk) throws(ExportError) in
            try encoding.take(chunk, of: statement)
        }
        // Whatever happens, nobody works on a chunk when this returns.
        defer { stage.settle() }
        while let chunk = try rows.nextChunk() {
            try Task.checkCancellation()
            try stage.hand(chunk)
        }
        try stage.finish()
        if let end = statement.shareAtEnd { progress.set(rows: encoding.rows, share: end) }
    }
}

/// Rows on their way from chunks to an output.
///
/// Unchecked: one stage at a time uses it, one chunk after the other, and the writer before and after.
private final class RowEncoding<Target: RowOutput>: @unchecked Sendable {
    /// Bytes that are gathered before they are hashed and written: few enough to stay in the processor's cache.
    private static var piece: Int { 1 << 18 }

    private let query: ExportQuery
    private let progress: ExportProgress
    private var encoder: ChunkEncoder
    private var out: Output
    private(set) var output: Target
    private(set) var rows: Int64 = 0
    private var lastSeq = Int64.min

    init(
        _ query: ExportQuery, _ identities: IdentityTable?, _ style: CellStyle?, _ progress: ExportProgress,
        _ output: Target
    ) {
        self.query = query
        self.progress = progress
        self.output = output
        encoder = ChunkEncoder(query, identities: identities, style: style)
        out = Output(capacity: Self.piece * 2)
    }

    func begin() throws(ExportError) {
        try output.begin()
        encoder.header(&out)
    }

    func end() throws(ExportError) {
        try flush()
        try output.end()
    }

    func take(_ chunk: Chunk, of statement: RowStatements.Statement) throws(ExportError) {
        if statement.ascends { try check(chunk) }
        var at = 0
        while at < chunk.rowCount {
            if output.room == 0 {
                try end()
                try begin()
            }
            let end = at + min(chunk.rowCount - at, output.room)
            encoder.write(chunk, at..<end, &out)
            output.count(end - at)
            at = end
        }
        rows += Int64(chunk.rowCount)
        if out.count >= Self.piece { try flush() }
        progress.set(rows: rows, share: share(statement))
    }

    private func flush() throws(ExportError) {
        var full = Output(capacity: 0)
        swap(&full, &out)
        out = try output.write(full)
    }

    /// Rows that are taken as they are stored must be in the order of `seq`: that it is so is proved for each export.
    private func check(_ chunk: Chunk) throws(ExportError) {
        let column = chunk.column(chunk.columns.count - 1)
        let seqs = column.int64s
        // The rows of one change share their `seq`.
        let step: Int64 = query.spec.dataset == .events ? 1 : 0
        var last = lastSeq
        for i in 0..<seqs.count {
            guard last == .min || seqs[i] >= last + step else {
                throw ExportError(
                    .order, "seq \(seqs[i]) came after \(last); the export is stopped, since its rows are not in order")
            }
            last = seqs[i]
        }
        lastSeq = last
    }

    private func share(_ statement: RowStatements.Statement) -> Double {
        if statement.ascends {
            let (from, to) = (query.spec.seqFrom, query.spec.seqTo)
            return to > from ? Double(lastSeq - from) / Double(to - from) : 1
        }
        return statement.total > 0 ? Double(rows) / Double(statement.total) : 0
    }
}
