internal import Codecs
internal import DuckDB
internal import EventStore
internal import Glibc
internal import Model

/// Lets the engine write Parquet files.
///
/// One statement goes straight into the file; the files of several become one. Where rows are split into several files, or encrypted, they
/// pass through a temporary table, whose rows keep the order in which they were put there.
struct EngineWriter {
    /// The temporary table.
    static let table = "export_rows"

    let query: ExportQuery
    let progress: ExportProgress
    let settings: StoreSettings
    let layout: Layout
    /// A folder for files on their way.
    let scratch: String

    private var file: EngineFile { EngineFile(recipients: query.spec.recipients) }

    /// Writes all parts.
    func write(_ connection: Connection, _ files: inout PartSet) throws {
        try connection.keepProgress(true)
        defer { try? connection.keepProgress(false) }
        let statements = try RowStatements.make(query, connection, layout, settings)
        // Pieces on their way to an encrypted file would lie on the disk for whoever finds them.
        let isStaged = statements.count > 1 && !query.spec.recipients.isEmpty
        guard let size = query.spec.partRows ?? (isStaged ? Int.max : nil) else {
            if statements.count > 1 { return try merge(statements, connection, &files) }
            progress.follow(connection.interrupter)
            let sql = statements.first?.sql ?? query.select(order: query.order)
            return try file.write(&files, connection) { path in
                let rows = try copy(sql, to: path, connection)
                progress.set(rows: rows, share: 1)
                return rows
            }
        }
        progress.follow(connection.interrupter)
        let total = try stage(statements, connection)
        progress.follow(nil)
        var from: Int64 = 0
        repeat {
            let to = min(total, from + Int64(size))
            try file.write(&files, connection) { path in try copy(staged(from..<to), to: path, connection) }
            from = to
            progress.set(rows: from, share: total > 0 ? Double(from) / Double(total) : 1)
        } while from < total
    }

    /// Writes the rows of several statements into one file, piece by piece.
    private func merge(
        _ statements: [RowStatements.Statement], _ connection: Connection, _ files: inout PartSet
    ) throws {
        let sink = try ByteSink(
            path: files.begin(), .none, for: [], isDurable: files.isDurable, total: files.total)
        let merged = try MergedParquet(into: sink)
        let stage = SerialStage<MergedParquet.Piece>("export.merge", depth: 2) { (piece) throws(ExportError) in
            try merged.append(piece)
        }
        // Whatever happens, nobody works on a piece when this returns.
        defer { stage.settle() }
        var rows: Int64 = 0
        for (i, statement) in statements.enumerated() {
            try Task.checkCancellation()
            let piece = try MergedParquet.Piece(in: scratch)
            rows += try copy(statement.sql, to: piece.path, connection)
            try stage.hand(piece)
            progress.set(rows: rows, share: Double(i + 1) / Double(statements.count))
        }
        try stage.finish()
        guard merged.rows == rows else {
            throw ExportError(.files, "the pieces of the file have \(merged.rows) rows, and should have \(rows)")
        }
        files.end(rows: rows, try merged.finish())
    }

    /// What packs the pages: the format's usual codec, unless another was asked for.
    static func codec(_ compression: Compression) -> String {
        switch compression {
        case .none: "snappy"
        case .gzip: "gzip"
        case .zstd: "zstd"
        }
    }

    private func copy(_ sql: SQLFragment, to path: String, _ connection: Connection) throws -> Int64 {
        let codec = Self.codec(query.spec.compression)
        let statement = SQLStatement(DuckDBDialect.copyParquet(sql, to: path, codec: codec))
        // COPY answers with the number of rows.
        return try connection.row(statement.text, statement.values)?[0].int ?? 0
    }

    /// Puts the rows of all statements into the temporary table; how many there are.
    private func stage(_ statements: [RowStatements.Statement], _ connection: Connection) throws -> Int64 {
        let plain = query.columns.indices.map { "c\($0)" }.joined(separator: ", ")
        let first = statements.first?.sql ?? query.select(order: query.order)
        let make = SQLFragment(stringLiteral: "CREATE OR REPLACE TEMP TABLE \(Self.table)(\(plain)) AS ")
        let create = SQLStatement(make + first)
        try connection.execute(create.text, create.values)
        for statement in statements.dropFirst() {
            let insert = SQLStatement(SQLFragment(stringLiteral: "INSERT INTO \(Self.table) ") + statement.sql)
            try connection.execute(insert.text, insert.values)
        }
        return try connection.row("SELECT count(*) FROM \(Self.table)")?[0].int ?? 0
    }

    private func staged(_ range: Range<Int64>) -> SQLFragment {
        let list = query.columns.enumerated().map { (i, column) -> SQLFragment in
            SQLFragment(stringLiteral: "c\(i)") + " AS \(ident: column.name)"
        }
        return
            "SELECT \(list.joined(", ")) FROM \(SQLFragment(stringLiteral: Self.table)) WHERE rowid >= \(range.lowerBound) AND rowid < \(range.upperBound)"
    }
}
