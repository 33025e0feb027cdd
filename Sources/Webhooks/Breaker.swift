internal import Model

/// Keeps a receiver that is down from being asked again and again: after so many failures nothing is sent but one probe now and then.
/// What waits meanwhile burns no attempts. Pure.
struct Breaker: Sendable, Equatable {
    enum State: Sendable, Equatable {
        case closed
        /// Nothing is sent until then.
        case open(until: Timestamp)
        /// One message is on its way to see.
        case probing
    }

    private static let second: Int64 = 1_000_000
    /// Attempts are looked at over this time, and only if there are so many.
    static let window = 60 * second
    static let least = 10
    /// The share of failures that opens it.
    static let share = 0.5
    static let firstPause = 30 * second
    static let longestPause = 900 * second

    private(set) var state = State.closed
    private var began = Timestamp(microseconds: 0)
    private var attempts = 0
    private var failures = 0
    private var pause = firstPause

    /// How many may be on their way; nil for as many as one likes.
    func room(now: Timestamp) -> Int? {
        switch state {
        case .closed: nil
        case .open(let until): now >= until ? 1 : 0
        case .probing: 0
        }
    }

    /// Something is sent.
    mutating func sends(now: Timestamp) {
        if case .open(let until) = state, now >= until { state = .probing }
    }

    /// What became of something that was sent.
    mutating func came(ok: Bool, now: Timestamp) {
        if case .closed = state {
            if now.microseconds - began.microseconds > Self.window { (began, attempts, failures) = (now, 0, 0) }
            attempts += 1
            if !ok { failures += 1 }
            if attempts >= Self.least, Double(failures) >= Double(attempts) * Self.share { open(now) }
            return
        }
        // Of what was on its way when it opened, a success says as much as a probe's; a failure is no news.
        if ok {
            self = Breaker()
        } else if case .probing = state {
            pause = min(pause * 2, Self.longestPause)
            open(now)
        }
    }

    /// Nothing came of the probe: it was never sent.
    mutating func withdraws(now: Timestamp) { if case .probing = state { state = .open(until: now) } }

    private mutating func open(_ now: Timestamp) {
        state = .open(until: Timestamp(microseconds: now.microseconds + pause))
    }
}
