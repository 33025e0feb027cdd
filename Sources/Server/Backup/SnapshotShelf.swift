internal import Model

/// The snapshots that a folder holds before a new one is made.
struct SnapshotShelf: Sendable {
    private let folder: String
    /// Oldest first.
    private let readable: [(name: String, manifest: SnapshotManifest)]
    /// Those whose manifest cannot be read. They are left as they are.
    let damaged: [String]

    init(_ folder: SnapshotFolder) throws(BackupError) {
        self.folder = folder.path
        var readable: [(name: String, manifest: SnapshotManifest)] = []
        var damaged: [String] = []
        for name in try folder.complete() {
            do throws(BackupError) { readable.append((name, try folder.manifest(of: name))) } catch {
                damaged.append(name)
            }
        }
        self.readable = readable
        self.damaged = damaged
    }

    var newest: (String, SnapshotManifest)? { readable.last.map { ($0.name, $0.manifest) } }

    /// Refuses to mix the snapshots of two data folders: one's erasures would remove the other's.
    func expect(madeAt: Timestamp) throws(BackupError) {
        guard let other = readable.first(where: { $0.manifest.madeAt != madeAt.text }) else { return }
        throw BackupError(
            .place,
            "\(folder) holds backups of another data folder, which was made at \(other.manifest.madeAt); give each its own"
        )
    }

    /// Removes what is not to stay now that there is a newer one: all that hold people who have been erased since, and the
    /// oldest of more than should be kept.
    func prune(
        _ folder: SnapshotFolder, after newest: SnapshotManifest, keep: Int?
    ) throws(BackupError) -> [BackupResult.Removed] {
        var removed: [BackupResult.Removed] = []
        var kept: [String] = []
        for (name, manifest) in readable {
            guard manifest.holdsErased(since: newest) else {
                kept.append(name)
                continue
            }
            try folder.remove(name)
            removed.append(.init(name: name, reason: "erasure"))
        }
        guard let keep else { return removed }
        for name in kept.dropLast(max(keep - 1, 0)) {
            try folder.remove(name)
            removed.append(.init(name: name, reason: "keep"))
        }
        return removed
    }
}
