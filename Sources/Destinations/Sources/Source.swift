public import Connectors
public import Model

/// A place that rows come from, to be joined with what a pipeline exports. One file, and one line in `SourceRegistry.builtin`.
public protocol Source: Sendable {
    /// `type` in a definition.
    static var kind: String { get }
    static var fields: [Field] { get }

    init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError)
    /// Where rows come from, without secrets.
    var location: String { get }
    /// Whether the operator lets rows come from there, as far as that is known without going there. Blocks.
    func foresee() throws(ConnectorError)
    /// Fetches all rows into a file of a folder; others are not written.
    func fetch(into folder: String, as name: String) async throws(ConnectorError) -> FetchedFile
    /// The name of a setting that holds a secret in plain text; nil if there is none.
    static func plainSecret(_ settings: JSONValue) -> String?
}

extension Source {
    public func foresee() throws(ConnectorError) {}

    public static func plainSecret(_ settings: JSONValue) -> String? {
        Field.plainSecret(settings, fields)
    }
}

/// Rows that were fetched.
public struct FetchedFile: Sendable, Equatable {
    public var path: String
    /// `csv`, `ndjson` or `parquet`.
    public var format: String
    /// Columns with the types of a manifest, where the source knows them.
    public var columns: [LoadColumn]?

    public init(path: String, format: String, columns: [LoadColumn]? = nil) {
        self.path = path
        self.format = format
        self.columns = columns
    }
}

/// All kinds of sources.
public struct SourceRegistry: Sendable {
    public let types: [any Source.Type]

    /// A kind that is there twice is a fault of the program.
    public init(_ types: [any Source.Type]) {
        precondition(
            Set(types.map { $0.kind }).count == types.count, "a kind of source is listed twice")
        self.types = types
    }

    /// To add a source, write its file and add its line here.
    public static let builtin = SourceRegistry([
        FileSource.self,
        S3Source.self,
        PostgresSource.self,
        HTTPSource.self,
    ])

    public var kinds: [String] { types.map { $0.kind } }

    public func type(_ kind: String) throws(ConnectorError) -> any Source.Type {
        guard let type = types.first(where: { $0.kind == kind }) else {
            throw ConnectorError(
                .unknownKind, "there is no source \"\(kind)\"; there are \(kinds.joined(separator: ", "))")
        }
        return type
    }

    /// Makes a source from its settings; secrets are resolved now and kept as long as it lives.
    public func make(
        _ settings: JSONValue, secrets: SecretResolver, tools: DestinationTools
    ) throws(ConnectorError) -> any Source {
        let type = try type(settings["type"]?.stringValue ?? "")
        return try type.init(
            try Settings(
                SettingsCheck.plain(settings, type.fields), fields: type.fields, secrets: secrets), tools)
    }

    /// Checks settings as far as that goes without secrets, names and networks.
    public func check(_ settings: JSONValue) throws(ConnectorError) {
        let type = try type(settings["type"]?.stringValue ?? "")
        try SettingsCheck.check(settings, type.fields, plainSecret: type.plainSecret(settings))
    }
}

/// Formats of files that sources read.
enum SourceFormat {
    static let field = Field(
        "format", .choice(["csv", "ndjson", "parquet"]),
        help: "what the file is; told by its name if not said")

    /// The format of a file, and what its name ends with, which says how it is packed.
    static func of(_ name: String, _ settings: Settings) throws(ConnectorError) -> (
        format: String, ending: String
    ) {
        let file = name.split(separator: "/").last.map(String.init) ?? name
        let pack = [".gz", ".zst"].first { file.hasSuffix($0) } ?? ""
        let stem = file.dropLast(pack.count)
        let known = [
            ".csv": "csv", ".tsv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet",
        ]
        guard
            let format = settings.text("format") ?? known.first(where: { stem.hasSuffix($0.key) })?.value
        else {
            throw ConnectorError(
                .badSetting,
                "\"format\" is missing: \(name) does not say whether it is csv, ndjson or parquet")
        }
        return (format, ".\(format)\(pack)")
    }
}

extension FetchedFile {
    /// Whether a file has no byte. Blocks.
    public static func isEmpty(_ path: String) throws(ConnectorError) -> Bool {
        guard let digest = try FilePieces.digest(path) else { return true }
        return digest.bytes == 0
    }
}
