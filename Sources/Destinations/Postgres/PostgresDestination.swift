public import Connectors
public import Model

/// A table in PostgreSQL. A window's rows and the line of `sluice_loads` that says so are one transaction: whatever happens, a window
/// is there once or not at all.
public struct PostgresDestination: GatedDestination {
    public static let kind = "postgres"
    public static let fields = [
        Field(
            "url", .text, isSecret: true, isRequired: true,
            help: "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, as secret://env/NAME if it has a password"),
        Field("schema", .text, help: "the schema; public if not said"),
        Field("table", .text, isRequired: true, help: "the table; it is made if it is not there"),
        Field("allow_plaintext", .choice(Field.truths), help: "whether rows may cross a network without TLS"),
    ]
    public static let abilities = Abilities(
        modes: [.append, .upsert, .delete, .replace], formats: ["csv"], takesCompression: false, hasSchema: true,
        json: .postgres)

    private let target: PostgresTarget
    private let sql: TableSQL
    private let tools: DestinationTools

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        target = try PostgresTarget(
            settings.text("url") ?? "", allowsPlaintext: settings.text("allow_plaintext") == "true")
        sql = TableSQL(
            schema: settings.text("schema") ?? "public", table: settings.text("table") ?? "", dialect: PostgresDialect()
        )
        for name in [sql.schema, sql.table] where !(1...63).contains(name.utf8.count) || name.utf8.contains(0) {
            throw ConnectorError(.badSetting, "a name in PostgreSQL has 1 to 63 bytes, and \"\(name)\" has not")
        }
        self.tools = tools
    }

    public static func plainSecret(_ settings: JSONValue) -> String? {
        guard let text = settings["url"]?.stringValue, !SecretReference.isReference(text) else { return nil }
        return PostgresTarget.hasPassword(text) ? "url" : nil
    }

    public var location: String { "postgres:\(target.host):\(target.port)/\(target.database)/\(sql.target)" }

    public func foresee() throws(ConnectorError) { try tools.policy.check(knownHost: target.host) }

    public func check() async throws(ConnectorError) { try await with { try $0.run("SELECT 1") } }

    public func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition {
        let sql = sql
        return try await with { try TableLoad.position(stream, sql, $0) }
    }

    public func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt {
        let job = TableLoad(sql: sql, batch: batch)
        return try await with { try $0.transaction { try job.run($0) } }
    }

    public func load(_ batch: LoadBatch, behind gate: LoadGate) async throws(ConnectorError) -> LoadReceipt {
        let job = TableLoad(sql: sql, batch: batch, gate: gate)
        return try await with { session in
            try session.transaction { session in
                let receipt = try job.run(session)
                // Nothing is committed before it.
                try gate.pass()
                return receipt
            }
        }
    }

    public func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        let job = TableLoad(sql: sql, batch: batch)
        return try await with { try job.verify($0, receipt) }
    }

    public static let forgetting = Forgetting.rows

    public func erase(_ erasure: RowErasure) async throws(ConnectorError) -> ErasedRows {
        let job = TableErasure(sql: sql, erasure: erasure, limits: .postgres)
        return try await with { session in try session.transaction { try job.run($0) } }
    }

    public func mark(_ stream: LoadStream, isStale: Bool) async throws(ConnectorError) {
        let sql = sql
        try await with { try TableLoad.mark(stream, isStale: isStale, sql, $0) }
    }

    /// Lends a connection on a thread of its own. Cancelling the task cuts it off.
    private func with<T: Sendable>(
        _ body: @escaping @Sendable (PostgresSession) throws -> T
    ) async throws(ConnectorError) -> T {
        try await Self.with(target, tools) { try body(PostgresSession(connection: $0)) }
    }

    static func with<T: Sendable>(
        _ target: PostgresTarget, _ tools: DestinationTools,
        _ body: @escaping @Sendable (PostgresConnection) throws -> T
    ) async throws(ConnectorError) -> T {
        let parameters = try await target.parameters(tools)
        let brake = PostgresBrake()
        do {
            return try await withTaskCancellationHandler {
                try await blocking {
                    try body(PostgresConnection(parameters, brake: brake))
                }
            } onCancel: {
                brake.pull()
            }
        } catch {
            throw error as? ConnectorError ?? ConnectorError(.unreachable, "\(error)", isTransient: true)
        }
    }
}
