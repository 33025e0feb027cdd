public import Destinations
internal import EventStore
internal import Exports
public import Model
internal import Threads

/// Writes files that a pipeline left at a destination anew without the rows of persons.
///
/// Where the store has all other rows of a file's window, the file is made from it: by the specification of its manifest, which gives the same
/// rows but for those that are gone. Where it does not - the rows were transformed, or some are older than what the store keeps - the file
/// itself is read back, and loses the rows that its own columns tell to be theirs.
public struct WindowRewriter: Sendable {
    public let project: PipelineProject
    public let erasure: RowErasure
    /// What went from the store by its age has a `seq` up to this.
    public let agedThrough: Int64
    /// Takes names of persons out of a specification.
    public let redacted: @Sendable (JSONValue) -> JSONValue

    public init(
        project: PipelineProject, erasure: RowErasure, agedThrough: Int64,
        redacted: @escaping @Sendable (JSONValue) -> JSONValue
    ) {
        (self.project, self.erasure) = (project, erasure)
        (self.agedThrough, self.redacted) = (agedThrough, redacted)
    }

    /// Rewrites the stream's files that may hold rows of theirs.
    ///
    /// - Returns: how many rows fewer they have.
    public func rewrite(at destination: any Destination) async throws -> ErasedRows {
        var done = ErasureTally()
        for manifest in try await destination.windows(erasure.stream) {
            let window = LoadedWindow(manifest, agedThrough: agedThrough)
            guard mayHold(window) else { continue }
            if window.isOfTheStore {
                done.add(rows: try await rewrite(window, at: destination))
            } else if let rows = try await filter(window, at: destination) {
                done.add(rows: rows)
            } else {
                done.leave(window.isTransformed ? .transformed : .aged)
            }
        }
        let windows = try await destination.windows(erasure.stream).map {
            LoadedWindow($0, agedThrough: agedThrough)
        }
        // Files that had to be left are known; any other one says that somebody writes there.
        return done.result(isOver: windows.count { mayHold($0) } == done.left)
    }

    /// Whether a file was written before the rows went, and may have some of them.
    private func mayHold(_ window: LoadedWindow) -> Bool {
        guard let spec = window.spec, window.erasureEpoch < project.store.erasureEpoch else { return false }
        if redacted(spec) != spec || window.isAged || !window.isOfItems { return true }
        return erasure.seqs.contains { $0 > window.seqFrom && $0 <= window.seqTo }
    }

    /// Makes a window's file from the store.
    private func rewrite(_ window: LoadedWindow, at destination: any Destination) async throws -> Int64 {
        let json = redacted(window.spec ?? .null)
        let spec = try await resolved(json, window)
        return try await inFolder(window) { folder in
            let path = folder + "/rows" + spec.fileExtension
            let written = try await ExportRunner.run(
                spec, on: project.store, to: path, exportID: window.run, runID: window.run)
            var batch = batch(window, spec)
            batch.columns = written.columns.map { LoadColumn($0.name, $0.type) }
            (batch.file, batch.rows, batch.bytes) = (path, written.rows, written.bytes)
            batch.sha256 = written.parts.first?.sha256 ?? written.sha256
            batch.manifest = written.json
            batch.tell(window.telling.mapValues(\.rawValue))
            try await put(batch, at: destination)
            return window.rows - written.rows
        }
    }

    /// Takes their rows out of a window's file; nil if they cannot be told, or the file is not as it was loaded.
    private func filter(_ window: LoadedWindow, at destination: any Destination) async throws -> Int64? {
        guard let filter = RowFilter(window, erasure) else { return nil }
        let json = redacted(window.spec ?? .null)
        let spec = try await resolved(json, window)
        let epoch = project.store.erasureEpoch
        return try await inFolder(window) { folder in
            var batch = batch(window, spec)
            batch.file = folder + "/before" + spec.fileExtension
            guard try await destination.fetch(batch, to: batch.file) else { return nil }
            let made = try await filter.run(batch, in: folder)
            let (before, manifest) = (batch, window.manifest(json, epoch: epoch))
            let after = try await OwnThread.run { try before.with(file: made.file, rows: made.rows, after: manifest) }
            try await put(after, at: destination)
            return window.rows - after.rows
        }
    }

    private func resolved(_ json: JSONValue, _ window: LoadedWindow) async throws -> ResolvedSpec {
        try await ExportRunner.resolve(
            try ExportSpec(json: json), on: project.store, durableSeq: window.seqTo, now: Timestamp(microseconds: 0))
    }

    /// What was loaded, as its manifest has it.
    private func batch(_ window: LoadedWindow, _ spec: ResolvedSpec) -> LoadBatch {
        var batch = LoadBatch(
            stream: erasure.stream, run: window.run, dataset: spec.dataset.rawValue, isIncremental: spec.isIncremental,
            seqFrom: window.seqFrom, seqTo: window.seqTo, mode: .append, key: [], columns: window.columns,
            evolves: true, file: "", format: spec.format.rawValue, suffix: spec.fileExtension, rows: window.rows,
            bytes: window.bytes, sha256: window.sha256, manifest: .null)
        batch.isStale = window.isStale
        return batch
    }

    private func put(_ batch: LoadBatch, at destination: any Destination) async throws {
        let receipt = try await destination.load(batch)
        let found = try await destination.verify(batch, receipt)
        guard found.holds else { throw PipelineError(.destination, "a file that was written anew is not there") }
    }

    /// Lends a folder of its own, which goes with what is in it.
    private func inFolder<T>(_ window: LoadedWindow, _ body: (String) async throws -> T) async throws -> T {
        let (base, folder) = (project.folder, "\(project.folder)/\(erasure.stream.pipeline)/rewritten-\(window.run)")
        try await OwnThread.run { try RunFolder.make(base, folder) }
        do {
            let made = try await body(folder)
            _ = try? await OwnThread.run { RunFolder.remove(folder) }
            return made
        } catch {
            _ = try? await OwnThread.run { RunFolder.remove(folder) }
            throw error
        }
    }
}
