/// **PostgreSQL's own words.**
struct PostgresDialect: TableDialect {
    func type(_ type: String) -> String {
        switch type {
        case "bigint": "bigint"
        case "double": "double precision"
        case "boolean": "boolean"
        case "timestamp": "timestamptz"
        case "json", "text[]": "jsonb"
        default: "text"
        }
    }

    private static func table(_ schema: String, _ name: String) -> String {
        "to_regclass(quote_ident(\(schema)) || '.' || quote_ident(\(name)))"
    }

    let columns = """
        SELECT a.attname FROM pg_attribute a WHERE a.attrelid = \(table("$1", "$2"))
        AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
        """
    let ledgerKey = ", PRIMARY KEY (run_id, target)"
    let schemaExists = "SELECT 1 FROM pg_namespace WHERE nspname = $1"
    // An earlier load whose connection broke may still be about to commit.
    let lock: String? = "SELECT pg_advisory_xact_lock(hashtextextended($1, 42))"
    let stage = "pg_temp.sluice_stage"

    func makeStage(like target: String, _ columns: [String]) -> [String] {
        [
            "CREATE TEMP TABLE sluice_stage ON COMMIT DROP AS SELECT \(TableSQL.list(columns)) FROM \(target) WITH NO DATA",
            "ALTER TABLE \(stage) ADD COLUMN sluice_row bigserial",
            // Nobody else takes numbers of it.
            "ALTER SEQUENCE pg_temp.sluice_stage_sluice_row_seq CACHE 10000",
        ]
    }

    func indexStage(_ key: [String]) -> String? { "CREATE UNIQUE INDEX ON \(stage) (\(TableSQL.list(key)))" }

    /// By their bytes: both have the same types, and the table's values were copied from the stage's.
    func isEqual(_ columns: [String]) -> String? {
        func row(_ alias: String) -> String {
            "ROW(" + columns.map { "\(alias).\(TableSQL.name($0))" }.joined(separator: ", ") + ")"
        }
        return "record_image_eq(\(row("t")), \(row("s")))"
    }

    /// Statements that each run once are not worth compiling, and sorts find room. What a server does not know is left out.
    let manyRows = [
        """
        SELECT set_config(s.name, w.value, true) FROM pg_settings s JOIN
        (VALUES ('jit', 'off'), ('work_mem', '65536'), ('maintenance_work_mem', '131072')) w (name, value) ON s.name = w.name
        WHERE s.vartype <> 'integer' OR CAST(s.setting AS BIGINT) < CAST(w.value AS BIGINT)
        """
    ]
    /// Both sides have an index on the key, so that neither has to be put into a table of hashes, which would not fit. Nothing is known of
    /// the stage's values, and without being told the planner takes that anyhow.
    let beforeComparing = ["SET LOCAL enable_hashjoin = off"]

    func upsert(into target: String, _ rows: String, columns: [String], key: [String], same: String) -> String {
        let rest = columns.filter { !key.contains($0) }.map(TableSQL.name)
        let action =
            rest.isEmpty
            ? "DO NOTHING" : "DO UPDATE SET " + rest.map { "\($0) = EXCLUDED.\($0)" }.joined(separator: ", ")
        return """
            INSERT INTO \(target) (\(TableSQL.list(columns))) \(rows) ON CONFLICT (\(TableSQL.list(key))) \(action)
            """
    }

    /// Small however large the table: rows come in the order of `seq`.
    func indexSeq(_ sql: TableSQL) -> String? {
        "CREATE INDEX IF NOT EXISTS \(TableSQL.name(Self.short(sql.table, "_seq"))) ON \(sql.target) USING brin (seq) "
            + "WITH (autosummarize = on)"
    }

    /// One of these columns and no others, for all rows, that is looked at with every row.
    func hasUniqueIndex(_ sql: TableSQL, _ key: [String]) -> String? {
        let names = Set(key).sorted().map(TableSQL.literal).joined(separator: ", ")
        return """
            SELECT 1 FROM pg_index i WHERE i.indrelid = to_regclass(\(TableSQL.literal(sql.target))) AND i.indisunique AND i.indisvalid
            AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = \(Set(key).count)
            AND NOT EXISTS (
                SELECT 1 FROM generate_series(0, i.indnkeyatts - 1) n JOIN pg_attribute a
                ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n] WHERE a.attname NOT IN (\(names)))
            """
    }

    /// PostgreSQL finds a name that is free: one of ours may be that of an index whose table was given another name.
    func makeUniqueIndex(_ sql: TableSQL, _ key: [String]) -> String {
        "CREATE UNIQUE INDEX ON \(sql.target) (\(TableSQL.list(key)))"
    }

    func texts(_ place: String) -> String { "(SELECT jsonb_array_elements_text(CAST(\(place) AS jsonb)))" }

    func contains(_ column: String, _ place: String) -> String {
        "CAST(\(column) AS jsonb) ?| ARRAY\(texts(place))"
    }

    /// A name of at most 63 bytes.
    private static func short(_ name: String, _ suffix: String) -> String {
        var stem = name
        while stem.utf8.count > 63 - suffix.utf8.count { stem.removeLast() }
        return stem + suffix
    }
}
