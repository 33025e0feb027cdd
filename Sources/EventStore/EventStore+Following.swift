/// How far the tables are behind the journal.
extension EventStore {
    /// Everything up to this `seq` is in the tables.
    public var appliedSeq: Int64 { progress.snapshot.appliedSeq }

    /// Returns when everything up to `seq` is in the tables; wakes the applier if it gathers.
    ///
    /// - Throws: `.lagging` after `timeout`, with how much is missing; `.stopped` if the applier has stopped for good;
    ///   `.cancelled`.
    public func waitForApplied(_ seq: Int64, timeout: Duration) async throws(StoreError) {
        guard appliedSeq < seq else { return }
        let progress = progress
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await progress.wait(for: seq) }
                group.addTask {
                    try await Task.sleep(for: timeout)
                    throw Self.lagging(seq, progress.snapshot, timeout)
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch {
            throw StoreError(error)
        }
    }

    private static func lagging(_ seq: Int64, _ snapshot: ApplyProgress.Snapshot, _ timeout: Duration) -> StoreError {
        var text =
            "The store has reached the item \(snapshot.appliedSeq) and \(seq) was asked for: \(seq - snapshot.appliedSeq)"
            + " items are missing after \(timeout.components.seconds) s."
        if let error = snapshot.lastError, case .retrying = snapshot.state { text += " Last error: \(error.message)" }
        return StoreError(.lagging, text + " Try again later.", isTransient: true)
    }
}
