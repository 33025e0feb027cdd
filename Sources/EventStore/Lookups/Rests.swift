internal import Glibc

/// Rests of a thread that works while others are waited for: it works for a millisecond, then rests for one, so that on few
/// processors nobody waits for it for long. For threads that may block.
struct Rests {
    private static let work: Duration = .milliseconds(1)
    private static let microseconds: UInt32 = 1_000

    private let clock = ContinuousClock()
    private var since: ContinuousClock.Instant

    init() { since = clock.now }

    /// To be called often.
    mutating func take() {
        guard since.duration(to: clock.now) >= Self.work else { return }
        usleep(Self.microseconds)
        since = clock.now
    }
}
