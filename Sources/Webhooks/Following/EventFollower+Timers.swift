internal import Journal
internal import Logging
internal import Model
internal import Triggers

/// What is due at a time, and not because of an event.
extension EventFollower {
    /// Runs timers that are due, once everything that was received until then has been looked at: what is waited for may be in it.
    func keepTimers() async {
        var pause = Duration.milliseconds(100)
        while await sender.waitForTimer(of: project) {
            let now = sender.timerClock()
            await passed.wait(above: journal.durableSeq - 1)
            if Task.isCancelled { return }
            do {
                try await runTimers(until: now)
                pause = .milliseconds(100)
            } catch {
                if Task.isCancelled || sender.hasEnded { return }
                logger.error("timers do not run, and are tried again", metadata: ["error": "\(error)"])
                do { try await Task.sleep(for: pause) } catch { return }
                pause = min(pause * 2, .seconds(10))
            }
        }
    }

    /// Runs timers that are due and ask something of their persons: by themselves, since what is asked may have no answer for long.
    func keepAsking() async {
        var pause = Duration.milliseconds(100)
        // Where the store is behind, the same is asked again: what it is to have reached does not move on.
        var late: (until: Timestamp, seq: Int64)?
        while await sender.waitForTimer(of: project, asks: true) {
            let moment = late ?? (sender.timerClock(), journal.durableSeq)
            await passed.wait(above: moment.seq - 1)
            if Task.isCancelled { return }
            do {
                let round = try await runAsking(until: moment.until, seq: moment.seq)
                late = round.isLate ? moment : nil
                if !round.isLate, !round.hasFailed {
                    pause = .milliseconds(100)
                    continue
                }
            } catch {
                if Task.isCancelled || sender.hasEnded { return }
                late = nil
                logger.error("timers that ask do not run, and are tried again", metadata: ["error": "\(error)"])
            }
            do { try await Task.sleep(for: pause) } catch { return }
            pause = min(pause * 2, .seconds(5))
        }
    }

    private func runAsking(until now: Timestamp, seq: Int64) async throws -> StillRound {
        let listening = sender.listening(of: project)
        let round = try await still.round(listening.triggers.rules, until: now, seq: seq)
        var work = TriggerWork(triggers: listening.triggers)
        work.asked = (now, round.answers)
        work.behind = sender.timersBehind
        if !round.unknown.isEmpty, !round.answers.isEmpty {
            let found = try await persons.persons(of: round.unknown, upTo: 0, isPatient: false)
            for (identity, person) in found { work.persons[identity.text] = person.number }
        }
        // Also where there is no answer: when the next one is due may be another time by now.
        try await submit(work, listening)
        return round
    }

    private func runTimers(until now: Timestamp) async throws {
        let listening = sender.listening(of: project)
        var work = TriggerWork(triggers: listening.triggers)
        work.dueUntil = now
        work.behind = sender.timersBehind
        let unknown = try await sender.store.unknownPersons(project: project, until: now)
        if !unknown.isEmpty {
            let found = try await persons.persons(of: unknown, upTo: 0, isPatient: false)
            for (identity, person) in found { work.persons[identity.text] = person.number }
        }
        try await submit(work, listening)
    }

    private func submit(_ work: TriggerWork, _ listening: Listening) async throws {
        let batch = OutboxBatch(
            project: project, change: listening.change, messages: [], checkpoint: nil, triggers: work)
        if try await !sender.submit(batch) { try await sender.reload() }
    }
}
