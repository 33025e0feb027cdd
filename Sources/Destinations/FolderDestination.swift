public import Connectors
public import Model
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
        try FolderRoots.parts(path)
        roots = tools.roots
    }

    public var location: String { "folder:\(path)" }

    public func foresee() throws(ConnectorError) { try roots.foresee(path) }

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
            if batch.mode == .replace { try Self.removeOthers(than: name, of: batch.stream, in: folder) }
            return LoadReceipt(rows: batch.rows)
        }
    }

    /// What marks a file that goes: its manifest under another name, so that nobody takes it for finished.
    private static let gone = ".gone"

    /// Once the new file is whole and has its manifest, those that it takes the place of go, and what a load before did not get to.
    private static func removeOthers(
        than name: String, of stream: LoadStream, in folder: String
    ) throws(ConnectorError) {
        for other in try own(stream, in: folder) where other != name {
            let manifest = folder + "/" + other + WindowName.suffix
            try FilePieces.rename(manifest, to: manifest + gone)
        }
        for marked in FilePieces.names(folder) where marked.hasSuffix(WindowName.suffix + gone) {
            let manifest = String(marked.dropLast(gone.count))
            guard WindowName(manifest)?.pipeline == stream.pipeline,
                try owner(folder + "/" + marked) == stream.installation
            else { continue }
            let file = String(manifest.dropLast(WindowName.suffix.count))
            if file != name { try FilePieces.remove(folder + "/" + file) }
            try FilePieces.remove(folder + "/" + marked)
        }
    }

    /// The finished files of a stream.
    private static func own(_ stream: LoadStream, in folder: String) throws(ConnectorError) -> [String] {
        var found: [String] = []
        for manifest in FilePieces.names(folder).sorted()
        where WindowName(manifest)?.pipeline == stream.pipeline {
            guard try owner(folder + "/" + manifest) == stream.installation else { continue }
            found.append(String(manifest.dropLast(WindowName.suffix.count)))
        }
        return found
    }

    public static let forgetting = Forgetting.files

    public func windows(_ stream: LoadStream) async throws(ConnectorError) -> [JSONValue] {
        try await blocking { () throws in
            let folder = try roots.resolve(path)
            return try Self.own(stream, in: folder).compactMap { name in
                let bytes = try Self.contents(folder + "/" + name + WindowName.suffix)
                return try? JSONValue(bytes.span)
            }
        }
    }

    public func fetch(_ batch: LoadBatch, to path: String) async throws(ConnectorError) -> FetchedWindow {
        let from = self.path
        return try await blocking { () throws in
            let file = try roots.resolve(from) + "/" + WindowName(batch).file
            guard let found = try FilePieces.digest(file) else { return .gone }
            try FilePieces.copy(file, to: path)
            return found.sha256 == batch.sha256 ? .whole : .changed
        }
    }

    public func remark(_ batch: LoadBatch) async throws(ConnectorError) {
        try await blocking { () throws in
            try FilePieces.write(
                Array(WindowName.manifest(batch).text.utf8),
                to: try roots.resolve(path) + "/" + WindowName(batch).file + WindowName.suffix)
        }
    }

    public func mark(_ stream: LoadStream, isStale: Bool) async throws(ConnectorError) {
        try await blocking { () throws in
            let folder = try roots.resolve(path)
            var names = try Self.own(stream, in: folder)
            if isStale { names = names.max { WindowName.seqTo($0) < WindowName.seqTo($1) }.map { [$0] } ?? [] }
            for name in names {
                let manifest = folder + "/" + name + WindowName.suffix
                let bytes = try Self.contents(manifest)
                guard case .object(let members)? = try? JSONValue(bytes.span) else { continue }
                let marked = JSONValue.object(
                    members.map { $0.key == "stale" ? .init("stale", .bool(isStale)) : $0 })
                guard marked != .object(members) else { continue }
                try FilePieces.write(Array(marked.text.utf8), to: manifest)
            }
        }
    }

    public func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        try await blocking { () throws in
            let file = try roots.resolve(path) + "/" + WindowName(batch).file
            let found = try FilePieces.digest(file)
            let holds = found.map { $0.sha256 == batch.sha256 && $0.bytes == batch.bytes } ?? false
            if batch.mode == .replace, holds {
                let folder = try roots.resolve(path)
                return LoadVerification(
                    what:
                        "files of the pipeline in \(path), of which the SHA-256 of \(WindowName(batch).file) was read back",
                    expected: 1, found: Int64(try Self.own(batch.stream, in: folder).count))
            }
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
