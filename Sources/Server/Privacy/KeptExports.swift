internal import Control
internal import EventStore
internal import Exports
internal import Model

/// Files of exports that have somebody in them: removed, and made again without where that makes sense.
///
/// What lies where a caller wanted it may have been moved, replaced or locked by its owner since. That is said in a receipt,
/// and never ends an erasure.
struct KeptExports: Sendable {
    let project: String
    let control: ControlStore
    let exports: ExportService
    /// What went from the store.
    let items: RemovedItems
    let names: NamedTexts
    /// All identities of the persons, and what the persons are called.
    let identities: [String]
    let persons: [String]
    let store: EventStore
    /// The store's number; files with it were made after the rows had gone.
    let epoch: Int64
    let erasure: String

    func erase() async throws -> [ErasureReceipt] {
        var receipts: [ErasureReceipt] = []
        var before: Int64?
        repeat {
            let page = try await control.exports(project: project, before: before, limit: 200, removed: true)
            for record in page { receipts += try await erase(record) }
            before = page.last?.number
        } while before != nil
        return receipts
    }

    private func erase(_ found: ExportRecord) async throws -> [ErasureReceipt] {
        var record = found
        let isNamed = names.isNamed(in: record)
        // It would write down whom it looks for.
        if isNamed, !record.status.isFinal { record = try await exports.cancel(record) ?? record }
        let manifest = record.manifest.flatMap { try? JSONValue(text: $0) }.flatMap { try? Manifest(json: $0) }
        if record.outPath != nil, ExportWindow(record)?.isLayout ?? false {
            return try await eraseLines(record, manifest, isNamed)
        }
        if let manifest, record.status == .succeeded, record.removedAt == nil {
            return try await erase(record, manifest, isNamed)
        }
        let receipts = record.status == .running ? [] : try await clear(record)
        if isNamed { try await control.rewriteExport(names.redacted(record)) }
        return receipts
    }

    /// An export that did not end, or was removed, has no files; if it was cut off, some are there all the same.
    private func clear(_ record: ExportRecord) async throws -> [ErasureReceipt] {
        let (found, isGone) = try await Blocking.run { exports.places.clear(record) }
        guard found else { return [] }
        return [
            ErasureReceipt(
                kind: "export", name: record.id, rows: 0, verified: isGone,
                how: "removed what a run that was cut off had left")
        ]
    }

    private func erase(
        _ record: ExportRecord, _ manifest: Manifest, _ isNamed: Bool
    ) async throws -> [ErasureReceipt] {
        let rows = rows(manifest)
        // Its files were about to be removed, and made again, when the server stopped.
        let isBegun = manifest.erasure?["again"]?.boolValue ?? false
        guard isBegun || manifest.erasure == nil && (isNamed || manifest.erasureEpoch < epoch && rows > 0) else {
            if isNamed { try await control.rewriteExport(names.redacted(record)) }
            return []
        }
        let files = KeptFiles(record: record, manifest: manifest, folder: exports.folder(record), rows: rows)
        let state = record.outPath == nil ? .ours : try await Blocking.run { files.state() }
        let thinned = isNamed ? nil : try await thinned(record, manifest)
        if let thinned, state == .ours, let receipts = try await eraseRows(thinned, files) { return receipts }
        if state == .ours, record.outPath != nil, !isNamed {
            // Once they are gone, nothing but this tells that they were there.
            try await control.rewriteExport(marked(record, manifest, isAgain: true))
        }
        var (receipts, isRemoved) = try await Blocking.run { files.remove(state) }
        if !isNamed {
            // What its owner moved or removed is not written there again with everybody's data.
            guard isRemoved || isBegun && state == .gone else { return receipts }
            if thinned != nil {
                receipts = receipts.map(Self.unmade)
            } else if try await exports.runAgain(record) {
                return receipts
            }
        }
        let marked = marked(record, manifest, isAgain: false)
        if let text = marked.manifest, let failure = try await Blocking.run({ files.replaceManifest(text) }) {
            receipts.append(failure)
        }
        try await control.rewriteExport(marked)
        return receipts
    }

    /// How many of the rows that went the export can have at most.
    private func rows(_ manifest: Manifest) -> Int64 {
        let last = min(manifest.seqTo, manifest.asOfSeq)
        let first = manifest.dataset == .events || manifest.dataset == .propertyChanges ? manifest.seqFrom : 0
        return Int64(items.seqs.count { $0 > first && $0 <= last })
    }

    /// A record that names nobody, with a manifest that says why there are no files.
    private func marked(_ record: ExportRecord, _ manifest: Manifest, isAgain: Bool) -> ExportRecord {
        var (marked, manifest) = (record, manifest)
        manifest.erasure = ["id": .string(erasure), "erasure_epoch": JSONValue(epoch)]
        if isAgain { manifest.erasure = ["id": .string(erasure), "erasure_epoch": JSONValue(epoch), "again": true] }
        marked.manifest = manifest.json.text
        return names.redacted(marked)
    }

    /// A folder in the KISSmetrics layout is added to, run by run, so that its revisions stay, without the lines. A run that
    /// was cut off may have published, too.
    private func eraseLines(
        _ found: ExportRecord, _ manifest: Manifest?, _ isNamed: Bool
    ) async throws -> [ErasureReceipt] {
        var record = found
        var receipts: [ErasureReceipt] = []
        let canHold = manifest.map { rows($0) > 0 && $0.erasureEpoch < epoch } ?? !items.seqs.isEmpty
        if !names.isEmpty, canHold, record.startedAt != nil,
            let done = try await KeptLayout(record: record, names: names).erase(manifest)
        {
            receipts = [done.receipt]
            if let written = done.manifest { record.manifest = written.json.text }
        }
        if isNamed || record.manifest != found.manifest { try await control.rewriteExport(names.redacted(record)) }
        return receipts
    }
}
