public import EventStore
public import Model

/// What an export made: the file that says that the others are finished.
public struct Manifest: Sendable, Equatable {
    /// One file of the result.
    public struct Part: Sendable, Equatable {
        /// The file's name, in the manifest's folder.
        public var file: String
        public var rows: Int64
        public var bytes: Int64
        /// Of the bytes on disk, in hexadecimal.
        public var sha256: String

        public init(file: String, rows: Int64, bytes: Int64, sha256: String) {
            self.file = file
            self.rows = rows
            self.bytes = bytes
            self.sha256 = sha256
        }
    }

    /// A column of the result.
    public struct Column: Sendable, Equatable {
        public var name: String
        /// `text`, `bigint`, `double`, `boolean`, `timestamp`, `json`, `token` (any JSON value) or `text[]`.
        public var type: String
    }

    /// What is appended to a result's file name.
    public static let suffix = ".manifest.json"
    public static let schemaVersion: Int64 = 1

    public var exportID: String
    public var runID: String
    public var dataset: Dataset
    /// The resolved specification.
    public var spec: JSONValue
    public var columns: [Column]
    public var rows: Int64
    public var bytes: Int64
    /// Of the parts' bytes in order.
    public var sha256: String
    public var parts: [Part]
    public var seqFrom: Int64
    public var seqTo: Int64
    public var asOfSeq: Int64
    public var asOf: Timestamp
    public var erasureEpoch: Int64 = 0
    public var isStale = false
    /// For the KISSmetrics layout: its revisions with their times, the lines of each kind, and what had no place in them.
    public var layout: JSONValue?

    /// The manifest as it is written.
    public var json: JSONValue {
        guard let layout, case .object(let members) = plain else { return plain }
        return .object(members + [.init("layout", layout)])
    }

    private var plain: JSONValue {
        [
            "export_id": .string(exportID), "run_id": .string(runID), "dataset": .string(dataset.rawValue),
            "spec": spec,
            "columns": .array(columns.map { ["name": .string($0.name), "type": .string($0.type)] }),
            "rows": JSONValue(rows), "bytes": JSONValue(bytes), "sha256": .string(sha256),
            "parts": .array(
                parts.map {
                    [
                        "file": .string($0.file), "rows": JSONValue($0.rows), "bytes": JSONValue($0.bytes),
                        "sha256": .string($0.sha256),
                    ]
                }),
            "seq_from": JSONValue(seqFrom), "seq_to": JSONValue(seqTo), "as_of_seq": JSONValue(asOfSeq),
            "as_of": .string(asOf.text), "erasure_epoch": JSONValue(erasureEpoch), "stale": .bool(isStale),
            "schema_version": JSONValue(Self.schemaVersion),
        ]
    }
}

extension Manifest {
    /// Reads a manifest.
    ///
    /// - Throws: `.mismatch` that names the field that is missing or wrong.
    public init(json: JSONValue) throws(ExportError) {
        let reader = ManifestReader(json: json)
        let version = try reader.integer("schema_version")
        guard version == Self.schemaVersion else {
            throw ExportError(
                .mismatch, "the manifest has the schema version \(version); this program reads \(Self.schemaVersion)")
        }
        exportID = try reader.text("export_id")
        runID = try reader.text("run_id")
        do { dataset = try Dataset(name: reader.text("dataset")) } catch { throw ExportError(error) }
        spec = json["spec"] ?? .null
        columns = []
        for column in try reader.list("columns") {
            columns.append(Column(name: try column.text("name"), type: try column.text("type")))
        }
        rows = try reader.integer("rows")
        bytes = try reader.integer("bytes")
        sha256 = try reader.text("sha256")
        parts = []
        for part in try reader.list("parts") {
            parts.append(
                Part(
                    file: try part.text("file"), rows: try part.integer("rows"), bytes: try part.integer("bytes"),
                    sha256: try part.text("sha256")))
        }
        seqFrom = try reader.integer("seq_from")
        seqTo = try reader.integer("seq_to")
        asOfSeq = try reader.integer("as_of_seq")
        guard let written = WrittenTime(try reader.text("as_of")) else { throw reader.missing("as_of") }
        asOf = written.timestamp()
        erasureEpoch = try reader.integer("erasure_epoch")
        guard let stale = json["stale"]?.boolValue else { throw reader.missing("stale") }
        isStale = stale
        layout = json["layout"]
    }
}

private struct ManifestReader {
    let json: JSONValue

    func text(_ key: String) throws(ExportError) -> String {
        guard let value = json[key]?.stringValue else { throw missing(key) }
        return value
    }

    func integer(_ key: String) throws(ExportError) -> Int64 {
        guard let value = json[key]?.intValue, value >= 0 else { throw missing(key) }
        return value
    }

    func list(_ key: String) throws(ExportError) -> [ManifestReader] {
        guard let values = json[key]?.arrayValue else { throw missing(key) }
        return values.map { ManifestReader(json: $0) }
    }

    func missing(_ key: String) -> ExportError {
        ExportError(.mismatch, "the manifest has no proper \"\(key)\"; is it one of Sluice's?")
    }
}
