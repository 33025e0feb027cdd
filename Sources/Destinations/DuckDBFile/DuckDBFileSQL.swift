internal import DuckDB

/// The words of DuckDB for a table that is loaded into.
struct DuckDBFileSQL: Sendable {
    let schema: String
    let table: String

    /// Times are written in UTC.
    static let utc = "SET TimeZone = 'UTC'"

    static func name(_ text: String) -> String { PostgresSQL.name(text) }

    private static func literal(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }

    var target: String { Self.name(schema) + "." + Self.name(table) }
    var ledger: String { Self.name(schema) + ".sluice_loads" }
    var place: [DuckValue] { [.text(schema), .text(table)] }
    var ledgerPlace: [DuckValue] { [.text(schema), "sluice_loads"] }

    static func type(_ type: String) -> String {
        switch type {
        case "bigint": "BIGINT"
        case "double": "DOUBLE"
        case "boolean": "BOOLEAN"
        case "timestamp": "TIMESTAMPTZ"
        case "json", "text[]": "JSON"
        default: "VARCHAR"
        }
    }

    /// The rows of a batch's file, in their order.
    static func source(_ batch: LoadBatch) -> String {
        if batch.format == "parquet" { return "read_parquet(\(literal(batch.file)))" }
        let names = batch.columns.map { "\(literal($0.name)): 'VARCHAR'" }.joined(separator: ", ")
        return """
            read_csv(\(literal(batch.file)), header = true, auto_detect = false, delim = ',', quote = '"', escape = '"',
            nullstr = '', allow_quoted_nulls = false, max_line_size = 8388608, buffer_size = 16777216, columns = {\(names)})
            """
    }

    static let columns = """
        SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2
        ORDER BY ordinal_position
        """

    var makeSchema: String { "CREATE SCHEMA IF NOT EXISTS \(Self.name(schema))" }
    var makeLedger: String {
        """
        CREATE TABLE IF NOT EXISTS \(ledger) (
            run_id VARCHAR NOT NULL, pipeline VARCHAR NOT NULL, seq_from BIGINT NOT NULL, seq_to BIGINT NOT NULL,
            rows BIGINT NOT NULL, loaded_at TIMESTAMPTZ NOT NULL DEFAULT now(), stale BOOLEAN NOT NULL DEFAULT false,
            target VARCHAR NOT NULL, installation VARCHAR NOT NULL)
        """
    }

    func make(_ columns: [LoadColumn]) -> String {
        "CREATE TABLE \(target) (\(columns.map { "\(Self.name($0.name)) \(Self.type($0.type))" }.joined(separator: ", ")))"
    }

    func add(_ column: LoadColumn) -> String {
        "ALTER TABLE \(target) ADD COLUMN \(Self.name(column.name)) \(Self.type(column.type))"
    }

    var loadOfRun: String { "SELECT rows FROM \(ledger) WHERE run_id = $1 AND target = $2" }
    var highest: String {
        "SELECT max(seq_to) FROM \(ledger) WHERE pipeline = $1 AND installation = $2 AND target = $3"
    }
    var forget: String { "DELETE FROM \(ledger) WHERE pipeline = $1 AND installation = $2 AND target = $3" }
    var others: String {
        "SELECT 1 FROM \(ledger) WHERE target = $3 AND (pipeline <> $1 OR installation <> $2) LIMIT 1"
    }
    var note: String {
        """
        INSERT INTO \(ledger) (run_id, pipeline, seq_from, seq_to, rows, stale, target, installation)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """
    }
    var empty: String { "DELETE FROM \(target)" }
    var countAll: String { "SELECT count(*) FROM \(target)" }
    var countWindow: String { "SELECT count(*) FROM \(target) WHERE seq > $1 AND seq <= $2" }

    func insert(_ columns: [LoadColumn], from source: String) -> String {
        "INSERT INTO \(target) (\(list(columns.map(\.name)))) SELECT \(casts(columns)) FROM \(source)"
    }

    /// Of rows with the same key the last one counts.
    func insertLast(_ columns: [LoadColumn], key: [String], from source: String) -> String {
        """
        INSERT INTO \(target) (\(list(columns.map(\.name)))) SELECT \(casts(columns)) FROM
        (SELECT *, row_number() OVER () AS sluice_row FROM \(source))
        QUALIFY row_number() OVER (PARTITION BY \(list(key)) ORDER BY sluice_row DESC) = 1
        """
    }

    func delete(_ key: [String], from source: String) -> String {
        let same = key.map { "CAST(t.\(Self.name($0)) AS VARCHAR) = CAST(s.\(Self.name($0)) AS VARCHAR)" }
        return "DELETE FROM \(target) t USING (SELECT * FROM \(source)) s WHERE \(same.joined(separator: " AND "))"
    }

    private func casts(_ columns: [LoadColumn]) -> String {
        columns.map { "CAST(\(Self.name($0.name)) AS \(Self.type($0.type)))" }.joined(separator: ", ")
    }

    private func list(_ names: [String]) -> String { names.map(Self.name).joined(separator: ", ") }
}
