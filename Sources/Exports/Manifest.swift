internal import Codecs
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
        /// How many bytes are encrypted in it; nil if it is not encrypted. There is no digest of them: where there is
        /// little to guess, as in one person's row, it would tell what is encrypted.
        public var plaintextBytes: Int64?

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
    /// Whom the files are encrypted for, by age; none if they are not.
    public var recipients: [String] = []
    public var seqFrom: Int64
    public var seqTo: Int64
    public var asOfSeq: Int64
    public var asOf: Timestamp
    public var erasureEpoch: Int64 = 0
    /// What retention had taken out of the store by then of what the specification asks for: `before`, a time, and `through`, a `seq`. The
    /// same one had other rows before. Nil where it asks for nothing of that.
    public var aged: JSONValue?
    public var isStale = false
    /// For the KISSmetrics layout: its revisions with their times, the lines of each kind, and what had no place in them.
    public var layout: JSONValue?
    /// Erasures whose rows were taken out of the files themselves, since the store could not make them again: the specification gives other
    /// rows now.
    public var erasures: [String] = []
    /// Why its files are no longer there; nil while they are.
    public var erasure: JSONValue?

    /// The manifest as it is written.
    public var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("export_id", .string(exportID)), .init("run_id", .string(runID)),
            .init("dataset", .string(dataset.rawValue)), .init("spec", spec),
            .init("columns", .array(columns.map { ["name": .string($0.name), "type": .string($0.type)] })),
            .init("rows", JSONValue(rows)), .init("bytes", JSONValue(bytes)), .init("sha256", .string(sha256)),
            .init("parts", .array(parts.map(\.json))),
        ]
        if !recipients.isEmpty {
            members.append(
                .init("encryption", ["scheme": "age", "recipients": .array(recipients.map { .string($0) })]))
        }
        members += [
            .init("seq_from", JSONValue(seqFrom)), .init("seq_to", JSONValue(seqTo)),
            .init("as_of_seq", JSONValue(asOfSeq)), .init("as_of", .string(asOf.text)),
            .init("erasure_epoch", JSONValue(erasureEpoch)), .init("stale", .bool(isStale)),
            .init("schema_version", JSONValue(Self.schemaVersion)),
        ]
        if let aged { members.append(.init("aged", aged)) }
        if let layout { members.append(.init("layout", layout)) }
        if !erasures.isEmpty { members.append(.init("erasures", .array(erasures.map { .string($0) }))) }
        if let erasure { members.append(.init("erasure", erasure)) }
        return .object(members)
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
            var read = Part(
                file: try part.text("file"), rows: try part.integer("rows"), bytes: try part.integer("bytes"),
                sha256: try part.text("sha256"))
            if part.json["plaintext_bytes"] != nil { read.plaintextBytes = try part.integer("plaintext_bytes") }
            parts.append(read)
        }
        if let encryption = json["encryption"], encryption != .null {
            let reader = ManifestReader(json: encryption)
            let scheme = try reader.text("scheme")
            guard scheme == "age" else {
                throw ExportError(.mismatch, "the files are encrypted by \"\(scheme)\"; this program reads age")
            }
            for recipient in try reader.list("recipients") {
                guard let text = recipient.json.stringValue else { throw reader.missing("recipients") }
                recipients.append(text)
            }
        }
        seqFrom = try reader.integer("seq_from")
        seqTo = try reader.integer("seq_to")
        asOfSeq = try reader.integer("as_of_seq")
        guard let written = WrittenTime(try reader.text("as_of")) else { throw reader.missing("as_of") }
        asOf = written.timestamp()
        erasureEpoch = try reader.integer("erasure_epoch")
        guard let stale = json["stale"]?.boolValue else { throw reader.missing("stale") }
        isStale = stale
        aged = json["aged"]
        layout = json["layout"]
        erasures = (json["erasures"]?.arrayValue ?? []).compactMap(\.stringValue)
        erasure = json["erasure"]
    }
}

extension Manifest {
    /// Its format and packing, as the specification says.
    var form: (format: ExportFormat, compression: Compression) {
        (
            spec["format"]?.stringValue.flatMap(ExportFormat.init(rawValue:)) ?? .csv,
            spec["compression"]?.stringValue.flatMap(Compression.init(rawValue:)) ?? .none
        )
    }

    /// The names of the parts where the first is asked to be called `name`: as if the export had been written there.
    public func partNames(for name: String) -> [String] {
        let names = ExportNames(
            path: name, exportID: exportID,
            proper: form.format.fileExtension(form.compression, isEncrypted: !recipients.isEmpty))
        let isSplit = spec["part_rows"]?.intValue != nil
        return parts.indices.map { names.file(part: isSplit ? $0 + 1 : nil) }
    }
}

extension Manifest.Part {
    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("file", .string(file)), .init("rows", JSONValue(rows)), .init("bytes", JSONValue(bytes)),
            .init("sha256", .string(sha256)),
        ]
        if let plaintextBytes { members.append(.init("plaintext_bytes", JSONValue(plaintextBytes))) }
        return .object(members)
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
