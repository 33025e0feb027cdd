internal import Model
internal import Synchronization

/// Puts a snapshot's files in their place, and knows how each came there.
///
/// Files that never change are linked: one set of bytes with two names, on the data folder's disk. Where that is another one,
/// they are copied once and linked from the snapshot before.
final class SnapshotWriter: Sendable {
    /// The snapshot before, and its files by their paths.
    struct Previous: Sendable {
        let folder: String
        let files: [String: SnapshotManifest.Entry]

        init(folder: String, _ manifest: SnapshotManifest) {
            self.folder = folder
            files = Dictionary(manifest.files.map { ($0.path, $0) }) { first, _ in first }
        }

        /// The entry of a file that is the same as then.
        func entry(_ path: String, _ facts: FileFacts) -> SnapshotManifest.Entry? {
            guard let entry = files[path], entry.bytes == facts.bytes, entry.source == .init(facts) else { return nil }
            return entry
        }
    }

    /// A file in its place.
    private struct Placed {
        let path: String
        let source: SnapshotManifest.Source?
        var bytes: Int64
        /// Nil while it has not been read.
        var sha256: String?
        /// What it was when it was read before.
        var expected: String?
        let isLinked: Bool
        /// Whether its bytes are on disk.
        let isDurable: Bool
    }

    struct Counts: Sendable {
        var linkedBytes: Int64 = 0
        var copiedBytes: Int64 = 0
    }

    let folder: String
    private let previous: Previous?
    private let readsAll: Bool
    private let progress: BackupProgress
    private let placed = Mutex<[Placed]>([])
    private let folders = Mutex<Set<String>>([])

    /// - Parameter readsAll: whether also files are read again whose SHA-256 is known.
    init(folder: String, previous: Previous?, readsAll: Bool, _ progress: BackupProgress) {
        self.folder = folder
        self.previous = previous
        self.readsAll = readsAll
        self.progress = progress
        folders.withLock { _ = $0.insert(folder) }
    }

    /// The path for a file of the snapshot, whose folders are there then.
    func target(_ path: String) throws(BackupError) -> String {
        var made = folder
        for part in PathText.steps(path).dropLast() {
            made += "/" + part
            try BackupFiles.makeFolder(made)
            folders.withLock { _ = $0.insert(made) }
        }
        return folder + "/" + path
    }

    /// Takes in a file that never changes. False if it is not there.
    @discardableResult
    func place(_ source: String, as path: String) throws(BackupError) -> Bool {
        try progress.check()
        guard let facts = try BackupFiles.facts(source) else { return false }
        guard facts.isFile else { throw BackupError(.files, "\(source) is no file; nothing else is backed up") }
        let target = try target(path)
        switch try BackupFiles.link(source, to: target) {
        case .gone: return false
        case .linked:
            // Of the name that stays: another file may have taken the other name meanwhile.
            guard let linked = try BackupFiles.facts(target) else { return false }
            addLinked(path, linked, known: previous?.entry(path, linked))
        case .elsewhere:
            guard try linkToPrevious(path, facts, target) else { return try copyWhole(source, path, facts) }
        }
        return true
    }

    private func linkToPrevious(
        _ path: String, _ facts: FileFacts, _ target: String
    ) throws(BackupError) -> Bool {
        guard let previous, let known = previous.entry(path, facts) else { return false }
        guard try BackupFiles.link(previous.folder + "/" + path, to: target) == .linked else { return false }
        addLinked(path, facts, known: known)
        return true
    }

    private func addLinked(_ path: String, _ facts: FileFacts, known: SnapshotManifest.Entry?) {
        add(
            .init(
                path: path, source: .init(facts), bytes: facts.bytes, sha256: readsAll ? nil : known?.sha256,
                expected: known?.sha256, isLinked: true, isDurable: true))
    }

    private func copyWhole(_ source: String, _ path: String, _ facts: FileFacts) throws(BackupError) -> Bool {
        do throws(BackupError) {
            try copy(source, as: path, from: .init(facts))
            return true
        } catch {
            // Gone since it was looked at.
            if BackupFiles.isGone(source) { return false }
            throw error
        }
    }

    /// Takes in a copy of the first bytes of a file that grows.
    func copy(_ source: String, as path: String, bytes: Int64) throws(BackupError) {
        try copy(source, as: path, from: nil, limit: bytes)
    }

    private func copy(
        _ source: String, as path: String, from origin: SnapshotManifest.Source?, limit: Int64? = nil
    ) throws(BackupError) {
        let digest = try FileDigest(
            copying: source, to: try target(path), limit: limit, isGentle: true, progress)
        add(
            .init(
                path: path, source: origin, bytes: digest.bytes, sha256: digest.sha256, isLinked: false, isDurable: true
            ))
    }

    /// Takes in a file that somebody made in its place.
    func addMade(_ path: String) throws(BackupError) {
        guard let facts = try BackupFiles.facts(folder + "/" + path), facts.isFile else {
            throw BackupError(.files, "\(folder)/\(path) was not written")
        }
        add(.init(path: path, source: nil, bytes: facts.bytes, isLinked: false, isDurable: false))
    }

    /// Takes everything out again that lies in a folder of the snapshot.
    func drop(_ folder: String) {
        placed.withLock { placed in placed.removeAll { $0.path.hasPrefix(folder + "/") } }
        folders.withLock { folders in
            let path = self.folder + "/" + folder
            folders = folders.filter { $0 != path && !$0.hasPrefix(path + "/") }
        }
        Folder.remove(self.folder + "/" + folder)
    }

    private func add(_ file: Placed) { placed.withLock { $0.append(file) } }

    /// Reads what was not read yet, and makes everything durable but the manifest.
    func finish() throws(BackupError) -> (files: [SnapshotManifest.Entry], counts: Counts) {
        var counts = Counts()
        var entries: [SnapshotManifest.Entry] = []
        for file in placed.withLock({ $0 }).sorted(by: { $0.path < $1.path }) {
            try progress.check()
            let digest = try digest(of: file)
            if !file.isDurable { try BackupFiles.sync(folder + "/" + file.path) }
            if file.isLinked { counts.linkedBytes += file.bytes } else { counts.copiedBytes += file.bytes }
            progress.addFile()
            entries.append(.init(path: file.path, bytes: file.bytes, sha256: digest, source: file.source))
        }
        for folder in folders.withLock({ $0 }) { try BackupFiles.sync(folder) }
        return (entries, counts)
    }

    private func digest(of file: Placed) throws(BackupError) -> String {
        if let known = file.sha256 { return known }
        let path = folder + "/" + file.path
        let read = try FileDigest(of: path, progress)
        guard read.bytes == file.bytes, file.expected.map({ $0 == read.sha256 }) ?? true else {
            throw BackupError(
                .damaged,
                "\(file.path) is not what it was when the last snapshot was made, although such a file never changes: the "
                    + "disk may be failing. The last snapshot, \(previous?.folder ?? "none"), should be checked with: "
                    + "sluice restore --check")
        }
        return read.sha256
    }
}

extension SnapshotManifest.Source {
    init(_ facts: FileFacts) { self.init(inode: facts.inode, modified: facts.modified) }
}
