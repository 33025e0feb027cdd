import Glibc
import Model

/// Whether the machine's clock can be believed: events without a time get it from there.
enum ClockCheck {
    /// The day on which this was written (2026-01-01); no clock that is right is before it.
    private static let earliest = Timestamp(microseconds: 1_767_225_600_000_000)

    /// The time of day, in seconds since 1970.
    static func seconds() -> Int64 { Int64(time(nil)) }

    static func run() -> Check {
        let time = Timestamp(microseconds: seconds() * 1_000_000)
        guard time >= earliest else {
            return Check("clock", .failed, "the clock says \(time.text); set it, or events get wrong times")
        }
        return Check("clock", .ok, time.text)
    }
}
