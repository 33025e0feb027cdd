public import DuckDB
public import Model

/// Asks the engine what a local time in a zone is.
public struct ZoneReader {
    private let name: String
    private let connection: Connection
    private let code: QueryError.Code

    /// - Parameter code: what an unknown zone is an error of.
    public init(_ name: String, _ connection: Connection, code: QueryError.Code = .invalidCondition) {
        self.name = name
        self.connection = connection
        self.code = code
    }

    /// The moment of a local time, in microseconds as if it were one of UTC.
    public func moment(ofLocal local: Int64) throws(QueryError) -> Timestamp {
        if let offset = QueryClock.offset(name) { return Timestamp(microseconds: local - offset * 1_000_000) }
        let statement = SQLStatement(DuckDBDialect.moment(ofLocal: Timestamp(microseconds: local), in: name))
        // The engine fails for a zone that it does not know, and this statement for nothing else.
        if let found = try? connection.row(statement.text, statement.values)?[0].int {
            return Timestamp(microseconds: found)
        }
        throw QueryError(
            code, at: "timezone",
            "there is no zone \"\(name)\"; write UTC, an offset such as +02:00, or a name such as Europe/Berlin")
    }
}
