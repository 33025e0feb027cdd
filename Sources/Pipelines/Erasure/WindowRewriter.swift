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
    /// Takes names of persons out of a column's name.
    public let renamed: @Sendable (String) -> String

    public init(
        project: PipelineProject, erasure: RowErasure, epoch: Int64, aged: AgedRows,
        redacted: @escaping @Sendable (JSONValue) -> JSONValue, renamed: @escaping @Sendable (String) -> String
    ) {
        (self.project, self.erasure) = (project, erasure)
        (self.epoch, self.aged, self.redacted, self.renamed) = (epoch, aged, redacted, renamed)
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
            if let spec, window.isOfTheStore, !isThinned(window, spec) {
                done.add(rows: try await rewrite(window, spec, at: destination))
            } else if let rows = try await filter(window, spec, at: destination) {
                done.add(rows: rows)
            } else if let spec, isNamed(window), !window.isTransformed {
                // It was about them: better without rows of others than with theirs.
                done.add(rows: try await rewrite(window, spec, at: destination), isThinned: true)
            } else {
                let isNamed = isNamed(window)
                if isNamed { try await unname(window, spec, at: destination) }
                done.leave(window, isRefused: spec == nil, isNamed: isNamed)
            }
        }
        let windows = try await destination.windows(erasure.stream).map { LoadedWindow($0, aged: aged) }
        // Files that had to be left are known; any other one says that somebody writes there.
        return done.result(isOver: windows.allSatisfy { !mayHold($0) || done.hasLeft($0) })
    }

    /// Whether a file was written before the rows went, and may have some of them.
    private func mayHold(_ window: LoadedWindow) -> Bool {
        guard window.spec != nil else { return false }
        if isNamed(window) { return true }
        guard window.erasureEpoch < epoch, !window.erasures.contains(erasure.id) else { return false }
        if window.isAged || !window.isOfItems { return true }
        return erasure.seqs.contains { $0 > window.seqFrom && $0 <= window.seqTo }
    }

    /// Whether its specification or a column of its is about them.
    private func isNamed(_ window: LoadedWindow) -> Bool {
        guard let spec = window.spec else { return false }
        return redacted(spec) != spec || window.columns.contains { renamed($0.name) != $0.name }
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
            // One that was called after them has another name from now on.
            let there = Set(batch.columns.map(\.name))
            let told = window.telling.flatMap { $0.keys.allSatisfy(there.contains) ? $0 : nil }
            let telling = told ?? RowTelling.columns(spec)
            batch.tell(telling.mapValues(\.rawValue), isDerived: window.isDerived)
            try await put(batch, at: destination)
            return window.rows - written.rows
        }
    }

    /// A window's specification without names of theirs; nil where that is none, or none to this version.
    private func resolved(_ window: LoadedWindow) async throws -> ResolvedSpec? {
        let json = redacted(window.spec ?? .null)
        do throws(ExportError) {
            let spec = try ExportSpec(json: json)
            return try await ExportRunner.resolve(
                spec, on: project.store, durableSeq: window.seqTo, now: Timestamp(microseconds: 0))
        } catch {
            guard error.code == .invalidSpec else { throw error }
            return nil
        }
    }

    /// What was loaded, as its manifest has it.
    func batch(_ window: LoadedWindow, _ spec: ResolvedSpec?) -> LoadBatch {
        var batch = LoadBatch(
            stream: erasure.stream, run: window.run, dataset: spec?.dataset.rawValue ?? window.dataset,
            isIncremental: spec?.isIncremental ?? window.isIncremental,
            seqFrom: window.seqFrom, seqTo: window.seqTo, mode: .append, key: [], columns: window.columns,
            evolves: true, file: "", format: spec?.format.rawValue ?? window.format,
            suffix: spec?.fileExtension ?? window.suffix, rows: window.rows,
            bytes: window.bytes, sha256: window.sha256, manifest: .null)
        batch.isStale = window.isStale
        return batch
    }

    func put(_ batch: LoadBatch, at destination: any Destination) async throws {
        let receipt = try await destination.load(batch)
        let found = try await destination.verify(batch, receipt)
        guard found.holds else { throw PipelineError(.destination, "a file that was written anew is not there") }
    }

    /// Lends a folder of its own, which goes with what is in it.
    func inFolder<T>(_ window: LoadedWindow, _ body: (String) async throws -> T) async throws -> T {
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
