internal import Connectors
internal import Model

/// A place that keeps whole files under names: what a kind of destination says of itself, for `FileLoading` to load there.
protocol FileStore: Sendable {
    /// The names that begin with a text.
    func names(beginning prefix: String) async throws(ConnectorError) -> [String]
    /// A small file whole; nil if it is not there.
    func contents(_ name: String) async throws(ConnectorError) -> [UInt8]?
    /// Puts a batch's file; nobody sees a part of it under its name.
    func put(_ batch: LoadBatch, as name: String) async throws(ConnectorError)
    /// Puts a manifest, where none is or in the place of the one that is there.
    func put(manifest: [UInt8], as name: String, isNew: Bool) async throws(ConnectorError)
    /// Removes a file; nothing if it is not there.
    func remove(_ name: String) async throws(ConnectorError)
    /// Brings a file to a path; false if it is not there.
    func fetch(_ name: String, to path: String) async throws(ConnectorError) -> Bool
    /// What is there under a name; nil if nothing is.
    func found(_ batch: LoadBatch, as name: String) async throws(ConnectorError) -> FoundFile?
}

/// A file as it was read back.
struct FoundFile: Sendable, Equatable {
    var bytes: Int64
    /// Whether it has the batch's bytes, and not only as many.
    var isSame: Bool
}

/// Loads whole files, each with a manifest, which appears last: a file without one is not finished.
///
/// A file is named after its pipeline and window, so that loading a window again writes the same file.
struct FileLoading: Sendable {
    /// The most bytes of a manifest.
    static let mostManifest = 16 << 20

    let store: any FileStore
    /// Where it is, for people.
    let location: String

    func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition {
        let ours = try await store.names(beginning: stream.pipeline + "-")
            .compactMap { name in WindowName(name).map { (name, $0) } }.filter { $0.1.pipeline == stream.pipeline }
        // The newest first: usually one file has to be read.
        for (name, window) in ours.sorted(by: { $0.1.seqTo > $1.1.seqTo }) {
            let owner = try await manifest(name)?["installation"]?.stringValue
            if owner == stream.installation { return .upTo(window.seqTo) }
        }
        return .empty
    }

    func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt {
        let file = WindowName(batch).file
        let name = file + WindowName.suffix
        let bytes = Array(WindowName.manifest(batch).text.utf8)
        let known = try await manifest(name)
        if let known {
            guard known["installation"]?.stringValue == batch.stream.installation else {
                throw ConnectorError(
                    .refused,
                    "\(file) is at \(location) already and of another project or installation; give this one a place of its own"
                )
            }
            let sum = known["parts"]?.arrayValue?.first?["sha256"]?.stringValue
            if sum == batch.sha256, try await store.found(batch, as: file)?.isSame == true {
                // The same rows after somebody was erased: the file is known to be of afterwards from now on.
                let marks = ["erasure_epoch", LoadBatch.erasuresMark, LoadBatch.intentMark, "spec"]
                if marks.contains(where: { known[$0] != batch.manifest[$0] }) {
                    try await store.put(manifest: bytes, as: name, isNew: false)
                }
                return LoadReceipt(rows: batch.rows, wasThere: true)
            }
        }
        // A window with other rows keeps its manifest of before until it has a new one: whoever comes back knows that it is there.
        try await store.put(batch, as: file)
        try await store.put(manifest: bytes, as: name, isNew: known == nil)
        return LoadReceipt(rows: batch.rows)
    }

    func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        let file = WindowName(batch).file
        let found = try await store.found(batch, as: file)
        return LoadVerification(
            what: "bytes of \(file), read back", expected: batch.bytes,
            found: found.map { $0.isSame ? batch.bytes : $0.bytes == batch.bytes ? -1 : $0.bytes } ?? 0)
    }

    /// The manifests of a stream's finished files.
    func windows(_ stream: LoadStream) async throws(ConnectorError) -> [JSONValue] {
        var found: [JSONValue] = []
        for name in try await store.names(beginning: stream.pipeline + "-").sorted()
        where WindowName(name)?.pipeline == stream.pipeline {
            guard let known = try await manifest(name), known["installation"]?.stringValue == stream.installation
            else { continue }
            found.append(known)
        }
        return found
    }

    /// Brings the file that a batch was loaded as.
    func fetch(_ batch: LoadBatch, to path: String) async throws(ConnectorError) -> FetchedWindow {
        guard try await store.fetch(WindowName(batch).file, to: path) else { return .gone }
        return try await blocking { () throws in
            try FilePieces.digest(path)?.sha256 == batch.sha256 ? .whole : .changed
        }
    }

    /// Puts a batch's manifest in the place of the one that is there.
    func remark(_ batch: LoadBatch) async throws(ConnectorError) {
        let name = WindowName(batch).file + WindowName.suffix
        try await store.put(manifest: Array(WindowName.manifest(batch).text.utf8), as: name, isNew: false)
    }

    /// Says in the newest manifest, or in all of them, whether something newer failed to come.
    func mark(_ stream: LoadStream, isStale: Bool) async throws(ConnectorError) {
        var names = try await store.names(beginning: stream.pipeline + "-")
            .filter { WindowName($0)?.pipeline == stream.pipeline }
            .sorted { (WindowName($0)?.seqTo ?? 0) > (WindowName($1)?.seqTo ?? 0) }
        // One that was marked is the newest of its time; others need not be read.
        if isStale { names = Array(names.prefix(1)) }
        for name in names.prefix(Self.mostMarked) {
            guard let known = try await manifest(name), case .object(let members) = known,
                known["installation"]?.stringValue == stream.installation, known["stale"] != .bool(isStale)
            else { continue }
            let marked = JSONValue.object(members.map { $0.key == "stale" ? .init("stale", .bool(isStale)) : $0 })
            try await store.put(manifest: Array(marked.text.utf8), as: name, isNew: false)
        }
    }

    /// So many manifests are looked at to take marks away: one alone has it, near the end.
    private static let mostMarked = 20

    /// A manifest as it is there; nil if none is, an empty one if it cannot be read.
    private func manifest(_ name: String) async throws(ConnectorError) -> JSONValue? {
        guard let bytes = try await store.contents(name) else { return nil }
        return (try? JSONValue(bytes.span)) ?? [:]
    }
}

/// What files are called where somebody asks for it.
enum FileType {
    static func of(_ name: String) -> String {
        if name.hasSuffix(".json") { return "application/json" }
        if name.hasSuffix(".gz") { return "application/gzip" }
        if name.hasSuffix(".zst") { return "application/zstd" }
        if name.hasSuffix(".csv") { return "text/csv; charset=utf-8" }
        if name.hasSuffix(".ndjson") { return "application/x-ndjson" }
        if name.hasSuffix(".parquet") { return "application/vnd.apache.parquet" }
        return "application/octet-stream"
    }
}
