internal import Destinations
internal import DuckDB
internal import Model

/// **The engine's words for validation, and the only file here that knows them.** Rows are those of the view `export`, in which every
/// column is text.
enum RuleSQL {
    static func name(_ text: String) -> String { QuotedText.enclosed(text, in: "\"") }
    static func literal(_ text: String) -> String { QuotedText.enclosed(text, in: "'") }

    /// Makes the view over a file. JSON is as the destination holds it: what the engine could not read at all would end the run for one row.
    static func view(_ file: String, format: String, columns: [(name: String, type: String)]) -> String {
        let types = columns.map { "\(literal($0.name)): 'VARCHAR'" }.joined(separator: ", ")
        let repair = JSONFunction.name
        let source =
            switch format {
            case "parquet": "read_parquet(\(literal(file)))"
            case "ndjson":
                // Lines, read as nothing but texts first.
                """
                (SELECT unnest(json_transform(\(repair)(line), \(literal(shape(columns.map(\.name)))))) FROM read_csv(\(literal(file)),
                header = false, auto_detect = false, delim = '\u{1}', quote = '', escape = '', columns = {'line': 'VARCHAR'},
                max_line_size = 8388608, buffer_size = 16777216))
                """
            default:
                """
                read_csv(\(literal(file)), header = true, auto_detect = false, delim = ',', quote = '"', escape = '"',
                nullstr = '', allow_quoted_nulls = false, max_line_size = 8388608, buffer_size = 16777216, columns = {\(types)})
                """
            }
        let list = columns.map { column in
            let isJSON = format != "ndjson" && (column.type == "json" || column.type == "text[]")
            let value = "CAST(\(name(column.name)) AS VARCHAR)"
            return "\(isJSON ? "\(repair)(\(value))" : value) AS \(name(column.name))"
        }.joined(separator: ", ")
        return "CREATE TEMP VIEW export AS SELECT \(list) FROM \(source)"
    }

    /// Lines' members, all as texts.
    private static func shape(_ columns: [String]) -> String {
        JSONValue.object(columns.map { .init($0, "VARCHAR") }).text
    }

    /// Has a column's values looked at; hardly any row is counted.
    static func probe(_ column: (name: String, type: String), forZero: Bool) -> String? {
        switch column.type {
        case "json", "text[]": "\(name(column.name)) = ''"
        case "text": forZero ? "contains(\(name(column.name)), chr(0))" : nil
        default: nil
        }
    }

    static func hasNoKey(_ key: [String]) -> String { key.map { "\(name($0)) IS NULL" }.joined(separator: " OR ") }

    /// The first line of a file that has its columns' names in it, which are so many; nil for other files.
    static func header(_ file: String, format: String, columns: Int) -> String? {
        guard format == "csv" else { return nil }
        let types = (0..<columns).map { "'c\($0)': 'VARCHAR'" }.joined(separator: ", ")
        return """
            SELECT * FROM read_csv(\(literal(file)), header = false, auto_detect = false, delim = ',', quote = '"', escape = '"',
            columns = {\(types)}, max_line_size = 8388608, buffer_size = 16777216) LIMIT 1
            """
    }

    /// What the rules' statements may reach: the folder of the run and nothing else.
    static func confine(to folder: String) -> [String] {
        [
            "SET TimeZone = 'UTC'",
            "SET allowed_directories = [\(literal(folder + "/"))]", "SET enable_external_access = false",
            "SET lock_configuration = true",
        ]
    }

    static func isNoValue(of type: String, _ column: String) -> String? {
        let column = name(column)
        switch type {
        case "bigint": return "\(column) IS NOT NULL AND TRY_CAST(\(column) AS BIGINT) IS NULL"
        case "double": return "\(column) IS NOT NULL AND TRY_CAST(\(column) AS DOUBLE) IS NULL"
        case "boolean": return "\(column) IS NOT NULL AND TRY_CAST(\(column) AS BOOLEAN) IS NULL"
        case "timestamp": return "\(column) IS NOT NULL AND TRY_CAST(\(column) AS TIMESTAMPTZ) IS NULL"
        case "json": return "\(column) IS NOT NULL AND NOT json_valid(\(column))"
        default: return nil
        }
    }

    static func isMissing(_ column: String) -> String { "\(name(column)) IS NULL OR \(name(column)) = ''" }

    static func doesNotMatch(_ column: String, _ pattern: String) -> String {
        let pattern = pattern == "email" ? #"[^@\s]+@[^@\s]+\.[^@\s]+"# : pattern
        return "\(name(column)) IS NOT NULL AND NOT regexp_full_match(\(name(column)), \(literal(pattern)))"
    }

    static func isNotAmong(_ column: String, _ values: [String]) -> String {
        "\(name(column)) IS NOT NULL AND \(name(column)) NOT IN (\(values.map(literal).joined(separator: ", ")))"
    }

    /// Numbers and times are compared as what they are; what is neither is no value of the range.
    static func isOutside(_ column: String, least: String?, most: String?) -> String {
        let isTime = [least, most].contains { $0?.contains("T") ?? false }
        let type = isTime ? "TIMESTAMPTZ" : "DOUBLE"
        let value = "TRY_CAST(\(name(column)) AS \(type))"
        var tests = ["\(value) IS NULL"]
        if let least { tests.append("\(value) < CAST(\(literal(least)) AS \(type))") }
        if let most { tests.append("\(value) > CAST(\(literal(most)) AS \(type))") }
        return "\(name(column)) IS NOT NULL AND (\(tests.joined(separator: " OR ")))"
    }

    static func isRepeated(_ column: String) -> String {
        """
        \(name(column)) IS NOT NULL AND \(name(column)) IN
        (SELECT \(name(column)) FROM export WHERE \(name(column)) IS NOT NULL GROUP BY 1 HAVING count(*) > 1)
        """
    }

    /// How many rows there are, and how many of each kind, in one pass.
    static func counts(_ predicates: [String]) -> String {
        "SELECT count(*)" + predicates.map { ", count(*) FILTER (WHERE \($0))" }.joined() + " FROM export"
    }

    static func samples(_ column: String, where predicate: String, limit: Int) -> String {
        "SELECT \(name(column)) FROM export WHERE \(predicate) LIMIT \(limit)"
    }

    static func newest(_ column: String) -> String {
        "SELECT epoch_us(max(TRY_CAST(\(name(column)) AS TIMESTAMPTZ))) FROM export"
    }

    static func count(of query: String) -> String { "SELECT count(*) FROM (\(query)) AS failing" }

    /// Writes rows that fail, each with its rule.
    static func quarantine(_ file: String, _ rules: [(rule: String, column: String?, predicate: String)]) -> String {
        let parts = rules.map { rule, column, predicate in
            "SELECT \(literal(rule)) AS rule, \(column.map(literal) ?? "NULL") AS \"column\", export AS row FROM export WHERE \(predicate)"
        }
        return "COPY (\(parts.joined(separator: " UNION ALL "))) TO \(literal(file)) (FORMAT json)"
    }
}
