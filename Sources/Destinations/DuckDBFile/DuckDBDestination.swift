public import Connectors
internal import DuckDB
internal import Model

/// A table in a DuckDB file of the server's machine. As with PostgreSQL, rows and the line of `sluice_loads` are one transaction.
///
/// DuckDB lets one program at a time write a file: while somebody else has it open, the load waits for its next attempt. Loads of this
/// program take turns.
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
        hasSchema: true, json: .duckdb)

    private let path: String
    private let sql: TableSQL
    private let roots: FolderRoots

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        path = settings.text("path") ?? ""
        sql = TableSQL(
            schema: settings.text("schema") ?? "main", table: settings.text("table") ?? "", dialect: DuckDBDialect())
        guard !sql.table.isEmpty, !path.isEmpty else {
            throw ConnectorError(.badSetting, "\"path\" and \"table\" name a file and a table in it")
        }
        try FolderRoots.parts(path)
        roots = tools.roots
    }

    public var location: String { "duckdb:\(path)/\(sql.target)" }

    public func foresee() throws(ConnectorError) { try roots.foresee(path) }

    public func check() async throws(ConnectorError) { try await with { _ in } }

    public func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition {
        let sql = sql
        return try await with { try TableLoad.position(stream, sql, $0) }
    }

    public func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt {
        let job = TableLoad(sql: sql, batch: batch)
        return try await with { session in
            try session.connection.transaction { connection throws -> LoadReceipt in
                try job.run(DuckDBSession(connection: connection))
            }
        }
    }

    public func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        let job = TableLoad(sql: sql, batch: batch)
        return try await with { try job.verify($0, receipt) }
    }

    public static let forgetting = Forgetting.rows

    public func erase(_ erasure: RowErasure) async throws(ConnectorError) -> ErasedRows {
        let job = TableErasure(sql: sql, erasure: erasure, limits: .duckdb)
        return try await with { session in
            let erased = try session.connection.transaction { connection throws -> ErasedRows in
                try job.run(DuckDBSession(connection: connection))
            }
            // What went is not left in the log beside the file.
            try session.run("CHECKPOINT")
            return erased
        }
    }

    public func mark(_ stream: LoadStream, isStale: Bool) async throws(ConnectorError) {
        let sql = sql
        try await with { try TableLoad.mark(stream, isStale: isStale, sql, $0) }
    }

    /// Lends a connection on a thread of its own, and closes the file with it. Cancelling the task cuts its statements off.
    private func with<T: Sendable>(
        _ body: @escaping @Sendable (DuckDBSession) throws -> T
    ) async throws(ConnectorError) -> T {
        let brake = JobBrake()
        do {
            let file = try await blocking { try roots.resolve(path, isFile: true) }
            return try await FileTurns.ofProcess.take(file) {
                try await withTaskCancellationHandler {
                    try await blocking { try open(file, brake, body) }
                } onCancel: {
                    brake.pull()
                }
            }
        } catch {
            throw error as? ConnectorError ?? ConnectorError(.unreachable, "\(error)", isTransient: true)
        }
    }

    private func open<T>(_ file: String, _ brake: JobBrake, _ body: (DuckDBSession) throws -> T) throws -> T {
        do {
            let database = try Database(
                path: file,
                settings: [
                    "memory_limit": "400MB", "threads": "1", "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                ])
            let connection = try database.connect()
            // Times are written in UTC.
            try connection.execute("SET TimeZone = 'UTC'")
            try JSONFunction(.duckdb).register(on: connection)
            return try brake.hold(connection) { try body(DuckDBSession(connection: $0)) }
        } catch let error as DuckDBError {
            if error.code == .interrupted {
                throw ConnectorError(.unreachable, "the load was cut off", isTransient: true)
            }
            throw ConnectorError(
                error.isTransient ? .unreachable : .refused, "DuckDB refused: \(error.message)",
                isTransient: error.isTransient)
        }
    }
}
