internal import Logging
internal import Model
internal import Synchronization

extension Sender {
    /// Writes what has come and claims what is due, again and again: the one writer.
    func keepLedger() async {
        var pause = Duration.milliseconds(50)
        var mustReload = false
        while true {
            if mustReload, !Task.isCancelled {
                mustReload = await !reloaded(pause)
                continue
            }
            await sleep()
            let now = clock()
            let (work, writers, isOver) = state.withLock { state in
                var work = state.work
                let writers = state.writers
                (state.work, state.writers) = (LedgerWork(), [])
                work.released += state.dispatch.release(now: now, all: state.isStopping)
                if !state.isStopping {
                    for batch in work.batches {
                        state.dispatch.feeds(batch.messages.lazy.flatMap { $0.targets.lazy.map(\.endpoint) })
                        if let triggers = batch.triggers { state.dispatch.feeds(triggers.likely) }
                    }
                    if !work.batches.isEmpty { work.parks = state.dispatch.parks(now: now) }
                    work.rooms = state.dispatch.rooms(now: now)
                    work.change = state.live.change
                    work.parkedFrom = state.dispatch.parkedFrom(work.rooms.lazy.map(\.endpoint))
                }
                let isOver = state.isStopping && work.isEmpty && state.dispatch.inFlight == 0
                if isOver { state.hasEnded = true }
                return (work, writers, isOver)
            }
            if isOver { break }
            if work.isEmpty { continue }
            do throws(WebhookError) {
                let answer = try await store.cycle(work, now: now)
                written.raise()
                pause = .milliseconds(50)
                for (writer, written) in zip(writers, answer.written) { writer.resume(returning: written) }
                begin(answer, asked: work.rooms.map(\.endpoint))
                mustReload = answer.hasChanged
            } catch {
                guard await failed(work, writers, error, pause) else { break }
                pause = min(pause * 2, .seconds(5))
            }
        }
        let writers = state.withLock { state in
            defer { state.writers = [] }
            state.hasEnded = true
            return state.writers
        }
        for writer in writers { writer.resume(throwing: CancellationError()) }
        changes.raise(to: .max)
        timers.raise()
    }

    /// Reads the endpoints anew; false after a pause if that failed.
    private func reloaded(_ pause: Duration) async -> Bool {
        do {
            try await reload()
            return true
        } catch {
            logger.error("the endpoints cannot be read", metadata: ["error": "\(error)"])
            try? await Task.sleep(for: pause)
            return false
        }
    }

    /// Nothing was written: results are written later, whoever submitted submits again, and what was to be claimed is.
    ///
    /// - Returns: false if there is no later: the task is cancelled. What was sent and could not be noted is sent again after the next
    ///   start, under the same id.
    private func failed(
        _ work: LedgerWork, _ writers: [CheckedContinuation<Bool, any Error>], _ error: WebhookError, _ pause: Duration
    ) async -> Bool {
        logger.error("the outbox cannot be written to", metadata: ["error": "\(error)"])
        for writer in writers { writer.resume(throwing: error) }
        do { try await Task.sleep(for: pause) } catch { return false }
        state.withLock { state in
            state.work.outcomes.insert(contentsOf: work.outcomes, at: 0)
            state.work.released.insert(contentsOf: work.released, at: 0)
            state.dispatch.sweep()
        }
        wake()
        return true
    }

    private func begin(_ answer: LedgerAnswer, asked: [Int64]) {
        let now = clock()
        let (started, isMore) = state.withLock { state in
            var answer = answer
            if answer.change < state.live.change {
                // Endpoints were changed meanwhile, and may want it in another order.
                state.work.released += answer.claimed
                answer.full.formUnion(answer.claimed.map(\.endpoint))
                answer.claimed = []
            }
            state.work.released += state.dispatch.claimed(answer, asked: asked)
            for (project, due) in answer.nextDue {
                state.live.triggers[project]?.nextDue = due.plain
                state.live.triggers[project]?.nextAsked = due.asked
            }
            // What is claimed when the server ends goes back in the next round; what was fed to others is claimed in it.
            let isMore =
                state.isStopping || !state.work.released.isEmpty || !answer.fed.isSubset(of: asked)
                || answer.isScanning
                || state.dispatch.takes(answer.parked.keys.lazy.filter { !asked.contains($0) }, now: now)
            return (state.isStopping ? [] : state.dispatch.start(now: now), isMore)
        }
        for claimed in started { give(claimed) }
        if !answer.nextDue.isEmpty { timers.raise() }
        if isMore { wake() }
    }
}
