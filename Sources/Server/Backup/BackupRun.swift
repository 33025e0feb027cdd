internal import Connectors
internal import Control
internal import EventStore
internal import Journal
internal import Logging
internal import Model
internal import Threads
internal import Webhooks

/// What somebody asked for.
struct BackupRequest: Sendable {
    /// The folder of backups.
    let path: String
    /// How many snapshots stay, the new one included; nil for all.
    let keep: Int?
    /// Whether also files are read whose SHA-256 is known.
    let verify: Bool
}

/// What came of it.
struct BackupResult: Sendable {
    /// A snapshot that had to go.
    struct Removed: Sendable {
        let name: String
        /// `erasure`: it held people who have been erased since; `keep`: there were more than should be kept.
        let reason: String
    }

    let folder: String
    let name: String
    let manifest: SnapshotManifest
    let counts: SnapshotWriter.Counts
    let removed: [Removed]
    /// Snapshots whose manifest cannot be read.
    let damaged: [String]
}

/// Makes one snapshot, beside live traffic.
///
/// It is what a crash would have left at one moment, and so opens like that: the store's copy first, then the journal, which
/// reaches at least as far. What the control database names is looked for after the database was copied.
struct BackupRun {
    /// The name under which journals know that a copy is being made.
    static let follower = "backup"
    /// The same for what the copy of the outbox has not followed yet.
    static let outboxFollower = "backup-outbox"

    let request: BackupRequest
    let directory: String
    let control: ControlStore
    let projects: ProjectRegistry
    let webhooks: DeliveryStore
    let progress: BackupProgress

    func run() async throws -> BackupResult {
        let (folder, before) = try await quietly { [request, directory] in
            let folder = try SnapshotFolder(writing: request.path, data: directory)
            return (folder, try SnapshotShelf(folder))
        }
        let temporary = try await quietly { try folder.begin() }
        do {
            let previous = before.newest.map { name, manifest in
                SnapshotWriter.Previous(folder: folder.folder(of: name), manifest)
            }
            let writer = SnapshotWriter(
                folder: temporary, previous: previous, readsAll: request.verify, progress)
            return try await fill(writer, folder, before)
        } catch {
            await Self.remove(temporary)
            // What an erasure takes away may be what was missing: that is the reason then.
            for runtime in projects.all { try await runtime.erasureCheck.run() }
            throw error
        }
    }

    private static func remove(_ path: String) async {
        // What cannot be removed now is removed by the next backup.
        try? await Blocking.run { Folder.remove(path) }
    }

    private func fill(
        _ writer: SnapshotWriter, _ folder: SnapshotFolder, _ before: SnapshotShelf
    ) async throws -> BackupResult {
        // Before anything is copied: who is erased from here on makes the snapshot worthless.
        var epochs: [String: Int64] = [:]
        for runtime in projects.all {
            try await runtime.erasureCheck.waitUntilNobodyIsErased()
            epochs[runtime.name] = runtime.store.erasureEpoch
        }
        let copy = try await quietly { [control] in
            try control.copy(to: try writer.target(ControlStore.fileName))
        }
        try before.expect(madeAt: copy.madeAt)
        // One that is being made at this moment has nothing yet.
        let runtimes = copy.projects.compactMap { projects.runtime($0) }
        // Before the journals: what is collected after this is in them, and is sent by whoever restores it.
        var followed: [String: Int64] = [:]
        for runtime in runtimes {
            followed[runtime.name] = try await webhooks.checkpoint(project: runtime.name)
            if let seq = followed[runtime.name] { runtime.journal.register(follower: Self.outboxFollower, at: seq) }
        }
        defer { for runtime in runtimes { runtime.journal.unregister(follower: Self.outboxFollower) } }
        try await quietly { [webhooks, directory] in
            try webhooks.copy(to: try writer.target(DeliveryStore.fileName))
            // A copy: what opens secrets is one file in one place, and may be replaced there.
            let key = directory + "/" + SecretBox.fileName
            if let facts = try BackupFiles.facts(key) {
                try writer.copy(key, as: SecretBox.fileName, bytes: facts.bytes)
            }
        }
        let states = try await add(runtimes, followed, writer)
        try await addExports(copy.exports, writer)
        for (runtime, state) in zip(runtimes, states) {
            try await runtime.erasureCheck.run(epoch: epochs[runtime.name] ?? state.erasureEpoch)
        }
        return try await quietly { [request] in
            try writer.addMade(ControlStore.fileName)
            try writer.addMade(DeliveryStore.fileName)
            let (files, counts) = try writer.finish()
            let now = SystemClock.now()
            let manifest = SnapshotManifest(
                madeAt: copy.madeAt.text, createdAt: now.text, program: ServerState.version,
                storeFormat: EventStore.formatVersion, projects: states, files: files)
            let path = writer.folder + "/" + SnapshotManifest.fileName
            try BackupFiles.write(Array(manifest.json.text.utf8), to: path)
            try BackupFiles.sync(writer.folder)
            let name = try folder.publish(writer.folder, at: now, seq: manifest.seq)
            return BackupResult(
                folder: folder.path, name: name, manifest: manifest, counts: counts,
                removed: try before.prune(folder, after: manifest, keep: request.keep), damaged: before.damaged)
        }
    }

    private func add(
        _ runtimes: [ProjectRuntime], _ followed: [String: Int64], _ writer: SnapshotWriter
    ) async throws -> [SnapshotManifest.ProjectState] {
        var states: [SnapshotManifest.ProjectState] = []
        for runtime in runtimes { states.append(try await add(runtime, followed[runtime.name], writer)) }
        return states
    }

    /// Takes in a project: its store as it is at one moment, and what the journal has beyond it.
    ///
    /// - Parameter followed: how far the copy of the outbox has followed the journal, if it has.
    private func add(
        _ runtime: ProjectRuntime, _ followed: Int64?, _ writer: SnapshotWriter
    ) async throws -> SnapshotManifest.ProjectState {
        try await runtime.erasureCheck.run()
        let (from, to) = (runtime.directory, "projects/" + runtime.name)
        defer { runtime.journal.unregister(follower: Self.follower) }
        let hot = to + "/" + EventStore.fileName
        let place = try await quietly { try writer.target(hot) }
        // Not before an erasure has left the store: that one would wait for the journal's parts to go.
        let keep = {
            runtime.journal.keepParts(for: Self.follower, after: min(runtime.store.appliedSeq, followed ?? .max))
        }
        let copy = try await runtime.store.withCopy(at: place, before: keep) { copy in
            try await quietly {
                for file in copy.coldFiles {
                    // An erasure waits for this, and would make it worthless.
                    try ErasureCheck.refusePending(runtime.name, from)
                    let path = "/" + EventStore.coldFolder + "/" + file
                    guard try writer.place(from + path, as: to + path) else {
                        throw BackupError(.files, "the store's file \(from + path) is missing")
                    }
                }
            }
            return copy
        }
        try await quietly {
            Folder.remove(place + ".tmp")
            try writer.addMade(hot)
        }
        let lastSeq = try await addJournal(runtime, writer)
        return .init(
            name: runtime.name, durableSeq: max(lastSeq, copy.appliedSeq), appliedSeq: copy.appliedSeq,
            erasureEpoch: copy.erasureEpoch)
    }

    /// Takes in the files of finished exports. One that was removed while this ran is taken out of the copy.
    private func addExports(_ exports: [ControlCopy.Export], _ writer: SnapshotWriter) async throws {
        var gone: [ControlCopy.Export] = []
        for export in exports {
            let path = "projects/" + export.project + "/exports/" + export.id
            try await quietly { [directory] in try Self.addTree(directory + "/", path, writer) }
            guard try await control.export(export.id, project: export.project) == nil else { continue }
            gone.append(export)
            try await quietly { writer.drop(path) }
        }
        guard !gone.isEmpty else { return }
        try await quietly { [gone] in
            try ControlStore.forget(gone, inCopy: try writer.target(ControlStore.fileName))
        }
    }

    private static func addTree(_ root: String, _ path: String, _ writer: SnapshotWriter) throws(BackupError) {
        for name in Folder.names(root + path) {
            let inner = path + "/" + name
            guard let facts = try BackupFiles.facts(root + inner) else { continue }
            if facts.isFolder { try addTree(root, inner, writer) } else { try writer.place(root + inner, as: inner) }
        }
    }

    /// Runs what blocks on a thread that stands back behind the server's work.
    func quietly<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try Task.checkCancellation()
        return try await Blocking.run {
            let result = try SystemThread.run(niceness: 10) { Result { try body() } }
            return try result.get()
        }
    }
}

extension ProjectRuntime {
    fileprivate var erasureCheck: ErasureCheck { ErasureCheck(project: name, directory: directory, store: store) }
}
