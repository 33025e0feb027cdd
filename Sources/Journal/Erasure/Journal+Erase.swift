extension Journal {
    /// Removes items from the journal's files: frees the segments that hold them, takes their ids out of the duplicates'
    /// index, and removes what recovery set aside of them. Returns when it is done and was read again.
    ///
    /// It waits until all followers have passed what the segments hold, however long that takes, and longer if nobody
    /// follows; cancelling the task ends the wait. Appends and readers go on meanwhile. What it did is durable and valid at
    /// every moment: after an error, a cancellation or a crash, the same call does the rest.
    ///
    /// - Throws: `.cancelled`; `.damaged` if a follower cannot pass what the segments hold; `.syncFailed` if writing is
    ///   refused; `.closed`; `.diskFull`, `.io` if a file could not be changed.
    public func erase(_ erasure: JournalErasure) async throws(JournalError) -> JournalErasureReport {
        let rolled: Result<RolledJournal, JournalError> = await withCheckedContinuation { continuation in
            let request = RollRequest(through: erasure.through, continuation: continuation)
            if let error = core.queue.push(request) { continuation.resume(returning: .failure(error)) }
        }
        let job = ErasureJob(erasure, try rolled.get())
        let outcome: ErasureJob.Outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if job.keep(continuation) { core.housekeeping.begin(job) }
            }
        } onCancel: {
            job.finish(.failure(ErasureJob.cancelled))
        }
        return try outcome.get()
    }
}
