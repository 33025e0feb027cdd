internal import Logging
internal import Model
internal import Synchronization

extension Sender {
    /// When what is done now and then was done last, by the clock of timers.
    struct Upkeep {
        var bounded: Timestamp
        var pruned = Timestamp(microseconds: 0)

        /// Whether so long has passed, or the time of day was put back.
        static func isDue(_ last: Timestamp, _ now: Timestamp, every length: Int64) -> Bool {
            now < last || now.microseconds - last.microseconds > length
        }
    }

    /// Looks every second what has become due, and oftener where a rate holds something back.
    func tick() async {
        var last = Upkeep(bounded: timerClock())
        var swept = ContinuousClock.now
        while !Task.isCancelled {
            let now = clock()
            // A leap of the time of day is noticed also where no timer waits.
            _ = timerClock()
            let isHeldBack = state.withLock { state in
                state.dispatch.runs.values.contains { $0.isHeldBack(now: now) }
            }
            do { try await Task.sleep(for: isHeldBack ? .milliseconds(50) : .seconds(1)) } catch { return }
            // One endpoint that is held back keeps no other one's retries waiting.
            if ContinuousClock.now - swept < .seconds(1) {
                wake()
            } else {
                nudge()
                swept = .now
            }
            await keepUp(&last)
        }
    }

    /// Bounds what waits and forgets what is old. By the clock of timers: a time of day that leapt and may be put back makes nothing old.
    func keepUp(_ last: inout Upkeep) async {
        let now = timerClock()
        await noteClock()
        if Upkeep.isDue(last.bounded, now, every: 60_000_000) {
            last.bounded = now
            await bound(now)
        }
        if Upkeep.isDue(last.pruned, now, every: 3_600_000_000) {
            last.pruned = now
            do { try await store.prune(now: now) } catch {
                logger.warning("what is old stays in the outbox for now", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Looks whether too much waits, and what became of replays.
    private func bound(_ now: Timestamp) async {
        do {
            let (dropped, isFed) = try await store.bound(now: now)
            if dropped > 0 { logger.warning("too much waits for an endpoint", metadata: ["dropped": "\(dropped)"]) }
            if isFed { nudge() }
            try await store.settleReplays(now: now)
        } catch {
            logger.warning("how much waits cannot be looked at for now", metadata: ["error": "\(error)"])
        }
    }
}
