internal import Glibc
internal import Model
internal import Synchronization

/// A folder in the KISSmetrics layout that runs are added to, as the known importers expect it: `revisions/N.json` are
/// contiguous and never change, `index.csv` only grows, and by whole lines of whole revisions.
///
/// A run writes its revisions under temporary names. `publish` first notes in the state file what is about to get its name;
/// from there on the run is done in any case: whoever opens the folder next finishes it. The manifest comes last.
///
/// One process has a folder open at a time. Calls block.
public final class LayoutFolder: Sendable {
    /// The folder's path, without a slash at its end.
    public let path: String
    private let temporaryName: String
    /// Holds the lock.
    private let descriptor: Int32
    private let state: Mutex<LayoutState>

    private static let header = "filename,min_timestamp,max_timestamp,min_utc_date,max_utc_date\n"
    private static let statusHeader =
        "total_revisions,exported_revisions,max_exported_revision_timestamp,max_exported_revision_utc_date\n"

    /// Opens a folder, makes it if it is not there, and finishes what a run before had begun to publish.
    ///
    /// - Parameter exportID: names temporary files.
    /// - Throws: `.invalidSpec` if the folder holds a layout of somebody else; `.files`, `.mismatch`.
    public init(_ path: String, exportID: String) throws(ExportError) {
        self.path = path
        temporaryName = ".\(exportID).partial"
        try FileSystem.makeFolder(path)
        descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileSystem.error("open the folder", path) }
        state = Mutex(LayoutState())
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw ExportError(
                .files, "another export is writing to the folder \(path); run this one when that is done",
                isTransient: true)
        }
        var found = try readState()
        if found.publishing != nil { try finishPublishing(&found) }
        let size = try FileSystem.size(indexPath) ?? 0
        guard size == found.indexBytes else {
            throw ExportError(
                .mismatch,
                "\(indexPath) has \(size) bytes, and the last run left \(found.indexBytes): somebody changed it; nothing is "
                    + "added to it")
        }
        for name in try FileSystem.names(path) where name.hasPrefix(".") && name.hasSuffix(".partial") {
            try FileSystem.removeFolder(path + "/" + name)
        }
        let read = found
        state.withLock { $0 = read }
    }

    deinit { close(descriptor) }

    /// Everything up to this `seq` is in the layout; 0 in a new folder.
    public var position: Int64 { state.withLock { $0.seq } }
    /// How many revisions there are.
    public var revisions: Int64 { state.withLock { $0.revisions } }
    /// Whether no run has ended in this folder yet.
    public var isNew: Bool { state.withLock { $0.manifest == nil } }

    /// The manifest of an export that has ended here as the last one, which is written beside the folder; nil if it has not.
    func finished(_ exportID: String) throws(ExportError) -> Manifest? {
        guard let manifest = state.withLock({ $0.manifest }), manifest.exportID == exportID else { return nil }
        try writeManifest(manifest)
        return manifest
    }

    /// Brings the last run's manifest up to date, in the folder and beside it.
    func refreshManifest() throws(ExportError) {
        var now = state.withLock { $0 }
        guard let manifest = now.manifest else { return }
        now.manifest = try refreshed(manifest)
        try write(now)
        if let manifest = now.manifest { try writeManifest(manifest) }
        let written = now
        state.withLock { $0 = written }
    }

    private func writeManifest(_ manifest: Manifest) throws(ExportError) {
        try FileSystem.replace(path + Manifest.suffix, Array((manifest.json.text + "\n").utf8))
    }

    /// What another folder's run is here: its revisions with the numbers that follow those of this folder.
    public func adopt(_ manifest: Manifest) throws(ExportError) -> (revisions: [LayoutRevision], manifest: Manifest) {
        let (seq, count, isNew) = state.withLock { ($0.seq, $0.revisions, $0.manifest == nil) }
        let listed = manifest.layout?["revisions"]?.arrayValue ?? []
        var revisions = listed.compactMap { LayoutRevision(json: $0) }
        guard revisions.count == manifest.parts.count, isNew || manifest.seqFrom == seq else {
            throw ExportError(
                .mismatch, "the export's manifest does not say what its revisions are; is that a Sluice server?")
        }
        var adopted = manifest
        let name = FileSystem.split(path).name
        for place in revisions.indices {
            revisions[place].number = count + Int64(place) + 1
            adopted.parts[place].file = "\(name)/\(revisions[place].file)"
        }
        if case .object(let members) = manifest.layout {
            adopted.layout = .object(
                members.map { $0.key == "revisions" ? .init($0.key, .array(revisions.map(\.json))) : $0 })
        }
        return (revisions, adopted)
    }

    /// Where a revision is written until it is published.
    public func temporary(_ number: Int64) throws(ExportError) -> String {
        try FileSystem.makeFolder(temporaryFolder)
        return "\(temporaryFolder)/\(number).json"
    }

    /// Removes what is not published.
    public func abandon() { try? FileSystem.removeFolder(temporaryFolder) }

    /// Gives a run's revisions, which are whole and synced, their names, and adds them to the index; then writes the manifest.
    public func publish(_ revisions: [LayoutRevision], _ manifest: Manifest) throws(ExportError) {
        var next = state.withLock { $0 }
        if !revisions.isEmpty { try FileSystem.syncFolder(temporaryFolder) }
        next.publishing = LayoutState.Publishing(
            temporary: temporaryName, revisions: revisions, manifest: manifest)
        try write(next)
        try finishPublishing(&next)
        let published = next
        state.withLock { $0 = published }
    }

    private var temporaryFolder: String { path + "/" + temporaryName }
    private var indexPath: String { path + "/index.csv" }
    private var statePath: String { path + "/" + LayoutState.fileName }

    private func readState() throws(ExportError) -> LayoutState {
        guard try FileSystem.size(statePath) != nil else {
            let folder = path + "/revisions"
            let revisions = try FileSystem.size(folder) == nil ? [] : FileSystem.names(folder)
            guard try FileSystem.size(indexPath) == nil, revisions.isEmpty else {
                throw ExportError(
                    .invalidSpec,
                    "the folder \(path) holds revisions, but no \(LayoutState.fileName) that says how far they reach; "
                        + "name another folder, or an empty one")
            }
            return LayoutState()
        }
        let bytes = try FileSystem.contents(statePath)
        guard let json = try? JSONValue(bytes.span), let state = LayoutState(json: json) else {
            throw ExportError(.mismatch, "\(statePath) cannot be read; name another folder, or restore that file")
        }
        return state
    }

    private func write(_ state: LayoutState) throws(ExportError) {
        try FileSystem.replace(statePath, Array((state.json.text + "\n").utf8))
    }

    /// Names the revisions, adds them to the index, and notes that it is done. Each step may have been done before.
    private func finishPublishing(_ state: inout LayoutState) throws(ExportError) {
        guard let run = state.publishing else { return }
        try FileSystem.makeFolder(path + "/revisions")
        for revision in run.revisions { try name(revision, in: path + "/" + run.temporary) }
        try FileSystem.syncFolder(path + "/revisions")
        try FileSystem.syncFolder(path)
        let lines = Array(
            ((state.indexBytes == 0 ? Self.header : "") + run.revisions.map(\.indexLine).joined()).utf8)
        let end = state.indexBytes + Int64(lines.count)
        guard try FileSystem.size(indexPath) ?? 0 <= end else {
            throw ExportError(.mismatch, "\(indexPath) was changed by somebody else; nothing is added to it")
        }
        try FileSystem.write(lines, to: indexPath, at: state.indexBytes)
        let last = run.revisions.last
        if last != nil || state.revisions == 0 {
            let count = last?.number ?? 0
            let times = last.map { "\($0.to),\(LayoutRevision.minute($0.to))" } ?? ","
            try FileSystem.replace(
                path + "/status.csv", Array("\(Self.statusHeader)\(count),\(count),\(times)\n".utf8))
            state.revisions = count
        }
        state.indexBytes = end
        state.seq = run.manifest.seqTo
        state.manifest = run.manifest
        state.publishing = nil
        try write(state)
        try writeManifest(run.manifest)
        try FileSystem.removeFolder(path + "/" + run.temporary)
    }

    private func name(_ revision: LayoutRevision, in folder: String) throws(ExportError) {
        let temporary = "\(folder)/\(revision.number).json"
        let named = path + "/" + revision.file
        let size = try FileSystem.size(named)
        if try FileSystem.size(temporary) != nil {
            guard size == nil else {
                throw ExportError(
                    .mismatch, "\(named) is there already, and it is not this run's; nothing was replaced")
            }
            return try FileSystem.move(temporary, to: named)
        }
        guard size == revision.bytes else {
            throw ExportError(
                .mismatch,
                "\(named) has \(size ?? 0) bytes, and the run that wrote it noted \(revision.bytes); restore the folder, or "
                    + "name another")
        }
    }
}
