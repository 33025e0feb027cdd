internal import Codecs
internal import DuckDB
internal import EventStore
internal import Glibc
internal import Model

/// Lets the engine write Parquet files.
///
/// One statement goes straight into the file. Where rows are sorted in several steps or split into several files, they pass
/// through a temporary table, whose rows keep the order in which they were put there.
struct EngineWriter {
    /// The temporary table.
    static let table = "export_rows"

    let query: ExportQuery
    let progress: ExportProgress
    let settings: StoreSettings
    let layout: Layout

    private var file: EngineFile { EngineFile(recipients: query.spec.recipients) }

    /// Writes all parts.
    func write(_ connection: Connection, _ files: inout PartSet) throws {
        try connection.keepProgress(true)
        defer { try? connection.keepProgress(false) }
        progress.follow(connection.interrupter)
        guard let size = query.spec.partRows else {
            try file.write(&files, connection) { path in
                var rows: Int64 = 0
                try write(connection, to: path, &rows)
                return rows
            }
            return
        }
        let total = try stage(RowStatements.make(query, connection, layout, settings), connection)
        progress.follow(nil)
        var from: Int64 = 0
        repeat {
            let to = min(total, from + Int64(size))
            try file.write(&files, connection) { path in try copy(staged(from..<to), to: path, connection) }
            from = to
            progress.set(rows: from, share: total > 0 ? Double(from) / Double(total) : 1)
        } while from < total
    }

    /// Writes one file with everything in it.
    private func write(_ connection: Connection, to path: String, _ rows: inout Int64) throws {
        let statements = try RowStatements.make(query, connection, layout, settings)
        if statements.count == 1 {
            rows = try copy(statements[0].sql, to: path, connection)
        } else if statements.isEmpty {
            rows = try copy(query.select(order: query.order), to: path, connection)
        } else {
            let total = try stage(statements, connection)
            rows = try copy(staged(0..<total), to: path, connection)
        }
        progress.set(rows: rows, share: 1)
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
