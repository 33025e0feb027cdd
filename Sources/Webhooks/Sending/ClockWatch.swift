public import Model

/// Compares the time of day with a clock that nobody sets. Where the time of day leaps ahead, timers go on by what it would be without that,
/// until it is put back, somebody accepts it, or it has stayed so for a while: a clock that was wrong for a moment fires nothing. Pure.
public struct ClockWatch: Sendable {
    /// What has become of a leap.
    public enum News: Sendable, Equatable {
        /// The time of day has leapt ahead by so many microseconds.
        case held(Int64)
        case putBack
        /// It has stayed so for long enough.
        case over
    }

    /// A shorter leap holds nothing up.
    public static let most: Int64 = 300_000_000
    /// What the clocks may differ by from one look to the next without anybody having set one.
    private static let drift: Int64 = 1_000_000

    /// How long timers are held, in microseconds; 0 for not at all.
    private let hold: Int64
    /// How far the time of day is before the other clock.
    private var offset: Int64?
    /// How far timers are behind the time of day.
    public private(set) var ahead: Int64 = 0
    private var until: Int64 = 0
    /// The time of day at the last leap.
    public private(set) var since = Timestamp(microseconds: 0)

    public init(hold: Int64) { self.hold = hold }

    public var isHolding: Bool { ahead > 0 }

    /// Goes on with what was noted before a start. Of the same boot, a leap since then is found as one while it ran; of another one nothing
    /// can be compared, for a machine may have been off for long, and only a hold that was on goes on where the time of day was not put back.
    public mutating func resume(_ mark: ClockMark, boot: String, wall: Timestamp, steady: Int64) {
        guard hold > 0 else { return }
        if mark.boot == boot {
            (offset, ahead, until, since) = (mark.offset, mark.ahead, mark.until, mark.since)
        } else if mark.ahead > 0, wall >= mark.since {
            (ahead, until, since) = (mark.ahead, steady + hold, mark.since)
        }
    }

    /// What is to be known after a start; nil before the first look.
    public func mark(boot: String) -> ClockMark? {
        offset.map { ClockMark(boot: boot, offset: $0, ahead: ahead, until: until, since: since) }
    }

    /// Takes in what both clocks say.
    public mutating func look(wall: Timestamp, steady: Int64) -> News? {
        let now = wall.microseconds - steady
        let step = now - (offset ?? now)
        offset = now
        if step > Self.most, hold > 0 {
            (ahead, until, since) = (ahead + step, steady + hold, wall)
            return .held(step)
        }
        guard ahead > 0 else { return nil }
        if step < -Self.drift {
            ahead = max(0, ahead + step)
            if ahead > Self.most { return nil }
            ahead = 0
            return .putBack
        }
        guard steady >= until else { return nil }
        ahead = 0
        return .over
    }

    /// The time by which timers are due.
    public func time(_ wall: Timestamp) -> Timestamp { Timestamp(microseconds: wall.microseconds - ahead) }

    /// When timers go on by themselves, by the time of day.
    public func end(wall: Timestamp, steady: Int64) -> Timestamp {
        Timestamp(microseconds: wall.microseconds + max(0, until - steady))
    }

    /// Somebody says that the time of day is right; false where nothing was held.
    public mutating func accept() -> Bool {
        defer { ahead = 0 }
        return ahead > 0
    }
}
