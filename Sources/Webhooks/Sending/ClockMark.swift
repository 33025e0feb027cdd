public import Model

/// How the time of day and the clock that nobody sets stood to one another, and what was held by that.
public struct ClockMark: Sendable, Equatable {
    /// The machine's boot: the other clock begins anew with each.
    public var boot: String
    /// How far the time of day was before the other clock.
    public var offset: Int64
    /// How far timers were behind the time of day.
    public var ahead: Int64
    /// When they go on, by the other clock.
    public var until: Int64
    /// The time of day at the last leap.
    public var since: Timestamp

    /// Clocks that are only trimmed stand by the same: what is less than a second is not noted again.
    func says(_ other: ClockMark?) -> Bool {
        guard var other, abs(other.offset - offset) < 1_000_000 else { return false }
        other.offset = offset
        return self == other
    }
}
