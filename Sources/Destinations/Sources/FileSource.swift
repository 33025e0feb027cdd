public import Connectors
internal import Glibc

/// A file of the server's machine: CSV with a header, NDJSON or Parquet, packed or not.
public struct FileSource: Source {
    public static let kind = "file"
    public static let fields = [
        Field(
            "path", .text, isRequired: true,
            help:
                "the file: below a folder that the operator allows with --allow-folder, or relative to the data folder's files/"
        ),
        SourceFormat.field,
    ]

    private let path: String
    private let format: String
    private let ending: String
    private let roots: FolderRoots

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        path = settings.text("path") ?? ""
        try FolderRoots.parts(path)
        (format, ending) = try SourceFormat.of(path, settings)
        roots = tools.roots
    }

    public var location: String { "file:\(path)" }

    public func foresee() throws(ConnectorError) { try roots.foresee(path) }

    public func fetch(into folder: String, as name: String) async throws(ConnectorError)
        -> FetchedFile
    {
        let copy = "\(folder)/\(name)\(ending)"
        try await blocking { () throws in
            let file = try roots.resolve(path, isFile: true)
            guard unsafe access(file, R_OK) == 0 else {
                throw ConnectorError(.unreachable, "there is no file \(path) to read", isTransient: true)
            }
            // Read from the run's own folder, which is all that its engine reaches.
            try FilePieces.copy(file, to: copy)
        }
        return FetchedFile(path: copy, format: format)
    }
}
