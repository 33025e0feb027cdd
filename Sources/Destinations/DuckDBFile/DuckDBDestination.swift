public import Connectors
internal import DuckDB
internal import Model

/// A table in a DuckDB file of the server's machine. As with PostgreSQL, rows and the line of `sluice_loads` are one transaction.
///
/// DuckDB lets one program at a time write a file: while somebody else has it open, the load waits for its next attempt.
public struct DuckDBDestination: Destination {
    public static let kind = "duckdb"
    public static let fields = [
        Field(
            "path", .text, isRequired: true,
            help:
                "the file: below a folder that the operator allows with --allow-folder, or relative to the data folder's files/"
        ),
        Field("schema", .text, help: "the schema; main if not said"),
        Field("table", .text, isRequired: true, help: "the table; it is made if it is not there"),
    ]
    public static let abilities = Abilities(
        modes: [.append, .upsert, .delete, .replace], formats: ["csv", "parquet"], takesCompression: false,
        hasSchema: true)

    private let path: String
    private let sql: DuckDBFileSQL
    private let roots: FolderRoots

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        path = settings.text("path") ?? ""
        sql = DuckDBFileSQL(schema: settings.text("schema") ?? "main", table: settings.text("table") ?? "")
        guard !sql.table.isEmpty, !path.isEmpty else {
            throw ConnectorError(.badSetting, "\"path\" and \"table\" name a file and a table in it")
        }
        roots = tools.roots
    }

    public var location: String { "duckdb:\(path)/\(sql.target)" }

    public func check() async throws(ConnectorError) { try await with { _ in } }

    public func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition {
        let sql = sql
        return try await with { connection in
            guard try !connection.rows(DuckDBFileSQL.columns, sql.place).isEmpty else { return .empty }
            guard try !connection.rows(DuckDBFileSQL.columns, sql.ledgerPlace).isEmpty else { return .upTo(0) }
            let row = try connection.row(
                sql.highest, [.text(stream.pipeline), .text(stream.installation), .text(sql.target)])
            return .upTo(row?.first?.int ?? 0)
        }
    }

    public func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt {
        let sql = sql
        return try await with { connection in
            try connection.transaction { connection throws -> LoadReceipt in
                try Self.load(batch, sql, connection)
            }
        }
    }

    private static func load(
        _ batch: LoadBatch, _ sql: DuckDBFileSQL, _ connection: Connection
    ) throws -> LoadReceipt {
        try connection.execute(sql.makeSchema)
        try connection.execute(sql.makeLedger)
        if let row = try connection.row(sql.loadOfRun, [.text(batch.run), .text(sql.target)]) {
            return LoadReceipt(rows: row.first?.int ?? 0, wasThere: true)
        }
        let stream: [DuckValue] = [
            .text(batch.stream.pipeline), .text(batch.stream.installation), .text(sql.target),
        ]
        if try connection.rows(DuckDBFileSQL.columns, sql.place).isEmpty {
            // Somebody removed the table: what its ledger says of it holds no more, and all of it is loaded again.
            _ = try connection.execute(sql.forget, stream)
        }
        if batch.isIncremental, let reached = try connection.row(sql.highest, stream)?.first?.int,
            reached > batch.seqFrom
        {
            return LoadReceipt(rows: 0, reached: reached)
        }
        let changes = try prepare(batch, sql, connection)
        let rows = Int64(try bring(batch, sql, connection))
        let from = batch.isIncremental ? batch.seqFrom : 0
        _ = try connection.execute(
            sql.note,
            [
                .text(batch.run), .text(batch.stream.pipeline), .int(from), .int(batch.seqTo), .int(rows),
                .bool(batch.isStale), .text(sql.target), .text(batch.stream.installation),
            ])
        // Read back before it is committed: a load that does not hold leaves nothing, its line in the ledger least of all.
        let receipt = LoadReceipt(rows: rows, changes: changes)
        let found = try verify(batch, receipt, sql, connection)
        guard found.holds else { throw found.refusal }
        return receipt
    }

    private static func prepare(
        _ batch: LoadBatch, _ sql: DuckDBFileSQL, _ connection: Connection
    ) throws -> [String] {
        let there = try connection.rows(DuckDBFileSQL.columns, sql.place).compactMap { $0.first?.text }
        guard !there.isEmpty else {
            try connection.execute(sql.make(batch.columns))
            return ["the table \(sql.target) was made"]
        }
        let missing = batch.columns.filter { !there.contains($0.name) }
        guard missing.isEmpty || batch.evolves else {
            throw ConnectorError(
                .refused,
                "the table \(sql.target) has no column \(missing.map { "\"\($0.name)\"" }.joined(separator: ", ")), and "
                    + "\"schema: freeze\" lets none be added; it has \(there.joined(separator: ", "))")
        }
        return try missing.map { column in
            try connection.execute(sql.add(column))
            return "the column \"\(column.name)\" was added to \(sql.target)"
        }
    }

    private static func bring(_ batch: LoadBatch, _ sql: DuckDBFileSQL, _ connection: Connection) throws -> Int {
        let source = DuckDBFileSQL.source(batch)
        switch batch.mode {
        case .append: return try connection.execute(sql.insert(batch.columns, from: source), [])
        case .replace:
            try connection.execute(sql.empty)
            return try connection.execute(sql.insert(batch.columns, from: source), [])
        case .upsert:
            try connection.execute(sql.delete(batch.key, from: source))
            return try connection.execute(sql.insertLast(batch.columns, key: batch.key, from: source), [])
        case .delete: return try connection.execute(sql.delete(batch.key, from: source), [])
        }
    }

    public func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        let sql = sql
        return try await with { connection in try Self.verify(batch, receipt, sql, connection) }
    }

    private static func verify(
        _ batch: LoadBatch, _ receipt: LoadReceipt, _ sql: DuckDBFileSQL, _ connection: Connection
    ) throws -> LoadVerification {
        let noted = try connection.row(sql.loadOfRun, [.text(batch.run), .text(sql.target)])?.first?.int ?? -1
        let stream: [DuckValue] = [
            .text(batch.stream.pipeline), .text(batch.stream.installation), .text(sql.target),
        ]
        let isAlone = try connection.rows(sql.others, stream).isEmpty
        let hasSeq = batch.columns.contains { $0.name == "seq" }
        switch batch.mode {
        case .append where isAlone && hasSeq && batch.isIncremental:
            let found = try connection.row(sql.countWindow, [.int(batch.seqFrom), .int(batch.seqTo)])
            return LoadVerification(
                what: "rows of the window in \(sql.target)", expected: batch.rows, found: found?.first?.int ?? -1)
        case .replace:
            return LoadVerification(
                what: "rows in \(sql.target)", expected: batch.rows,
                found: try connection.row(sql.countAll)?.first?.int ?? -1)
        case .append:
            return LoadVerification(
                what: "rows that sluice_loads has of the run", expected: batch.rows, found: noted)
        case .upsert, .delete:
            return LoadVerification(
                what: "rows that sluice_loads has of the run", expected: receipt.rows, found: noted)
        }
    }

    /// Lends a connection on a thread of its own, and closes the file with it.
    private func with<T: Sendable>(
        _ body: @escaping @Sendable (Connection) throws -> T
    ) async throws(ConnectorError) -> T {
        try await blocking {
            let file = try roots.resolve(path, isFile: true)
            do {
                let database = try Database(
                    path: file,
                    settings: [
                        "memory_limit": "400MB", "threads": "1", "autoinstall_known_extensions": "false",
                        "autoload_known_extensions": "false",
                    ])
                let connection = try database.connect()
                try connection.execute(DuckDBFileSQL.utc)
                return try body(connection)
            } catch let error as DuckDBError {
                throw ConnectorError(
                    error.isTransient ? .unreachable : .refused, "DuckDB refused: \(error.message)",
                    isTransient: error.isTransient)
            }
        }
    }
}
