internal import Control
internal import EventStore
internal import Exports
internal import Glibc
internal import Model

/// Files of exports that have somebody in them: removed, and made again without where that makes sense.
struct KeptExports: Sendable {
    let project: String
    let control: ControlStore
    let exports: ExportService
    /// What went from the store.
    let items: RemovedItems
    let names: NamedTexts
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

    private func erase(_ record: ExportRecord) async throws -> [ErasureReceipt] {
        let documents = [record.spec, record.resolved, record.manifest].compactMap {
            $0.flatMap { try? JSONValue(text: $0) }
        }
        let isNamed =
            documents.contains { names.isNamed(in: $0) } || record.outPath.map(names.isNamed(in:)) ?? false
            || record.error.map(names.isNamed(in:)) ?? false
        let manifest = record.manifest.flatMap { try? JSONValue(text: $0) }.flatMap { try? Manifest(json: $0) }
        if let manifest, manifest.layout != nil, let folder = record.outPath {
            return try await eraseLines(record, manifest, folder, isNamed)
        }
        var receipts: [ErasureReceipt] = []
        var isGone = false
        if let manifest, manifest.erasure == nil {
            let rows = rows(manifest)
            if isNamed || manifest.erasureEpoch < epoch && rows > 0 {
                receipts = try await removeFiles(record, manifest, rows: rows)
                isGone = true
            }
        }
        if isNamed || isGone {
            if isGone, !isNamed, receipts.contains(where: \.verified), try await exports.runAgain(record) {
                return receipts
            }
            try await mark(record, isGone ? manifest : nil)
        }
        return receipts
    }

    /// How many of the rows that went the export can have at most.
    private func rows(_ manifest: Manifest) -> Int64 {
        let last = min(manifest.seqTo, manifest.asOfSeq)
        let first = manifest.dataset == .events || manifest.dataset == .propertyChanges ? manifest.seqFrom : 0
        return Int64(items.seqs.count { $0 > first && $0 <= last })
    }

    private func removeFiles(
        _ record: ExportRecord, _ manifest: Manifest, rows: Int64
    ) async throws -> [ErasureReceipt] {
        let folder = exports.folder(record)
        let isOwn = record.outPath == nil
        let beside = record.outPath.map { $0 + Manifest.suffix }
        let id = record.id
        return try await Blocking.run {
            // A file that somebody else put there is not ours to remove.
            let isOurs = try beside.map { path in
                let bytes = try PrivateFile.read(path)
                return bytes.flatMap { try? JSONValue($0.span) }?["export_id"]?.stringValue == id
            }
            return try manifest.parts.enumerated().map { place, part in
                let path = folder + "/" + part.file
                let name = isOwn ? "\(id)/\(part.file)" : "\(id) part \(place + 1)"
                guard isOwn || isOurs == true else {
                    return ErasureReceipt(
                        kind: "export", name: name, rows: rows, verified: !PrivateFile.exists(path),
                        how: "its manifest is not where the export was written, so that nothing was touched there")
                }
                try PrivateFile.remove(path)
                return ErasureReceipt(
                    kind: "export", name: name, rows: rows, verified: !PrivateFile.exists(path), how: "file removed")
            }
        }
    }

    /// A folder in the KISSmetrics layout is added to, run by run, so that its revisions stay, without the lines.
    private func eraseLines(
        _ record: ExportRecord, _ manifest: Manifest, _ path: String, _ isNamed: Bool
    ) async throws -> [ErasureReceipt] {
        guard !names.isEmpty, rows(manifest) > 0, manifest.erasureEpoch < epoch || isNamed else { return [] }
        let names = names
        let found: (lines: Int64, manifest: Manifest)? = try await Blocking.run {
            guard PrivateFile.exists(path + "/revisions") else { return nil }
            let folder = try LayoutFolder(path, exportID: record.id)
            return (try folder.erase { names.isName($0) }, try folder.refreshed(manifest))
        }
        guard let found else {
            return [
                ErasureReceipt(
                    kind: "export", name: record.id, rows: 0, verified: false,
                    how: "its folder is not where the export was written, so that nothing was touched there")
            ]
        }
        var marked = record
        marked.manifest = found.manifest.json.text
        try await control.rewriteExport(marked)
        if isNamed, let now = try await control.export(record.id, project: project) { try await mark(now, nil) }
        return [
            ErasureReceipt(
                kind: "export", name: record.id, rows: found.lines, verified: true,
                how: "the folder's revisions written anew without the lines")
        ]
    }

    /// Leaves a record that names nobody, and a manifest that says why there are no files.
    private func mark(_ record: ExportRecord, _ manifest: Manifest?) async throws {
        func redacted(_ text: String) -> String {
            (try? JSONValue(text: text)).map { names.redacted($0).text } ?? names.redacted(text)
        }
        var marked = record
        marked.spec = redacted(record.spec)
        marked.resolved = redacted(record.resolved)
        marked.outPath = record.outPath.map(names.redacted)
        marked.error = record.error.map(names.redacted)
        if var manifest {
            manifest.erasure = ["id": .string(erasure), "erasure_epoch": JSONValue(epoch)]
            let text = names.redacted(manifest.json).text
            marked.manifest = text
            let beside = exports.folder(record)
            let path = record.outPath.map { $0 + Manifest.suffix }
            try await Blocking.run {
                let own = Folder.names(beside).filter { $0.hasSuffix(Manifest.suffix) }.map { beside + "/" + $0 }
                for path in path.map({ [$0] }) ?? own where PrivateFile.exists(path) {
                    try PrivateFile.write(Array((text + "\n").utf8), to: path)
                }
            }
        } else {
            marked.manifest = record.manifest.map(redacted)
        }
        try await control.rewriteExport(marked)
    }
}
