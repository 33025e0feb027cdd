internal import Model

/// **The words by which rows get into a table**, where PostgreSQL and DuckDB share them; what they do not share is a `TableDialect`'s. Names
/// come quoted; values are bound by whoever runs a statement.
struct TableSQL: Sendable {
    let schema: String
    let table: String
    let dialect: any TableDialect
    /// Whether each key of the stage is there once.
    var hasKeysOnce = false

    init(schema: String, table: String, dialect: any TableDialect) {
        self.schema = schema
        self.table = table
        self.dialect = dialect
    }

    static func name(_ text: String) -> String { QuotedText.enclosed(text, in: "\"") }
    static func literal(_ text: String) -> String { QuotedText.enclosed(text, in: "'") }

    static func list(_ names: [String]) -> String { names.map(name).joined(separator: ", ") }

    /// Whether a manifest's type is JSON in a table.
    static func isJSON(_ type: String) -> Bool { type == "json" || type == "text[]" }

    var target: String { Self.name(schema) + "." + Self.name(table) }
    var ledger: String { Self.name(schema) + ".sluice_loads" }

    var makeSchema: String { "CREATE SCHEMA IF NOT EXISTS \(Self.name(schema))" }

    func make(_ columns: [LoadColumn]) -> String {
        let list = columns.map { "\(Self.name($0.name)) \(dialect.type($0.type))" }.joined(separator: ", ")
        return "CREATE TABLE \(target) (\(list))"
    }

    func add(_ column: LoadColumn) -> String {
        "ALTER TABLE \(target) ADD COLUMN \(Self.name(column.name)) \(dialect.type(column.type))"
    }

    var empty: String { "DELETE FROM \(target)" }
    /// As `empty`, of a table that nobody else sees.
    var truncate: String { "TRUNCATE \(target)" }
    var countAll: String { "SELECT count(*) FROM \(target)" }
    var countWindow: String {
        "SELECT count(*) FROM \(target) WHERE seq > CAST($1 AS BIGINT) AND seq <= CAST($2 AS BIGINT)"
    }
}

// MARK: The ledger

extension TableSQL {
    var makeLedger: String {
        let (text, time) = (dialect.type("text"), dialect.type("timestamp"))
        return """
            CREATE TABLE IF NOT EXISTS \(ledger) (
                run_id \(text) NOT NULL, pipeline \(text) NOT NULL, seq_from BIGINT NOT NULL, seq_to BIGINT NOT NULL,
                rows BIGINT NOT NULL, loaded_at \(time) NOT NULL DEFAULT now(), stale BOOLEAN NOT NULL DEFAULT false,
                target \(text) NOT NULL DEFAULT '', installation \(text) NOT NULL DEFAULT ''\(dialect.ledgerKey))
            """
    }

    /// The same run's load, if it is there.
    var loadOfRun: String { "SELECT rows FROM \(ledger) WHERE run_id = $1 AND target = $2" }
    /// The highest `seq` of a stream's loads.
    var highest: String {
        "SELECT max(seq_to) FROM \(ledger) WHERE pipeline = $1 AND installation = $2 AND target = $3"
    }
    /// Takes a table's lines out.
    var forget: String { "DELETE FROM \(ledger) WHERE target = $1" }
    /// Whether others load into the table, too. The windows of a pipeline's backfill are its own.
    var others: String {
        """
        SELECT 1 FROM \(ledger) WHERE target = $3
        AND (replace(pipeline, ' (backfill)', '') <> replace($1, ' (backfill)', '') OR installation <> $2) LIMIT 1
        """
    }
    var note: String {
        """
        INSERT INTO \(ledger) (run_id, pipeline, seq_from, seq_to, rows, stale, target, installation)
        VALUES ($1, $2, CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS BOOLEAN), $7, $8)
        """
    }
    /// Says of a stream's last load that something newer failed to come.
    var markStale: String {
        """
        UPDATE \(ledger) SET stale = true WHERE pipeline = $1 AND installation = $2 AND target = $3 AND seq_to =
        (SELECT max(seq_to) FROM \(ledger) WHERE pipeline = $1 AND installation = $2 AND target = $3)
        """
    }
    /// Says that it came after all.
    var markFresh: String {
        "UPDATE \(ledger) SET stale = false WHERE pipeline = $1 AND installation = $2 AND target = $3 AND stale"
    }
}

// MARK: Rows by their key

extension TableSQL {
    /// A batch's rows, with the types of the table, in their order by `sluice_row`: what is compared with the table is of its types.
    var stage: String { dialect.stage }

    /// Of the stage's rows with the same key the last; those without a key are left out.
    private func last(_ columns: [String], _ key: [String]) -> String {
        let keyed = key.map { "\(Self.name($0)) IS NOT NULL" }.joined(separator: " AND ")
        guard !hasKeysOnce else { return "SELECT \(Self.list(columns)) FROM \(stage) WHERE \(keyed)" }
        return """
            SELECT DISTINCT ON (\(Self.list(key))) \(Self.list(columns)) FROM \(stage) WHERE \(keyed)
            ORDER BY \(Self.list(key)), sluice_row DESC
            """
    }

    /// Takes all rows out of the stage but the last of each key.
    func removeRepeated(_ key: [String]) -> String {
        """
        DELETE FROM \(stage) AS t USING
        (SELECT \(Self.list(key)), max(sluice_row) AS sluice_last FROM \(stage) GROUP BY \(Self.list(key))) AS s
        WHERE \(same(key)) AND t.sluice_row < s.sluice_last
        """
    }

    /// Takes rows without a key out of the table.
    func removeKeyless(_ key: [String]) -> String {
        "DELETE FROM \(target) WHERE " + key.map { "\(Self.name($0)) IS NULL" }.joined(separator: " OR ")
    }

    private func same(_ key: [String]) -> String {
        key.map { "t.\(Self.name($0)) = s.\(Self.name($0))" }.joined(separator: " AND ")
    }

    func upsert(_ columns: [String], key: [String]) -> String {
        dialect.upsert(into: target, last(columns, key), columns: columns, key: key, same: same(key))
    }

    func delete(key: [String]) -> String {
        "DELETE FROM \(target) AS t USING (\(last(key, key))) AS s WHERE \(same(key))"
    }

    func countKeys(_ key: [String]) -> String { "SELECT count(*) FROM (\(last(key, key))) AS s" }

    /// How many keys of the stage the table has.
    func countThere(_ key: [String]) -> String {
        """
        SELECT count(*) FROM (\(last(key, key))) AS s WHERE EXISTS (SELECT 1 FROM \(target) AS t WHERE \(same(key)))
        """
    }

    /// How many keys of the stage the table has with the stage's values.
    func countEqual(_ columns: [LoadColumn], key: [String]) -> String {
        let names = columns.map(\.name)
        // A key that is the same may be written in another way, and stays as it was.
        let rest = names.filter { !key.contains($0) }
        if !rest.isEmpty, let test = dialect.isEqual(rest) {
            return "SELECT count(*) FROM (\(last(names, key))) AS s JOIN \(target) AS t ON \(same(key)) WHERE \(test)"
        }
        let tests = columns.filter { !key.contains($0.name) }.map { column in
            let name = Self.name(column.name)
            // JSON that is kept as text has no equality of its own.
            guard Self.isJSON(column.type) else { return " AND t.\(name) IS NOT DISTINCT FROM s.\(name)" }
            return " AND CAST(t.\(name) AS VARCHAR) IS NOT DISTINCT FROM CAST(s.\(name) AS VARCHAR)"
        }
        return """
            SELECT count(*) FROM (\(last(names, key))) AS s
            WHERE EXISTS (SELECT 1 FROM \(target) AS t WHERE \(same(key))\(tests.joined()))
            """
    }
}
