public import Connectors
internal import Model
internal import Threads

/// Files in a folder of the server's machine, each with a manifest, which appears last: a file without one is not finished.
///
/// A file is named after its pipeline and window, so that loading a window again writes the same file.
public struct FolderDestination: Destination {
    public static let kind = "folder"
    public static let fields = [
        Field(
            "path", .text, isRequired: true,
            help:
                "the folder: below one that the operator allows with --allow-folder, or relative to the data folder's files/"
        )
    ]
    public static let abilities = Abilities(
        modes: [.append, .replace], formats: ["csv", "ndjson", "parquet"], takesCompression: true, hasSchema: false)

    private let path: String
    private let roots: FolderRoots

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        path = settings.text("path") ?? ""
        roots = tools.roots
    }

    public var location: String { "folder:\(path)" }

    public func check() async throws(ConnectorError) { _ = try await blocking { () throws in try roots.resolve(path) } }

    public func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition {
        try await blocking { () throws in
            let folder = try roots.resolve(path)
            let ours = FilePieces.names(folder).compactMap { name in WindowName(name).map { (name, $0) } }
                .filter { $0.1.pipeline == stream.pipeline }
            // The newest first: usually one file has to be read.
            for (name, window) in ours.sorted(by: { $0.1.seqTo > $1.1.seqTo })
            where try Self.owner(folder + "/" + name) == stream.installation {
                return .upTo(window.seqTo)
            }
            return .empty
        }
    }

    public func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt {
        try await blocking { () throws in
            let folder = try roots.resolve(path)
            let name = WindowName(batch).file
            if FilePieces.names(folder).contains(name + WindowName.suffix) {
                let owner = try Self.owner(folder + "/" + name + WindowName.suffix)
                guard owner == batch.stream.installation else {
                    throw ConnectorError(
                        .refused,
                        "\(name) is in \(path) already and of another project or installation; give this one a folder of its own"
                    )
                }
            }
            try FilePieces.copy(batch.file, to: folder + "/" + name)
            try FilePieces.write(
                Array(WindowName.manifest(batch).text.utf8), to: folder + "/" + name + WindowName.suffix)
            return LoadReceipt(rows: batch.rows)
        }
    }

    public func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        try await blocking { () throws in
            let file = try roots.resolve(path) + "/" + WindowName(batch).file
            let found = try FilePieces.digest(file)
            let holds = found.map { $0.sha256 == batch.sha256 && $0.bytes == batch.bytes } ?? false
            return LoadVerification(
                what: "bytes and SHA-256 of \(WindowName(batch).file), read back", expected: batch.bytes,
                found: holds ? batch.bytes : found?.bytes ?? 0)
        }
    }

    /// Whose a manifest is; nil if it is none of ours.
    private static func owner(_ manifest: String) throws(ConnectorError) -> String? {
        let bytes = try contents(manifest)
        return (try? JSONValue(bytes.span))?["installation"]?.stringValue
    }

    private static func contents(_ path: String) throws(ConnectorError) -> [UInt8] {
        var all: [UInt8] = []
        unsafe try FilePieces.read(path) { (piece) throws(ConnectorError) in
            unsafe all.append(contentsOf: piece)
            guard all.count <= 16 << 20 else {
                throw ConnectorError(.refused, "\(path) is no manifest: it is too large")
            }
        }
        return all
    }
}

/// Runs calls on files or of a C library off the shared pool.
func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws(ConnectorError) -> T {
    do { return try await OwnThread.run(body) } catch {
        throw error as? ConnectorError ?? ConnectorError(.unreachable, "\(error)", isTransient: true)
    }
}
