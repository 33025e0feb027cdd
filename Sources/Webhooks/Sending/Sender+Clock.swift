internal import Logging
public import Model
internal import Synchronization

/// Timers that are held, since the time of day leapt ahead.
public struct HeldTimers: Sendable {
    /// The time of day at the leap.
    public let since: Timestamp
    /// When they go on by themselves.
    public let until: Timestamp
    /// How far it leapt, in microseconds.
    public let ahead: Int64

    /// The same in whole seconds: the two clocks are read one after the other.
    public var leapSeconds: Int64 { (ahead + 500_000) / 1_000_000 }
}

extension Sender {
    /// Both clocks at one moment, even where the process is stopped between the two.
    func clocks() -> (wall: Timestamp, steady: Int64) {
        while true {
            let before = steady()
            let wall = clock()
            if steady() - before < 1_000_000 { return (wall, before) }
        }
    }

    /// The time by which timers are due: the time of day, but for a leap of it that nobody has accepted yet.
    public func timerClock() -> Timestamp {
        let (wall, steady) = clocks()
        let (time, news) = state.withLock { state in
            let news = state.watch.look(wall: wall, steady: steady)
            return (state.watch.time(wall), news)
        }
        guard let news else { return time }
        switch news {
        case .held(let step):
            logger.warning(
                "the time of day leapt ahead; what came due by that is held until it is put back, accepted or has stayed so",
                metadata: ["seconds": "\(step / 1_000_000)", "now": "\(wall.text)"])
        case .putBack: logger.notice("the time of day was put back; timers go on")
        case .over: logger.notice("the time of day has stayed so; what came due by its leap fires now")
        }
        timers.raise()
        return time
    }

    /// Takes up how the clocks stood before the start, before anything asks for the time. Where that cannot be read nothing is held, and
    /// whatever else reads the file says so.
    func resumeClock() {
        guard let boot, let mark = try? store.clockMark() else { return }
        let (wall, steady) = clocks()
        state.withLock { $0.watch.resume(mark, boot: boot, wall: wall, steady: steady) }
    }

    /// Notes for the next start how the clocks stand, where that has changed.
    func noteClock() async {
        guard let boot else { return }
        let (mark, noted) = state.withLock { ($0.watch.mark(boot: boot), $0.clockMark) }
        guard let mark, !mark.says(noted) else { return }
        do {
            try await store.note(mark)
            state.withLock { $0.clockMark = mark }
        } catch {
            logger.warning("how the clocks stand cannot be noted for now", metadata: ["error": "\(error)"])
        }
    }

    /// How far timers are behind the time of day, in microseconds.
    var timersBehind: Int64 { state.withLock { $0.watch.ahead } }

    /// Whether timers are held now, and until when; nil where they are not.
    public func heldTimers() -> HeldTimers? {
        _ = timerClock()
        let (wall, steady) = clocks()
        return state.withLock { state in
            guard state.watch.isHolding else { return nil }
            return HeldTimers(
                since: state.watch.since, until: state.watch.end(wall: wall, steady: steady), ahead: state.watch.ahead)
        }
    }

    /// Lets timers go on by the time of day as it is; false where none were held.
    public func resumeTimers() -> Bool {
        let wasHolding = state.withLock { $0.watch.accept() }
        if wasHolding {
            logger.notice("the time of day was accepted; timers go on")
            timers.raise()
        }
        return wasHolding
    }
}
