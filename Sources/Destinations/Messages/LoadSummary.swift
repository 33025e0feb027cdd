internal import Model

/// A load as people read of it.
enum LoadSummary {
    /// What templates may name.
    static func document(_ batch: LoadBatch) -> JSONValue {
        [
            "pipeline": .string(batch.stream.pipeline), "run": .string(batch.run), "dataset": .string(batch.dataset),
            "rows": JSONValue(batch.rows), "bytes": JSONValue(batch.bytes), "seq_from": JSONValue(batch.seqFrom),
            "seq_to": JSONValue(batch.seqTo), "file": .string(WindowName(batch).file),
            "stale": .bool(batch.isStale),
        ]
    }

    /// `warehouse: 25 rows of events, of seq 10 to 35`.
    static func line(_ batch: LoadBatch) -> String {
        let rows = batch.rows == 1 ? "1 row" : "\(batch.rows) rows"
        let window =
            batch.isIncremental ? "after seq \(batch.seqFrom) up to \(batch.seqTo)" : "as of seq \(batch.seqTo)"
        return "\(batch.stream.pipeline): \(rows) of \(batch.dataset), \(window)" + (batch.isStale ? " (stale)" : "")
    }
}
