internal import Control
internal import EventStore
internal import Exports
internal import Journal
internal import Model

extension ProjectRuntime {
    /// Replaces everything relative in a specification.
    func resolve(_ spec: ExportSpec, durableSeq: Int64, now: Timestamp) async throws -> ResolvedSpec {
        try await ExportRunner.resolve(spec, on: store, durableSeq: durableSeq, now: now)
    }
}

extension ExportService {
    /// Writes an export's files and its manifest. Cancelling the task stops the running statement.
    func write(_ record: ExportRecord, progress: ExportProgress) async throws -> Manifest {
        guard let runtime = projects.runtime(record.project) else {
            throw ExportError(.store, "the project \(record.project) is not open")
        }
        let spec = try ExportSpec(json: try JSONValue(text: record.resolved))
        // The pinned `seq` was durable when the export was asked for; it is still what "now" means to this run.
        let resolved = try await runtime.resolve(
            spec, durableSeq: spec.asOfSeq ?? runtime.journal.durableSeq, now: record.createdAt)
        let name = resolved.format == .kissmetrics ? "kissmetrics" : resolved.dataset.rawValue
        let path = record.outPath ?? folder(record) + "/" + name + resolved.fileExtension
        try await Blocking.run { try self.places.begin(record) }
        defer { places.end(record) }
        return try await ExportRunner.run(
            resolved, on: runtime.store, to: path, exportID: record.id, runID: record.id, progress: progress)
    }
}
