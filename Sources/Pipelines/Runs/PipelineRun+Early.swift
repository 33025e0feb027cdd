internal import Control
internal import Destinations
internal import Exports
internal import Logging
internal import Model

extension PipelineRun {
    /// Sends the rows while they are written and looked at, where the destination can take them back without a trace.
    mutating func beginEarly() async {
        // Once: what goes wrong with it does not go wrong with every attempt.
        guard !hasNothingToLoad, !record.cause.isBackfill, definition.transform.isEmpty, machine[.load] == nil,
            let json = record.spec, let to = record.seqTo
        else { return }
        // What fails here fails again, and is said, when rows are exported and loaded.
        guard let destination = try? await connect() as? any GatedDestination,
            let spec = try? ExportSpec(json: json),
            let resolved = try? await ExportRunner.resolve(
                spec, on: project.store, durableSeq: to, now: tools.now()),
            let batch = try? await batch(resolved)
        else { return }
        telling = RowTelling.columns(resolved, key: loadKey, through: definition.transform)
        guard (try? await noteTarget(destination)) != nil else { return }
        early = EarlyLoad(batch, to: destination)
    }

    /// What came of it; nil where the rows are to be loaded yet.
    mutating func finishEarly() async throws -> LoadReceipt? {
        guard let begun = early else { return nil }
        if let batch, !batch.mayNeedRepair {
            do {
                let receipt = try await begun.finish(rows: batch.rows)
                early = nil
                return receipt
            } catch {
                guard !Task.isCancelled else { throw error }
                tools.logger.info(
                    "rows that were sent early did not come through, and are sent again",
                    metadata: ["run": "\(record.id)", "reason": "\(StepFailure(error).reason)"])
            }
        }
        await endEarly()
        return nil
    }

    mutating func endEarly() async {
        await early?.end()
        early = nil
    }
}
