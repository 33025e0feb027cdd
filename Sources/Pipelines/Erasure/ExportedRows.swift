internal import Destinations
internal import EventStore
public import Exports
internal import Model
internal import Threads

/// Takes rows of persons out of files of an export that cannot be made again as they were, by what their own columns hold.
public struct ExportedRows: Sendable {
    private let spec: ResolvedSpec
    private let columns: [LoadColumn]
    private let filter: RowFilter

    /// Nil where files are encrypted or written for a spreadsheet, and where no column tells for certain whose a row is.
    ///
    /// - Parameters:
    ///   - isAged: whether they may have rows that the store has no more.
    ///   - identities: all identities of the persons.
    ///   - persons: what the persons are called.
    ///   - seqs: what went from the store.
    public init?(
        _ spec: ResolvedSpec, columns: [Manifest.Column], isAged: Bool, identities: [String], persons: [String],
        seqs: [Int64]
    ) {
        guard spec.recipients.isEmpty, spec.sheet == SheetForm(), spec.format != .kissmetrics, spec.dataset != .report
        else { return nil }
        let erasure = RowErasure(
            id: "", stream: LoadStream(pipeline: "", installation: ""), identities: identities, persons: persons,
            seqs: seqs, columns: [])
        self.spec = spec
        self.columns = columns.map { LoadColumn($0.name, $0.type) }
        guard let filter = RowFilter(self.columns, isAged: isAged, RowTelling.columns(spec), erasure) else {
            return nil
        }
        self.filter = filter
    }

    /// Writes a file anew in its place; how many rows it has then, and how many went.
    ///
    /// - Parameter export: names a folder beside it, which is there meanwhile.
    public func erase(_ path: String, of export: String) async throws -> (rows: Int64, gone: Int64) {
        let (base, folder) = RunFolder.beside(path, export)
        let spec = spec
        var batch = LoadBatch(
            stream: LoadStream(pipeline: "", installation: ""), run: export, dataset: spec.dataset.rawValue,
            isIncremental: false, seqFrom: 0, seqTo: 0, mode: .append, key: [], columns: columns, evolves: true,
            file: folder + "/before" + spec.fileExtension, format: spec.format.rawValue, suffix: spec.fileExtension,
            rows: 0, bytes: 0, sha256: "", manifest: .null)
        batch.mayNeedRepair = false
        let (before, filter) = (batch, filter)
        do {
            try await OwnThread.run {
                try RunFolder.make(base, folder)
                try RunFolder.link(path, as: before.file)
            }
            let made = try await filter.run(before, in: folder)
            try await OwnThread.run {
                if made.gone > 0 { try RunFolder.replace(path, by: made.file) }
                RunFolder.remove(folder)
            }
            return (made.rows, made.gone)
        } catch {
            _ = try? await OwnThread.run { RunFolder.remove(folder) }
            throw error
        }
    }
}
