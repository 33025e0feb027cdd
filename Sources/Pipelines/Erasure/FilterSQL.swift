internal import Destinations
internal import Model

/// **The engine's words for taking rows out of files.** Values pass through as they are written: nothing is read as a number or a time.
enum FilterSQL {
    /// How the lines of a CSV end.
    enum LineEnd: Sendable {
        case export, transformed

        var text: String { self == .export ? "\\r\\n" : "\\n" }
    }

    /// What holds of the rows that stay.
    static func kept(
        _ columns: [(name: String, holds: RowErasure.Holds)], _ erasure: RowErasure, _ format: String
    ) -> String {
        let tests = columns.map { column -> String in
            let value = value(column.name, format)
            let text = format == "ndjson" ? "(\(value) ->> '$')" : "CAST(\(value) AS VARCHAR)"
            switch column.holds {
            case .identity, .key: return "\(text) IN \(texts(erasure.identities))"
            case .person: return "\(text) IN \(texts(erasure.persons))"
            case .seq: return "\(text) IN \(texts(erasure.seqs.map(String.init)))"
            case .identities:
                let list = "'[\"VARCHAR\"]'"
                return
                    "list_has_any(from_json(TRY_CAST(\(value) AS JSON), \(list)), from_json(\(json(erasure.identities)), \(list)))"
            }
        }
        return tests.isEmpty ? "true" : tests.map { "NOT coalesce(\($0), false)" }.joined(separator: " AND ")
    }

    /// How many rows stay, and how many there are.
    static func counts(_ batch: LoadBatch, _ kept: String) -> String {
        "SELECT count(*) FILTER (WHERE \(kept)), count(*) FROM \(source(batch)) AS t"
    }

    /// Writes the rows that stay.
    ///
    /// - Parameter renames: what columns are called in the new file, where that is something else.
    static func write(
        _ batch: LoadBatch, _ kept: String, _ renames: [String: String], _ lineEnd: LineEnd, to file: String
    ) -> String {
        let named = renames.isEmpty ? "*" : columns(batch, renames)
        let (columns, options) =
            switch batch.format {
            case "parquet": (named, "FORMAT parquet, COMPRESSION zstd")
            case "ndjson":
                // Lines as they are: in JSON's text there is no such character.
                (
                    keys("CAST(json AS VARCHAR)", renames),
                    "FORMAT csv, HEADER false, DELIMITER E'\\x01', QUOTE '', ESCAPE '', NULLSTR '', COMPRESSION \(batch.packing)"
                )
            default:
                (
                    named,
                    "FORMAT csv, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '', NEW_LINE '\(lineEnd.text)', COMPRESSION \(batch.packing)"
                )
            }
        return
            "COPY (SELECT \(columns) FROM \(source(batch)) AS t WHERE \(kept)) TO \(RuleSQL.literal(file)) (\(options))"
    }

    private static func columns(_ batch: LoadBatch, _ renames: [String: String]) -> String {
        batch.columns.map { column in
            "t.\(RuleSQL.name(column.name)) AS \(RuleSQL.name(renames[column.name] ?? column.name))"
        }.joined(separator: ", ")
    }

    /// A line's text with other keys. No value has such a text in it: a quote in a value has a backslash before it.
    private static func keys(_ line: String, _ renames: [String: String]) -> String {
        renames.sorted { $0.key < $1.key }.reduce(line) { line, rename in
            let (old, new) = (JSONValue.string(rename.key).text + ":", JSONValue.string(rename.value).text + ":")
            return "replace(\(line), \(RuleSQL.literal(old)), \(RuleSQL.literal(new)))"
        }
    }

    private static func source(_ batch: LoadBatch) -> String {
        switch batch.format {
        case "parquet": "read_parquet(\(RuleSQL.literal(batch.file)))"
        case "ndjson": "read_ndjson_objects(\(RuleSQL.literal(batch.file)), maximum_object_size = 16777216)"
        default: TransformSQL.csv(batch.file, batch.columns)
        }
    }

    private static func value(_ column: String, _ format: String) -> String {
        guard format == "ndjson" else { return "t." + RuleSQL.name(column) }
        // A pointer of RFC 6901.
        let pointer = "/" + column.replacing("~", with: "~0").replacing("/", with: "~1")
        return "(t.json -> \(RuleSQL.literal(pointer)))"
    }

    private static func texts(_ texts: [String]) -> String {
        "(SELECT unnest(from_json(\(json(texts)), '[\"VARCHAR\"]')))"
    }

    private static func json(_ texts: [String]) -> String {
        "CAST(\(RuleSQL.literal(JSONValue.array(texts.map { .string($0) }).text)) AS JSON)"
    }
}

extension LoadBatch {
    /// The engine's word for how its file is packed.
    var packing: String { suffix.hasSuffix(".gz") ? "gzip" : suffix.hasSuffix(".zst") ? "zstd" : "none" }
}
