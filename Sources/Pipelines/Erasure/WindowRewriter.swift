public import Destinations
internal import EventStore
internal import Exports
public import Model
internal import Threads

/// Writes files that a pipeline left at a destination anew without the rows of persons.
///
/// Where the store has all other rows of a file's window, the file is made from it: by the specification of its manifest, which gives the same
/// rows but for those that are gone. Where it does not - the rows were transformed, or some are older than what the store keeps, or were chosen
/// or made by history that is - the file itself is read back, and loses the rows that its own columns tell to be theirs.
public struct WindowRewriter: Sendable {
    public let project: PipelineProject
    public let erasure: RowErasure
    /// The store's number when it was looked which rows went by their age.
    public let epoch: Int64
    public let aged: AgedRows
    /// Takes names of persons out of a specification.
    public let redacted: @Sendable (JSONValue) -> JSONValue

    public init(
        project: PipelineProject, erasure: RowErasure, epoch: Int64, aged: AgedRows,
        redacted: @escaping @Sendable (JSONValue) -> JSONValue
    ) {
        (self.project, self.erasure) = (project, erasure)
        (self.epoch, self.aged, self.redacted) = (epoch, aged, redacted)
    }

    /// Rewrites the stream's files that may hold rows of theirs.
    ///
    /// - Returns: how many rows fewer they have.
    public func rewrite(at destination: any Destination) async throws -> ErasedRows {
        var done = ErasureTally()
        for manifest in try await destination.windows(erasure.stream) {
            let window = LoadedWindow(manifest, aged: aged)
            guard mayHold(window) else { continue }
            let spec = try await resolved(window)
            if window.isOfTheStore, !isThinned(window, spec) {
                done.add(rows: try await rewrite(window, spec, at: destination))
            } else if let rows = try await filter(window, spec, at: destination) {
                done.add(rows: rows)
            } else {
                done.leave(window)
            }
        }
        let windows = try await destination.windows(erasure.stream).map { LoadedWindow($0, aged: aged) }
        // Files that had to be left are known; any other one says that somebody writes there.
        return done.result(isOver: windows.count { mayHold($0) } == done.left)
    }

    /// Whether a file was written before the rows went, and may have some of them.
    private func mayHold(_ window: LoadedWindow) -> Bool {
        guard let spec = window.spec else { return false }
        if redacted(spec) != spec { return true }
        guard window.erasureEpoch < epoch, !window.erasures.contains(erasure.id) else { return false }
        if window.isAged || !window.isOfItems { return true }
        return erasure.seqs.contains { $0 > window.seqFrom && $0 <= window.seqTo }
    }

    /// Whether the store would choose or make other rows than it did: it has no more of the history that this takes.
    private func isThinned(_ window: LoadedWindow, _ spec: ResolvedSpec) -> Bool {
        window.isBeforeAging && spec.historyReach > .none
    }

    /// Makes a window's file from the store.
    private func rewrite(
        _ window: LoadedWindow, _ spec: ResolvedSpec, at destination: any Destination
    ) async throws -> Int64 {
        try await inFolder(window) { folder in
            let path = folder + "/rows" + spec.fileExtension
            let written = try await ExportRunner.run(
                spec, on: project.store, to: path, exportID: window.run, runID: window.run)
            // Something else went meanwhile, perhaps by its age alone: what may be made from the store is to be asked again.
            guard written.erasureEpoch == epoch else {
                throw PipelineError(.export, "rows went from the store meanwhile", isTransient: true)
            }
            var batch = batch(window, spec)
            batch.columns = written.columns.map { LoadColumn($0.name, $0.type) }
            (batch.file, batch.rows, batch.bytes) = (path, written.rows, written.bytes)
            batch.sha256 = written.parts.first?.sha256 ?? written.sha256
            batch.manifest = written.json
            let telling = window.telling ?? RowTelling.columns(spec)
            batch.tell(telling.mapValues(\.rawValue), isDerived: window.isDerived)
            try await put(batch, at: destination)
            return window.rows - written.rows
        }
    }

    /// Takes their rows out of a window's file; nil if they cannot be told, or the file is gone.
    private func filter(
        _ window: LoadedWindow, _ spec: ResolvedSpec, at destination: any Destination
    ) async throws -> Int64? {
        // What does not say how its rows were made need not have the specification's columns under these names; a number can be anything.
        let telling = window.telling ?? RowTelling.columns(spec).filter { $0.value != .seq }
        guard let filter = RowFilter(window, telling, erasure) else { return nil }
        return try await inFolder(window) { folder in
            var batch = batch(window, spec)
            batch.file = folder + "/before" + spec.fileExtension
            // One that was changed is perhaps one that an attempt before left without its manifest.
            let found = try await destination.fetch(batch, to: batch.file)
            if case .gone = found { return nil }
            let made: (file: String, rows: Int64, gone: Int64)
            do { made = try await filter.run(batch, in: folder) } catch {
                // What somebody put in its place need not be one of ours.
                guard case .changed = found, !Task.isCancelled else { throw error }
                return nil
            }
            if made.gone == 0, window.isDerived || window.telling == nil { return nil }
            let (before, manifest) = (batch, window.manifest(redacted(window.spec ?? .null), after: erasure.id))
            let after = try await OwnThread.run {
                try before.with(
                    file: made.gone == 0 ? before.file : made.file, rows: made.rows, after: manifest)
            }
            try await put(after, at: destination)
            return made.gone
        }
    }

    /// A window's specification without names of theirs.
    private func resolved(_ window: LoadedWindow) async throws -> ResolvedSpec {
        let json = redacted(window.spec ?? .null)
        return try await ExportRunner.resolve(
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
