public import Destinations
internal import EventStore
internal import Exports
public import Model
internal import Threads

/// Writes files that a pipeline left at a destination anew from the store: by the specification of their manifest, which gives the same rows
/// but for those that are gone.
public struct WindowRewriter: Sendable {
    public let project: PipelineProject
    /// What tells the rows that went.
    public let seqs: [Int64]
    /// Takes names of persons out of a specification.
    public let redacted: @Sendable (JSONValue) -> JSONValue

    public init(
        project: PipelineProject, seqs: [Int64], redacted: @escaping @Sendable (JSONValue) -> JSONValue
    ) {
        (self.project, self.seqs, self.redacted) = (project, seqs, redacted)
    }

    /// Rewrites the files of a stream that may hold rows that went.
    ///
    /// - Returns: how many rows fewer they have.
    public func rewrite(_ stream: LoadStream, at destination: any Destination) async throws -> ErasedRows {
        var (rows, files, untouched) = (Int64(0), 0, 0)
        for manifest in try await destination.windows(stream) where mayHold(manifest) {
            // The store's rows in the place of transformed ones would show what the transformation took out.
            guard manifest[LoadBatch.transformedMark] != true else {
                untouched += 1
                continue
            }
            rows += try await rewrite(manifest, stream, destination)
            files += 1
        }
        let isVerified = try await destination.windows(stream).allSatisfy {
            !mayHold($0) || $0[LoadBatch.transformedMark] == true
        }
        if untouched > 0 {
            return ErasedRows(
                rows: rows, isVerified: false,
                how:
                    "\(files) files written anew without the rows; \(untouched) files of transformed rows may have rows of theirs: remove them there, and load their windows again",
                isOver: isVerified)
        }
        return ErasedRows(
            rows: rows, isVerified: isVerified,
            how: files == 0 ? "no file there had rows of theirs" : "\(files) files written anew without the rows",
            isOver: isVerified)
    }

    /// Whether a file was written before the rows went, and may have some of them.
    private func mayHold(_ manifest: JSONValue) -> Bool {
        guard let spec = manifest["spec"] else { return false }
        guard (manifest["erasure_epoch"]?.intValue ?? 0) < project.store.erasureEpoch else { return false }
        if redacted(spec) != spec { return true }
        let bySeq = [Dataset.events, .propertyChanges].map(\.rawValue).contains(spec["dataset"]?.stringValue ?? "")
        guard bySeq else { return true }
        let (from, to) = (spec["seq_from"]?.intValue ?? 0, Self.end(spec))
        return seqs.contains { $0 > from && $0 <= to }
    }

    private static func end(_ spec: JSONValue) -> Int64 {
        spec["seq_to"]?.intValue ?? spec["as_of_seq"]?.intValue ?? 0
    }

    private func rewrite(
        _ manifest: JSONValue, _ stream: LoadStream, _ destination: any Destination
    ) async throws -> Int64 {
        let json = redacted(manifest["spec"] ?? .null)
        let end = Self.end(json)
        let spec = try await ExportRunner.resolve(
            try ExportSpec(json: json), on: project.store, durableSeq: end, now: Timestamp(microseconds: 0))
        let run = manifest["run_id"]?.stringValue ?? "rewritten"
        let folder = "\(project.folder)/\(stream.pipeline)/rewritten-\(run)"
        let base = project.folder
        try await OwnThread.run { try RunFolder.make(base, folder) }
        let path = folder + "/rows" + spec.fileExtension
        let written: Manifest
        do {
            written = try await ExportRunner.run(spec, on: project.store, to: path, exportID: run, runID: run)
            var batch = LoadBatch(
                stream: stream, run: run, dataset: spec.dataset.rawValue, isIncremental: spec.isIncremental,
                seqFrom: json["seq_from"]?.intValue ?? 0, seqTo: end, mode: .append, key: [],
                columns: written.columns.map { LoadColumn($0.name, $0.type) }, evolves: true, file: path,
                format: spec.format.rawValue, suffix: spec.fileExtension, rows: written.rows, bytes: written.bytes,
                sha256: written.parts.first?.sha256 ?? written.sha256, manifest: written.json)
            batch.isStale = manifest["stale"]?.boolValue ?? false
            let receipt = try await destination.load(batch)
            let found = try await destination.verify(batch, receipt)
            guard found.holds else { throw PipelineError(.destination, "a file that was written anew is not there") }
        } catch {
            _ = try? await OwnThread.run { RunFolder.remove(folder) }
            throw error
        }
        _ = try? await OwnThread.run { RunFolder.remove(folder) }
        return max(0, (manifest["rows"]?.intValue ?? 0) - written.rows)
    }
}
