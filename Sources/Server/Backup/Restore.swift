internal import Connectors
internal import Control
internal import EventStore
internal import Glibc
public import Model
internal import Webhooks

/// Checks a snapshot and makes a data folder of it. No server is needed, and none may use the new folder. All of it blocks.
///
/// ```swift
/// let restore = try Restore(from: "/backups", snapshot: nil)
/// let report = try restore.run(to: "./data", progress)
/// ```
public struct Restore: Sendable {
    /// What was checked or restored.
    public struct Report: Sendable {
        public let snapshot: String
        public let files: Int
        public let bytes: Int64
        public let seq: Int64
        public let erasureEpoch: Int64
        public let createdAt: String

        public var json: JSONValue {
            [
                "snapshot": .string(snapshot), "files": JSONValue(files), "bytes": JSONValue(bytes),
                "seq": JSONValue(seq), "erasure_epoch": JSONValue(erasureEpoch), "created_at": .string(createdAt),
            ]
        }
    }

    /// What is being written has this name in the new folder; a folder that has it is not whole.
    static let marker = ".restoring"
    /// What an interrupted restore can leave: everything but the control database.
    private static let parts: Set<String> = [marker, "projects", DeliveryStore.fileName, SecretBox.fileName]

    private let folder: String
    private let name: String
    private let manifest: SnapshotManifest

    /// Bytes of all its files.
    public var bytes: Int64 { manifest.bytes }

    /// Finds a snapshot.
    ///
    /// - Parameters:
    ///   - path: a folder of backups, or a snapshot's own.
    ///   - snapshot: its name; nil for the newest that is complete.
    public init(from path: String, snapshot: String?) throws(BackupError) {
        if snapshot == nil, let real = BackupFiles.realPath(path),
            try BackupFiles.facts(real + "/" + SnapshotManifest.fileName) != nil
        {
            folder = real
            name = FilePlace(path: real).name
        } else {
            let backups = try SnapshotFolder(reading: path)
            let complete = try backups.complete()
            guard let newest = complete.last else {
                throw BackupError(.place, "\(path) holds no complete snapshot")
            }
            if let snapshot, !complete.contains(snapshot) {
                throw BackupError(
                    .place, "\(path) has no snapshot \(snapshot); there are: \(complete.joined(separator: ", "))")
            }
            name = snapshot ?? newest
            folder = backups.folder(of: name)
        }
        manifest = try SnapshotManifest(folder: folder)
        guard manifest.storeFormat <= EventStore.formatVersion else {
            throw BackupError(
                .damaged,
                "the snapshot \(name) was made by a newer program (\(manifest.program)); restore it with that one")
        }
    }

    private var report: Report {
        Report(
            snapshot: name, files: manifest.files.count, bytes: manifest.bytes, seq: manifest.seq,
            erasureEpoch: manifest.erasureEpoch, createdAt: manifest.createdAt)
    }

    /// Reads every file.
    ///
    /// - Throws: `.damaged` with the names of those that are missing or not what they should be.
    public func check(_ progress: BackupProgress) throws(BackupError) -> Report {
        var wrong: [String] = []
        for file in manifest.files {
            let path = folder + "/" + file.path
            guard let facts = try BackupFiles.facts(path) else {
                wrong.append("\(file.path) is missing")
                continue
            }
            guard facts.isFile, facts.bytes == file.bytes else {
                wrong.append("\(file.path) has \(facts.bytes) bytes instead of \(file.bytes)")
                continue
            }
            if try FileDigest(of: path, progress).sha256 != file.sha256 {
                wrong.append("\(file.path) is damaged: its SHA-256 is not the manifest's")
            }
            progress.addFile()
        }
        guard wrong.isEmpty else {
            let more = wrong.count > 5 ? ", and \(wrong.count - 5) more" : ""
            throw BackupError(
                .damaged, "the snapshot \(name) is not whole: \(wrong.prefix(5).joined(separator: "; "))\(more)")
        }
        return report
    }

    /// Makes a data folder. Every file is checked before anything is written, and once more while it is copied.
    ///
    /// - Parameter target: a folder that is not there or empty.
    public func run(to target: String, _ progress: BackupProgress) throws(BackupError) -> Report {
        // Links on the way are followed once, here.
        var target = BackupFiles.trimmed(target)
        try Self.refuse(target, inside: folder)
        let place = FilePlace(path: target)
        if let real = BackupFiles.realPath(target) {
            target = real
        } else if let parent = BackupFiles.realPath(place.folder) {
            target = parent + "/" + place.name
        }
        _ = try Self.isFree(target)
        _ = try check(progress)
        let wasThere = try Self.isFree(target)
        do throws(BackupError) {
            try write(to: target, progress)
        } catch {
            // What was restored so far is worth nothing: the whole snapshot is still there. With the control database in its
            // place all of it is.
            let names = Folder.names(target)
            guard !names.contains(ControlStore.fileName) else { throw error }
            for name in names where Self.parts.contains(name) { Self.remove(target + "/" + name) }
            if !wasThere { _ = unsafe rmdir(target) }
            throw error
        }
        return report
    }

    private static func refuse(_ target: String, inside snapshot: String) throws(BackupError) {
        let place = FilePlace(path: target)
        guard let parent = BackupFiles.realPath(place.folder) else {
            throw BackupError(.place, "\(place.folder): \(errorText(errno)); make that folder first")
        }
        guard !(parent + "/").hasPrefix(snapshot + "/") else {
            throw BackupError(.place, "\(target) is in the snapshot itself; name a folder elsewhere")
        }
    }

    /// Whether the folder is there; throws if something is in it. What an interrupted restore left is removed.
    private static func isFree(_ target: String) throws(BackupError) -> Bool {
        guard let facts = try BackupFiles.facts(target) else { return false }
        let names = facts.isFolder || BackupFiles.realPath(target) != nil ? Folder.names(target) : []
        if names.isEmpty {
            guard try BackupFiles.facts(BackupFiles.realPath(target) ?? target)?.isFolder ?? false else {
                throw BackupError(.place, "\(target) is no folder")
            }
            return true
        }
        guard names.contains(marker), names.allSatisfy(parts.contains) else {
            throw BackupError(
                .place,
                "\(target) is not empty; restore into a folder that is not there yet, and nothing is overwritten")
        }
        for name in names { remove(target + "/" + name) }
        return true
    }

    private static func remove(_ path: String) { if unsafe unlink(path) != 0 { Folder.remove(path) } }

    /// Copies into a folder of the new one, and gives everything its place at the end; the control database comes last, without
    /// which nobody takes it for a data folder.
    private func write(to target: String, _ progress: BackupProgress) throws(BackupError) {
        try BackupFiles.makeFolder(target)
        guard unsafe chmod(target, 0o700) == 0 else { throw BackupFiles.error("restrict to its owner", target) }
        let temporary = target + "/" + Self.marker
        try BackupFiles.makeFolder(temporary)
        var folders: Set<String> = [temporary]
        for file in manifest.files {
            var made = temporary
            for part in PathText.steps(file.path).dropLast() {
                made += "/" + part
                if folders.insert(made).inserted { try BackupFiles.makeFolder(made) }
            }
            let digest = try FileDigest(
                copying: folder + "/" + file.path, to: temporary + "/" + file.path, isGentle: false, progress)
            guard digest == FileDigest(bytes: file.bytes, sha256: file.sha256) else {
                throw BackupError(
                    .damaged, "the snapshot \(name) is not whole: \(file.path) changed while it was copied")
            }
        }
        for folder in folders { try BackupFiles.sync(folder) }
        let names = Folder.names(temporary)
        let last = ControlStore.fileName
        guard names.contains(last) else { throw BackupError(.damaged, "the snapshot \(name) lacks \(last)") }
        for name in names where name != last {
            try BackupFiles.move(temporary + "/" + name, to: target + "/" + name)
        }
        try BackupFiles.sync(target)
        try BackupFiles.move(temporary + "/" + last, to: target + "/" + last)
        try BackupFiles.sync(target)
        guard unsafe rmdir(temporary) == 0 else { throw BackupFiles.error("remove", temporary) }
        try BackupFiles.sync(FilePlace(path: target).folder)
    }
}
