internal import Control
internal import Destinations
internal import EventStore
internal import Exports
internal import Model

/// A window of a backfill: what was collected of a range of time and is loaded by the ordinary runs already, loaded again by its key. What
/// those have not come to yet is theirs: neither of the two waits for the other, and no row comes twice.
extension PipelineRun {
    /// How a backfill's loads are called at the destination: its own line of the ledger, so that windows of `seq` still tile.
    static let backfillSuffix = " (backfill)"

    var streamName: String { record.cause.isBackfill ? record.pipeline + Self.backfillSuffix : record.pipeline }
    var loadMode: LoadMode { record.cause.isBackfill ? .upsert : definition.mode }
    var loadKey: [String] { record.cause.isBackfill ? BackfillPlan.key(of: definition) : definition.load.key }
    /// Whether the load begins where the last one ended.
    var isWindowed: Bool { definition.isIncremental && !record.cause.isBackfill }

    /// Pins a range of time, as far as ordinary runs came.
    mutating func pinRange(_ destination: any Destination) async throws -> Int64 {
        try BackfillPlan.check(definition, type(of: destination))
        guard let from = record.rangeFrom, let to = record.rangeTo,
            let watermark = try await tools.control.watermark(
                pipeline: record.pipeline, project: record.project, target: destination.location)
        else {
            throw PipelineError(
                .badDefinition, "nothing of \(record.pipeline) was loaded yet: the first run loads everything there is")
        }
        let pinned = min(watermark.seq, try await project.pin())
        guard case .object(let members) = definition.export else {
            throw PipelineError(.badDefinition, "the export cannot be read")
        }
        let ranged: [JSONValue.Member] = [.init("from", .string(from.text)), .init("to", .string(to.text))]
        var spec = try await project.spec(.object(members + ranged), tools.now())
        let abilities = type(of: destination).abilities
        if definition.export["format"] == nil, let format = abilities.formats.first.flatMap(ExportFormat.init) {
            spec.format = format
        }
        spec.asOfSeq = pinned
        let resolved = try await ExportRunner.resolve(spec, on: project.store, durableSeq: pinned, now: tools.now())
        record.spec = resolved.json
        (record.seqFrom, record.seqTo) = (0, pinned)
        return pinned
    }
}
