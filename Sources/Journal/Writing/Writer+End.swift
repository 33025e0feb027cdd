internal import Logging
internal import Synchronization

/// The end of writing.
extension Writer {
    /// Ends the threads. After a clean close the next start has nothing to read again.
    func end(clean: Bool) {
        core.housekeeping.stop()
        if clean {
            index.retireActive(hour: index.active.hour, written: written)
            do {
                try core.sealed.sealWaiting()
                core.segments.sealed(through: core.sealed.snapshot.sealedThrough)
                Housekeeping.deletePassed(core)
                if let active, core.health.withLock({ $0.refusal == nil }) { giveBackRoom(active) }
                try notePosition()
            } catch {
                core.logger.error("the journal could not be tidied at its close", metadata: ["error": "\(error)"])
            }
        }
        if let active { files.close(active.descriptor) }
        let left = core.queue.takeAbandoned()
        let closed = JournalError(.closed, "The journal is closed.")
        for request in left.requests { request.continuation.resume(returning: .failure(closed)) }
        for request in left.rolls { request.continuation.resume(returning: .failure(closed)) }
        core.waiters.close()
        let waiting = core.health.withLock { health in
            health.closed = true
            defer { health.onClosed = [] }
            return health.onClosed
        }
        for continuation in waiting { continuation.resume() }
    }

    private func notePosition() throws(JournalError) {
        guard let active, core.segments.slowest >= active.lastSeqBefore,
            core.health.withLock({ $0.refusal == nil })
        else { return }
        let position = Position(
            firstSeq: active.firstSeq, bytes: active.bytes, offset: active.lastFrameAt,
            lastSeqBefore: active.lastSeqBefore)
        do {
            try position.write(path: "\(core.options.directory)/\(FileNames.position)", files: files)
        } catch {
            throw JournalError(error, while: "noting where the journal ends")
        }
    }
}
