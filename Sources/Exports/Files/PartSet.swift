internal import Glibc
internal import Model

/// The files of one export on their way: written under temporary names, then named all at once, the manifest last.
///
/// Until `commit` nothing is visible under a final name; `abandon` takes away what there is.
struct PartSet {
    let names: ExportNames
    private let isSplit: Bool
    /// Whether they are to outlive a crash of the machine.
    let isDurable: Bool
    private(set) var parts: [Manifest.Part] = []
    /// Temporary files that exist.
    private var begun: [String] = []
    /// Over the bytes of all parts; a single part's own digest is that already.
    let total: TotalDigest?

    init(names: ExportNames, isSplit: Bool, isDurable: Bool) {
        self.names = names
        self.isDurable = isDurable
        self.isSplit = isSplit
        total = isSplit ? TotalDigest() : nil
    }

    /// The digest of the parts' bytes in order.
    var totalSHA256: String { total?.digest.hex ?? parts.first?.sha256 ?? "" }

    /// The temporary path of the next part.
    mutating func begin() -> String {
        let path = names.temporary(names.file(part: isSplit ? begun.count + 1 : nil))
        begun.append(path)
        return path
    }

    /// Notes a part that is written, and synced if it is to be durable.
    mutating func end(rows: Int64, _ file: WrittenFile) {
        let name = names.file(part: isSplit ? parts.count + 1 : nil)
        var part = Manifest.Part(file: name, rows: rows, bytes: file.bytes, sha256: file.sha256)
        part.plaintextBytes = file.plaintextBytes
        parts.append(part)
    }

    /// Gives every part its name, and then writes the manifest.
    mutating func commit(_ manifest: Manifest) throws(ExportError) {
        // An older manifest under this name would vouch for files that are about to change.
        try removeEarlier(keeping: Set(parts.map(\.file)))
        for (part, temporary) in zip(parts, begun) { try FileSystem.move(temporary, to: names.path(part.file)) }
        try syncFolder()
        let temporary = names.temporary(names.manifest)
        begun.append(temporary)
        let descriptor = try FileSystem.create(temporary)
        defer { close(descriptor) }
        var text = Array(manifest.json.text.utf8)
        text.append(0x0a)
        // Lent for the call.
        let written = unsafe text.withUnsafeBytes { bytes -> Result<Void, ExportError> in
            Result { () throws(ExportError) in unsafe try FileSystem.write(bytes, to: descriptor, temporary) }
        }
        try written.get()
        if isDurable { try FileSystem.sync(descriptor, temporary) }
        try FileSystem.move(temporary, to: names.path(names.manifest))
        try syncFolder()
        begun = []
    }

    private func syncFolder() throws(ExportError) {
        if isDurable { try FileSystem.syncFolder(names.folder) }
    }

    /// Removes the manifest of an earlier export of the same name, and those of its files that this one does not replace.
    private func removeEarlier(keeping kept: Set<String>) throws(ExportError) {
        let path = names.path(names.manifest)
        guard try FileSystem.size(path) != nil else { return }
        let earlier = try? Manifest.read(path)
        try FileSystem.remove(path)
        try syncFolder()
        for part in earlier?.parts ?? [] where !kept.contains(part.file) && PathText.isName(part.file) {
            try FileSystem.remove(names.path(part.file))
        }
    }

    /// Removes what has a temporary name.
    func abandon() {
        for path in begun { try? FileSystem.remove(path) }
    }
}
