internal import Glibc
internal import Model

/// A folder of backups: `snapshots/<time>-<seq>/`, each complete by itself. A name that begins with a dot is of what is being
/// made or removed.
final class SnapshotFolder: Sendable {
    let path: String
    private let lock: FolderLock?

    var snapshots: String { path + "/snapshots" }

    /// Looks at a folder, without changing it.
    ///
    /// - Throws: `.place` if there are no backups in it.
    init(reading path: String) throws(BackupError) {
        guard let real = BackupFiles.realPath(path) else {
            throw BackupError(.place, "\(path): \(errorText(errno))")
        }
        self.path = real
        lock = nil
        guard try BackupFiles.facts(real + "/snapshots")?.isFolder ?? false else {
            throw BackupError(.place, "\(path) holds no backups; make one with: sluice backup \(path) --data DIR")
        }
    }

    /// Makes the folder ready for a new snapshot, and holds its lock. What an interrupted backup left is removed.
    ///
    /// - Parameter data: the data folder, which must not be around it.
    init(writing path: String, data: String) throws(BackupError) {
        let made = try Self.place(path, data: data)
        self.path = made
        do { lock = try FolderLock(directory: made) } catch {
            guard error.code == .locked else { throw BackupError(.files, error.message) }
            throw BackupError(.busy, "another backup into \(made) is at work; wait until it has ended")
        }
        try BackupFiles.makeFolder(snapshots)
        try BackupFiles.sync(made)
        for name in try BackupFiles.names(snapshots) where name.hasPrefix(".") {
            Folder.remove(snapshots + "/" + name)
        }
    }

    /// The folder's real path; it is made if only its last part is missing.
    private static func place(_ path: String, data: String) throws(BackupError) -> String {
        guard path.hasPrefix("/") else {
            throw BackupError(.place, "\(path) is no absolute path; a backup needs one")
        }
        let place = FilePlace(path: BackupFiles.trimmed(path))
        guard let data = BackupFiles.realPath(data) else {
            throw BackupError(.place, "\(data): \(errorText(errno))")
        }
        let real: String
        if let found = BackupFiles.realPath(path) {
            real = found
        } else {
            guard let parent = BackupFiles.realPath(place.folder) else {
                throw BackupError(
                    .place, "\(place.folder): \(errorText(errno)); is the disk mounted that backups should go to?")
            }
            real = (parent == "/" ? "" : parent) + "/" + place.name
        }
        guard real != data, !real.hasPrefix(data + "/") else {
            throw BackupError(
                .place, "\(path) is in the data folder \(data), and would be lost with it; name a folder elsewhere")
        }
        try BackupFiles.makeFolder(real)
        guard try BackupFiles.facts(real)?.isFolder ?? false else {
            throw BackupError(.place, "\(path) is no folder")
        }
        return real
    }

    // MARK: Snapshots

    func folder(of name: String) -> String { snapshots + "/" + name }

    /// The names of all complete snapshots, oldest first.
    func complete() throws(BackupError) -> [String] {
        var found: [String] = []
        for name in try BackupFiles.names(snapshots) where Self.isName(name) {
            if try BackupFiles.facts(folder(of: name) + "/" + SnapshotManifest.fileName) != nil { found.append(name) }
        }
        return found
    }

    func manifest(of name: String) throws(BackupError) -> SnapshotManifest {
        try SnapshotManifest(folder: folder(of: name))
    }

    /// An empty folder for what is being made.
    func begin() throws(BackupError) -> String {
        let path = snapshots + "/.new"
        try BackupFiles.makeFolder(path)
        return path
    }

    /// Gives a whole snapshot its name, after all others; durable when this returns.
    func publish(_ temporary: String, at time: Timestamp, seq: Int64) throws(BackupError) -> String {
        var time = time
        let latest = try complete().last.map { String($0.prefix(while: { $0 != "-" })) }
        // Names are the order: a clock that went back does not change it.
        if let latest, Self.text(time) <= latest, let last = Self.time(latest) {
            time = Timestamp(microseconds: last.microseconds + 1)
        }
        let name = Self.text(time) + "-\(seq)"
        try BackupFiles.move(temporary, to: folder(of: name))
        try BackupFiles.sync(snapshots)
        return name
    }

    /// Removes a snapshot: first its name, so that nobody takes the rest for one.
    func remove(_ name: String) throws(BackupError) {
        let old = snapshots + "/.old-" + name
        try BackupFiles.move(folder(of: name), to: old)
        try BackupFiles.sync(snapshots)
        Folder.remove(old)
    }

    /// `20260102T030405.678901Z`
    private static func text(_ time: Timestamp) -> String { time.text.filter { $0 != "-" && $0 != ":" } }

    private static func time(_ text: String) -> Timestamp? {
        let characters = Array(text)
        guard characters.count == 23 else { return nil }
        let part = { (range: Range<Int>) in String(characters[range]) }
        let written = "\(part(0..<4))-\(part(4..<6))-\(part(6..<11)):\(part(11..<13)):\(part(13..<23))"
        return WrittenTime(written)?.timestamp()
    }

    private static func isName(_ name: String) -> Bool {
        guard let dash = name.lastIndex(of: "-"), time(String(name[..<dash])) != nil else { return false }
        return Int64(name[name.index(after: dash)...]) != nil
    }
}
