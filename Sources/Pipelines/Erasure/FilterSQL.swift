internal import Destinations
internal import Model

/// **The engine's words for taking rows out of files.** Values pass through as they are written: nothing is read as a number or a time.
enum FilterSQL {
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
        return tests.map { "NOT coalesce(\($0), false)" }.joined(separator: " AND ")
    }

    /// How many rows stay, and how many there are.
    static func counts(_ batch: LoadBatch, _ kept: String) -> String {
        "SELECT count(*) FILTER (WHERE \(kept)), count(*) FROM \(source(batch)) AS t"
    }

    static func write(_ batch: LoadBatch, _ kept: String, to file: String) -> String {
        let (columns, options) =
            switch batch.format {
            case "parquet": ("*", "FORMAT parquet, COMPRESSION zstd")
            case "ndjson":
                // Lines as they are: in JSON's text there is no such character.
                (
                    "CAST(json AS VARCHAR)",
                    "FORMAT csv, HEADER false, DELIMITER E'\\x01', QUOTE '', ESCAPE '', NULLSTR '', COMPRESSION \(batch.packing)"
                )
            default:
                (
                    "*",
                    "FORMAT csv, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '', COMPRESSION \(batch.packing)"
                )
            }
        return
            "COPY (SELECT \(columns) FROM \(source(batch)) AS t WHERE \(kept)) TO \(RuleSQL.literal(file)) (\(options))"
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
