/// The hour that duplicates are counted in. It follows the wall clock and never goes back; a jump ahead, which would have
/// ids forgotten that are hours old, counts only when the wall clock has stayed there for an hour.
///
/// The clock at a start is taken as it is: how long the journal was closed is not known otherwise.
struct HourClock {
    /// How long a jump must last, in nanoseconds.
    static let patience = nanosecondsAnHour
    private static let nanosecondsAnHour: Int64 = 3_600_000_000_000

    /// An hour of the wall clock, and the monotonic time at which it was seen first.
    private struct Mark {
        var hour: Int64
        var seen: Int64

        /// Whether the wall clock can have come from here to `wall` by going on.
        func leads(to wall: Int64, at now: Int64) -> Bool { wall <= hour + (now - seen) / nanosecondsAnHour + 2 }
    }

    private var mark: Mark?
    private var jump: Mark?

    /// The hour by which ids are forgotten.
    var hour: Int64 { mark?.hour ?? .min }
    /// The hour of ids that come now: of both that may be right the later one, so that they are known long enough.
    var stamp: Int64 { jump?.hour ?? hour }

    /// Takes a look at the wall clock; true if a jump turned out to be none.
    mutating func observe(_ wall: Int64, at now: Int64) -> Bool {
        guard let mark, !mark.leads(to: wall, at: now) else {
            if wall > hour { mark = Mark(hour: wall, seen: now) }
            defer { jump = nil }
            return jump != nil
        }
        guard let begun = jump, wall >= begun.hour, begun.leads(to: wall, at: now) else {
            jump = Mark(hour: wall, seen: now)
            return false
        }
        if now - begun.seen >= Self.patience {
            self.mark = Mark(hour: wall, seen: now)
            jump = nil
        }
        return false
    }
}
