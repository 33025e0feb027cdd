internal import Control
internal import DuckDB
internal import EventStore
internal import Exports
internal import Model
internal import Pipelines

/// Files of exports whose rows were chosen or made by history that retention has taken since: run again, the export would lose others' rows.
extension KeptExports {
    /// The export, if it is such a one.
    func thinned(_ record: ExportRecord, _ manifest: Manifest) async throws -> ResolvedSpec? {
        // What goes by its age alone may take what was made of it along.
        guard !names.isEmpty, let history = store.agedHistory, manifest.erasureEpoch < history.epoch,
            let json = try? JSONValue(text: record.resolved)
        else { return nil }
        do throws(ExportError) {
            let spec = try ExportSpec(json: json)
            let resolved = try await ExportRunner.resolve(
                spec, on: store, durableSeq: spec.asOfSeq ?? manifest.asOfSeq, now: record.createdAt)
            return resolved.isThinned(by: history) ? resolved : nil
        } catch {
            guard error.code == .invalidSpec else { throw error }
            return nil
        }
    }

    /// Takes the rows out of the files themselves; nil if that cannot be done.
    func eraseRows(_ spec: ResolvedSpec, _ files: KeptFiles) async throws -> [ErasureReceipt]? {
        let isLasting = spec.dataset == .identities || spec.dataset == .aliases
        let isAged = !isLasting && spec.seqFrom < store.agedHistory?.through ?? 0
        guard
            let rows = ExportedRows(
                spec, columns: files.manifest.columns, isAged: isAged, identities: identities, persons: persons,
                seqs: items.seqs)
        else { return nil }
        var (receipts, counts): ([ErasureReceipt], [Int64]) = ([], [])
        do {
            for (place, part) in files.manifest.parts.enumerated() {
                let found = try await rows.erase(files.path(part), of: files.record.id)
                counts.append(found.rows)
                receipts.append(
                    ErasureReceipt(
                        kind: "export", name: files.name(place), rows: found.gone, verified: true,
                        how:
                            "rows taken out of the file itself: the store no longer has the history that it was made from"
                    ))
            }
            let (kept, folder, before) = (counts, files.folder, files.manifest)
            var manifest = try await Blocking.run {
                var manifest = before
                try manifest.measure(in: folder, rows: kept)
                return manifest
            }
            if !manifest.erasures.contains(erasure) { manifest.erasures.append(erasure) }
            manifest.erasure = nil
            var record = files.record
            record.manifest = manifest.json.text
            let text = manifest.json.text
            if let failure = try await Blocking.run({ files.replaceManifest(text) }) { receipts.append(failure) }
            // Last: whoever comes back after a crash does all of it again.
            try await control.rewriteExport(record)
            return receipts
        } catch {
            // Files that cannot be read back have been changed by their owner, or lie where that is not possible.
            let isOfFiles = error is PipelineError || error is DuckDBError || error is ExportError
            guard isOfFiles, !Self.isTransient(error) else { throw error }
            return nil
        }
    }

    private static func isTransient(_ error: any Error) -> Bool {
        (error as? PipelineError)?.isTransient ?? (error as? DuckDBError)?.isTransient
            ?? (error as? ExportError)?.isTransient ?? false
    }

    /// The receipt of a file that went and is not made again.
    static func unmade(_ receipt: ErasureReceipt) -> ErasureReceipt {
        guard receipt.how == KeptFiles.removed else { return receipt }
        return ErasureReceipt(
            kind: receipt.kind, name: receipt.name, rows: receipt.rows, verified: receipt.verified,
            how:
                "file removed, and not made again: the store no longer has the history that it was made from, and the file's own columns do not "
                + "tell whose its rows are")
    }
}
