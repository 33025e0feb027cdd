/// **DuckDB's own words.** One program at a time writes a file, so that loads need no lock and keys no index.
struct DuckDBDialect: TableDialect {
    func type(_ type: String) -> String {
        switch type {
        case "bigint": "BIGINT"
        case "double": "DOUBLE"
        case "boolean": "BOOLEAN"
        case "timestamp": "TIMESTAMPTZ"
        case "json", "text[]": "JSON"
        default: "VARCHAR"
        }
    }

    let columns = """
        SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2
        AND table_catalog = current_database() ORDER BY ordinal_position
        """
    // A key would refuse a line that takes the place of one removed in the same transaction.
    let ledgerKey = ""
    let schemaExists = """
        SELECT 1 FROM information_schema.schemata WHERE schema_name = $1 AND catalog_name = current_database()
        """
    let lock: String? = nil
    let stage = "temp.sluice_stage"

    func makeStage(like target: String, _ columns: [String]) -> [String] {
        [
            "CREATE OR REPLACE TEMP TABLE sluice_stage AS SELECT \(TableSQL.list(columns)), 0::BIGINT AS sluice_row FROM \(target) LIMIT 0"
        ]
    }

    func indexStage(_ key: [String]) -> String? { nil }
    func isEqual(_ columns: [String]) -> String? { nil }
    let manyRows: [String] = []
    let beforeComparing: [String] = []

    func upsert(into target: String, _ rows: String, columns: [String], key: [String], same: String) -> String {
        let rest = columns.filter { !key.contains($0) }.map(TableSQL.name)
        let update =
            rest.isEmpty
            ? "" : "WHEN MATCHED THEN UPDATE SET " + rest.map { "\($0) = s.\($0)" }.joined(separator: ", ")
        let values = columns.map { "s.\(TableSQL.name($0))" }.joined(separator: ", ")
        return """
            MERGE INTO \(target) AS t USING (\(rows)) AS s ON (\(same)) \(update)
            WHEN NOT MATCHED THEN INSERT (\(TableSQL.list(columns))) VALUES (\(values))
            """
    }

    func indexSeq(_ sql: TableSQL) -> String? { nil }
    func hasUniqueIndex(_ sql: TableSQL, _ key: [String]) -> String? { nil }
    func makeUniqueIndex(_ sql: TableSQL, _ key: [String]) -> String { "" }

    func texts(_ place: String) -> String {
        "(SELECT unnest(from_json(CAST(\(place) AS JSON), '[\"VARCHAR\"]')))"
    }

    func contains(_ column: String, _ place: String) -> String {
        let list = "'[\"VARCHAR\"]'"
        return "list_has_any(from_json(CAST(\(column) AS JSON), \(list)), from_json(CAST(\(place) AS JSON), \(list)))"
    }

    /// The rows of a batch's file, in their order.
    static func source(_ batch: LoadBatch) -> String {
        if batch.format == "parquet" { return "read_parquet(\(TableSQL.literal(batch.file)))" }
        let names = batch.columns.map { "\(TableSQL.literal($0.name)): 'VARCHAR'" }.joined(separator: ", ")
        return """
            read_csv(\(TableSQL.literal(batch.file)), header = true, auto_detect = false, delim = ',', quote = '"', escape = '"',
            nullstr = '', allow_quoted_nulls = false, max_line_size = 8388608, buffer_size = 16777216, columns = {\(names)})
            """
    }

    func insert(_ batch: LoadBatch, into place: String, isStage: Bool) -> String {
        let names = TableSQL.list(batch.columns.map(\.name)) + (isStage ? ", sluice_row" : "")
        let values = batch.columns.map { column in
            let name = TableSQL.name(column.name)
            guard TableSQL.isJSON(column.type), batch.mayNeedRepair else {
                return "CAST(\(name) AS \(type(column.type)))"
            }
            return "CAST(\(JSONFunction.name)(CAST(\(name) AS VARCHAR)) AS JSON)"
        }.joined(separator: ", ")
        return """
            INSERT INTO \(place) (\(names)) SELECT \(values)\(isStage ? ", row_number() OVER ()" : "") FROM \(Self.source(batch))
            """
    }
}
