internal import Destinations
internal import Exports

/// A load that begins while its rows are still written and looked at, since a destination has other processors than those that do that.
///
/// It is a chance and no more: where it does not come through, the rows are loaded as if it had never been begun.
struct EarlyLoad: Sendable {
    /// Is told how far the rows' file is.
    let following = ExportFollowing()
    private let gate = LoadGate()
    private let task: Task<LoadReceipt, any Error>

    /// Begins it. Whoever does so calls `end` whatever happens.
    ///
    /// - Parameter batch: what is known of it by now.
    init(_ batch: LoadBatch, to destination: any GatedDestination) {
        let (gate, following) = (gate, following)
        // A task of its own, since it goes on from one step into another; `end` waits for it.
        task = Task {
            guard let start = await following.begun() else { throw CancellationError() }
            var batch = batch
            batch.columns = LoadColumn.columns(start.columns)
            batch.growing = (start.path, following.growth)
            // Whether rows need it is found out later; where they do, this load comes to nothing.
            batch.mayNeedRepair = false
            return try await destination.load(batch, behind: gate)
        }
    }

    /// Lets the rows in, which are as they should be.
    func finish(rows: Int64) async throws -> LoadReceipt {
        gate.open(rows: rows)
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    /// Takes back what is not finished, and returns when it is; nothing if it is over.
    func end() async {
        gate.close()
        following.leave()
        task.cancel()
        _ = await task.result
    }
}

extension LoadColumn {
    /// Those of a manifest, without what is there for the cutting alone.
    static func columns(_ columns: [Manifest.Column]) -> [LoadColumn] {
        var all: [LoadColumn] = []
        for column in columns where column.name != LoadBatch.addedSeq {
            all.append(LoadColumn(column.name, column.type))
        }
        return all
    }
}
