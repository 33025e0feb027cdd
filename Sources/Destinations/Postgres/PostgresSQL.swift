/// **PostgreSQL's words, and the only file that knows them.** Names come quoted; values are bound by whoever runs a statement.
struct PostgresSQL: Sendable {
    let schema: String
    let table: String

    static func name(_ text: String) -> String {
        "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    var target: String { Self.name(schema) + "." + Self.name(table) }
    var ledger: String { Self.name(schema) + ".sluice_loads" }

    /// What a manifest's type becomes.
    static func type(_ type: String) -> String {
        switch type {
        case "bigint": "bigint"
        case "double": "double precision"
        case "boolean": "boolean"
        case "timestamp": "timestamptz"
        case "json", "text[]": "jsonb"
        default: "text"
        }
    }

    /// What orders the loads of one table: held to the end of the transaction.
    static let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 42))"

    var makeLedger: String {
        """
        CREATE TABLE IF NOT EXISTS \(ledger) (
            run_id text NOT NULL, pipeline text NOT NULL, seq_from bigint NOT NULL, seq_to bigint NOT NULL,
            rows bigint NOT NULL, loaded_at timestamptz NOT NULL DEFAULT now(), stale boolean NOT NULL DEFAULT false,
            target text NOT NULL DEFAULT '', installation text NOT NULL DEFAULT '', PRIMARY KEY (run_id, target))
        """
    }

    var makeSchema: String { "CREATE SCHEMA IF NOT EXISTS \(Self.name(schema))" }
    static let schemaExists = "SELECT 1 FROM pg_namespace WHERE nspname = $1"

    /// The table's columns with their types.
    static let columns = """
        SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
        WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
        """

    func make(_ columns: [LoadColumn]) -> String {
        let list = columns.map { "\(Self.name($0.name)) \(Self.type($0.type))" }.joined(separator: ", ")
        return "CREATE TABLE \(target) (\(list))"
    }

    func add(_ column: LoadColumn) -> String {
        "ALTER TABLE \(target) ADD COLUMN \(Self.name(column.name)) \(Self.type(column.type))"
    }

    /// Small however large the table: rows come in the order of `seq`.
    var indexSeq: String {
        "CREATE INDEX IF NOT EXISTS \(Self.name(short("_seq"))) ON \(target) USING brin (seq) WITH (autosummarize = on)"
    }

    func indexKey(_ key: [String]) -> String {
        "CREATE UNIQUE INDEX IF NOT EXISTS \(Self.name(short("_key"))) ON \(target) (\(list(key)))"
    }

    /// A name of at most 63 bytes.
    private func short(_ suffix: String) -> String {
        var stem = table
        while stem.utf8.count > 63 - suffix.utf8.count { stem.removeLast() }
        return stem + suffix
    }

    /// The same run's load, if it is there.
    var loadOfRun: String { "SELECT rows FROM \(ledger) WHERE run_id = $1 AND target = $2" }
    /// The highest `seq` of a stream's loads.
    var highest: String {
        "SELECT max(seq_to) FROM \(ledger) WHERE pipeline = $1 AND installation = $2 AND target = $3"
    }
    /// Takes a stream's lines out.
    var forget: String { "DELETE FROM \(ledger) WHERE pipeline = $1 AND installation = $2 AND target = $3" }
    /// Whether others load into the table, too.
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

    func copy(_ columns: [LoadColumn], into place: String) -> String {
        "COPY \(place) (\(list(columns.map(\.name)))) FROM STDIN (FORMAT csv, HEADER true)"
    }

    /// A table of the transaction with the rows of a batch, in their order.
    static let stage = "pg_temp.sluice_stage"

    func makeStage(_ columns: [LoadColumn]) -> String {
        let list = columns.map { "\(Self.name($0.name)) \(Self.type($0.type))" }.joined(separator: ", ")
        return "CREATE TEMP TABLE sluice_stage (\(list), sluice_row bigserial) ON COMMIT DROP"
    }

    /// Of rows with the same key the last one counts.
    func upsert(_ columns: [LoadColumn], key: [String]) -> String {
        let names = columns.map(\.name)
        let rest = names.filter { !key.contains($0) }
        let action =
            rest.isEmpty
            ? "DO NOTHING"
            : "DO UPDATE SET " + rest.map { "\(Self.name($0)) = EXCLUDED.\(Self.name($0))" }.joined(separator: ", ")
        return """
            INSERT INTO \(target) (\(list(names))) SELECT DISTINCT ON (\(list(key))) \(list(names)) FROM \(Self.stage)
            WHERE \(key.map { "\(Self.name($0)) IS NOT NULL" }.joined(separator: " AND "))
            ORDER BY \(list(key)), sluice_row DESC ON CONFLICT (\(list(key))) \(action)
            """
    }

    func delete(key: [String]) -> String {
        let same = key.map { "t.\(Self.name($0)) = s.\(Self.name($0))" }.joined(separator: " AND ")
        return "DELETE FROM \(target) t USING \(Self.stage) s WHERE \(same)"
    }

    var countWindow: String { "SELECT count(*) FROM \(target) WHERE seq > $1 AND seq <= $2" }
    var countAll: String { "SELECT count(*) FROM \(target)" }

    private func list(_ names: [String]) -> String { names.map(Self.name).joined(separator: ", ") }
}
