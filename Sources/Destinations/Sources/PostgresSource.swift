public import Connectors
public import Model

/// The rows of a query in PostgreSQL, read some at a time in one transaction that changes nothing.
public struct PostgresSource: Source {
    public static let kind = "postgres"
    public static let fields = [
        Field(
            "url", .text, isSecret: true, isRequired: true,
            help:
                "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, as secret://env/NAME if it has a password"),
        Field(
            "query", .text, isRequired: true, help: "a query, such as select id, plan from customers"),
        PlainText.field,
    ]
    private static let rowsAtOnce = 2_000

    private let target: PostgresTarget
    private let query: String
    private let tools: DestinationTools

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        target = try PostgresTarget(
            settings.text("url") ?? "", allowsPlaintext: settings.text(PlainText.field.name) == "true")
        query = settings.text("query") ?? ""
        self.tools = tools
    }

    public static func plainSecret(_ settings: JSONValue) -> String? {
        PostgresDestination.plainSecret(settings)
    }

    public var location: String { "postgres:\(target.host):\(target.port)/\(target.database)" }

    public func foresee() throws(ConnectorError) { try tools.policy.check(knownHost: target.host) }

    public func fetch(into folder: String, as name: String) async throws(ConnectorError)
        -> FetchedFile
    {
        let path = "\(folder)/\(name).ndjson"
        let query = query
        let columns = try await PostgresDestination.with(target, tools) {
            (connection) throws(ConnectorError) -> [LoadColumn] in
            try connection.execute("BEGIN READ ONLY; SET LOCAL TimeZone = 'UTC'")
            let columns = try connection.columns(of: PostgresQuery.none(of: query)).map {
                LoadColumn($0.name, PostgresQuery.type(oid: $0.oid))
            }
            guard Set(columns.map(\.name)).count == columns.count else {
                throw ConnectorError(
                    .refused, "the query has two columns of one name; name them with \"as\"")
            }
            // One statement each: a query that ends the transaction and begins another is none.
            try connection.rows(PostgresQuery.cursor(over: query))
            try FilePieces.begin(path)
            while true {
                let rows = try connection.rows(PostgresQuery.fetch(Self.rowsAtOnce))
                guard !rows.isEmpty else { break }
                var bytes: [UInt8] = []
                for row in rows {
                    bytes += Array((row.first.flatMap { $0 } ?? "{}").utf8)
                    bytes.append(0x0a)
                }
                try FilePieces.append(bytes, to: path)
            }
            try connection.execute("COMMIT")
            return columns
        }
        return FetchedFile(path: path, format: "ndjson", columns: columns)
    }
}

/// **PostgreSQL's words for reading.**
enum PostgresQuery {
    /// A query's columns without its rows.
    static func none(of query: String) -> String { "SELECT * FROM (\(query)) AS rows LIMIT 0" }

    /// Rows as JSON, a line each, whatever types they have.
    static func cursor(over query: String) -> String {
        "DECLARE sluice_rows NO SCROLL CURSOR FOR SELECT to_json(rows)::text FROM (\(query)) AS rows"
    }

    static func fetch(_ rows: Int) -> String { "FETCH \(rows) FROM sluice_rows" }

    /// A manifest's type for one of PostgreSQL's own.
    static func type(oid: UInt32) -> String {
        switch oid {
        case 20, 21, 23: "bigint"
        case 700, 701, 1700: "double"
        case 16: "boolean"
        case 1114, 1184: "timestamp"
        case 114, 3802: "json"
        default: "text"
        }
    }
}
