internal import Destinations

/// **The engine's words for transformations, and the only file here that knows them.**
enum TransformSQL {
    /// The same tables have the same names in every run.
    static let export = "export"
    static let final = "sluice_final"
    private static let keys = "sluice_keys"

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

    /// The rows of a file with the types that a manifest says.
    static func rows(_ file: String, format: String, _ columns: [LoadColumn]) -> String {
        let casts = columns.map {
            "CAST(\(RuleSQL.name($0.name)) AS \(type($0.type))) AS \(RuleSQL.name($0.name))"
        }
        let texts = columns.map { "\(RuleSQL.literal($0.name)): 'VARCHAR'" }.joined(separator: ", ")
        let source =
            switch format {
            case "parquet": "read_parquet(\(RuleSQL.literal(file)))"
            case "ndjson":
                "read_json(\(RuleSQL.literal(file)), format = 'newline_delimited', columns = {\(texts)}, maximum_object_size = 16777216)"
            default: csv(file, columns)
            }
        return "SELECT \(casts.joined(separator: ", ")) FROM \(source)"
    }

    /// The rows of a file of whose columns nothing is known. A CSV's are text, so that no digit is lost.
    static func rows(_ file: String, format: String) -> String {
        switch format {
        case "parquet": "SELECT * FROM read_parquet(\(RuleSQL.literal(file)))"
        case "ndjson":
            """
            SELECT * FROM read_json(\(RuleSQL.literal(file)), format = 'newline_delimited', sample_size = -1,
            convert_strings_to_integers = false, maximum_object_size = 16777216)
            """
        default:
            "SELECT * FROM read_csv(\(RuleSQL.literal(file)), header = true, all_varchar = true, max_line_size = 8388608, "
                + "buffer_size = 16777216)"
        }
    }

    /// A CSV of ours, every cell as text.
    static func csv(_ file: String, _ columns: [LoadColumn]) -> String {
        let texts = columns.map { "\(RuleSQL.literal($0.name)): 'VARCHAR'" }.joined(separator: ", ")
        return """
            read_csv(\(RuleSQL.literal(file)), header = true, auto_detect = false, delim = ',', quote = '"', escape = '"',
            nullstr = '', allow_quoted_nulls = false, max_line_size = 8388608, buffer_size = 16777216, columns = {\(texts)})
            """
    }

    static func make(_ name: String, _ query: String) -> String {
        "CREATE TABLE \(RuleSQL.name(name)) AS \(query)"
    }
    static func makeEmpty(_ name: String, _ columns: [LoadColumn]) -> String {
        "CREATE TABLE \(RuleSQL.name(name)) (\(columns.map { "\(RuleSQL.name($0.name)) \(type($0.type))" }.joined(separator: ", ")))"
    }
    static func makeView(_ query: String) -> String { "CREATE VIEW \(export) AS \(query)" }

    /// Has a query's rows take the place of the export's.
    static func replace(_ query: String, wasTable: Bool) -> [String] {
        [
            make("sluice_next", query), "DROP \(wasTable ? "TABLE" : "VIEW") \(export)",
            "ALTER TABLE sluice_next RENAME TO \(export)",
        ]
    }

    static func describe(_ table: String) -> String {
        "SELECT column_name, column_type FROM (DESCRIBE \(table))"
    }

    static func count(_ table: String) -> String { "SELECT count(*) FROM \(table)" }

    /// A manifest's type for one of the engine's.
    static func manifestType(_ type: String) -> String {
        switch type {
        case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "HUGEINT":
            "bigint"
        case "DOUBLE", "FLOAT": "double"
        case "BOOLEAN": "boolean"
        case "JSON": "json"
        case _ where type.hasPrefix("TIMESTAMP"): "timestamp"
        case _ where type.hasPrefix("DECIMAL"): "double"
        case _ where type.hasSuffix("]") || type.hasPrefix("STRUCT") || type.hasPrefix("MAP"): "json"
        default: "text"
        }
    }

    // MARK: Columns that are left

    static func map(_ mappings: [TransformPlan.Mapping], from table: String) -> String {
        let list = mappings.map { "\(RuleSQL.name($0.from)) AS \(RuleSQL.name($0.name))" }
        return "SELECT \(list.joined(separator: ", ")) FROM \(table)"
    }

    // MARK: Privacy

    static let makeKeys =
        "CREATE TEMP TABLE \(keys) (name VARCHAR, inner_key VARCHAR, outer_key VARCHAR)"
    static let addKey = "INSERT INTO \(keys) VALUES ($1, $2, $3)"

    /// The final rows, each column by its rule.
    static func protect(_ columns: [String], _ rules: [PrivacyRule], from table: String) -> String {
        let list = columns.compactMap { column -> String? in
            guard let rule = rules.first(where: { $0.column == column }) else {
                return RuleSQL.name(column)
            }
            guard let expression = expression(rule) else { return nil }
            return "\(expression) AS \(RuleSQL.name(column))"
        }
        return "SELECT \(list.joined(separator: ", ")) FROM \(table)"
    }

    private static func expression(_ rule: PrivacyRule) -> String? {
        let value = RuleSQL.name(rule.column)
        let text = "CAST(\(value) AS VARCHAR)"
        switch rule.action {
        case .drop: return nil
        case .hash:
            // HMAC: the hash of the outer key and the hash of the inner key and the value.
            func key(_ which: String) -> String {
                "unhex((SELECT \(which) FROM \(keys) WHERE name = \(RuleSQL.literal(rule.column))))"
            }
            return "sha256(\(key("outer_key")) || unhex(sha256(\(key("inner_key")) || encode(\(text)))))"
        case .mask:
            return
                "left(\(text), 1) || '***' || CASE WHEN contains(\(text), '@') THEN '@' || split_part(\(text), '@', -1) ELSE '' END"
        case .truncateIP:
            // What is neither is nothing: it might be somebody's all the same.
            return """
                CASE WHEN regexp_full_match(\(text), '\\d{1,3}(\\.\\d{1,3}){3}') THEN regexp_extract(\(text), '^(\\d+\\.\\d+\\.\\d+)\\.', 1) || '.0'
                WHEN regexp_full_match(\(text), '[0-9a-fA-F:]*:[0-9a-fA-F:.]*') THEN
                lower(array_to_string(string_split(split_part(\(text), '::', 1), ':')[1:3], ':')) || '::' END
                """
        case .step(let digits):
            let isWhole = digits.utf8.allSatisfy { $0 &- 48 < 10 }
            let lower = "floor(TRY_CAST(\(text) AS DOUBLE) / \(digits)) * \(digits)"
            return isWhole ? "CAST(\(lower) AS BIGINT)" : lower
        case .time(let unit): return "date_trunc('\(unit)', TRY_CAST(\(text) AS TIMESTAMPTZ))"
        case .keep(let count): return "left(\(text), \(count))"
        }
    }

    // MARK: Writing

    /// Writes the rows as an export's file has them. Where rows have a `seq`, they are in its order.
    static func write(
        _ table: String, _ columns: [(name: String, type: String)], to file: String, format: String,
        compression: String
    ) -> String {
        let list = columns.map { column -> String in
            let name = RuleSQL.name(column.name)
            switch manifestType(column.type) {
            case "bigint": return "CAST(\(name) AS BIGINT) AS \(name)"
            case "double": return "CAST(\(name) AS DOUBLE) AS \(name)"
            case "boolean": return name
            case "timestamp":
                let time = "CAST(\(name) AS TIMESTAMPTZ)"
                return format == "parquet"
                    ? "\(time) AS \(name)" : "strftime(\(time), '%Y-%m-%dT%H:%M:%S.%fZ') AS \(name)"
            case "json":
                return format == "ndjson"
                    ? "to_json(\(name)) AS \(name)" : "CAST(to_json(\(name)) AS VARCHAR) AS \(name)"
            default: return "CAST(\(name) AS VARCHAR) AS \(name)"
            }
        }
        let order = columns.contains { $0.name == "seq" } ? " ORDER BY seq" : ""
        let options =
            switch format {
            case "parquet": "FORMAT parquet, COMPRESSION zstd"
            case "ndjson": "FORMAT json, COMPRESSION \(compression)"
            default:
                "FORMAT csv, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '', COMPRESSION \(compression)"
            }
        return
            "COPY (SELECT \(list.joined(separator: ", ")) FROM \(table)\(order)) TO \(RuleSQL.literal(file)) (\(options))"
    }
}
