internal import Model

/// The numbers of buckets of many moments one after another, as `Interval.number` gives them: the bucket of the moment before is
/// tried first, since most are near each other.
struct BucketCursor: Sendable {
    private let interval: Interval
    private let zone: ReportZone
    /// The bucket of the moment before, as far as one offset holds.
    private var start: Int64 = 0
    private var end: Int64 = 0
    private var number: Int64 = 0
    /// The offset that held then, and from when to when.
    private var offset: Int64 = 0
    private var offsetStart: Int64 = .max
    private var offsetEnd: Int64 = .min

    init(_ interval: Interval, in zone: ReportZone) {
        self.interval = interval
        self.zone = zone
    }

    /// The number of the bucket of a moment in microseconds.
    @inline(__always)
    mutating func callAsFunction(_ time: Int64) -> Int64 {
        if time >= start, time < end { return number }
        if time < offsetStart || time >= offsetEnd { findOffset(time) }
        find(time)
        return number
    }

    private mutating func findOffset(_ time: Int64) {
        var at = zone.spans.count - 1
        while at > 0, zone.spans[at].from > time { at -= 1 }
        offset = zone.spans[at].offset
        if interval == .hour { offset %= Interval.hour.microseconds }
        // Before the first change, its offset holds, too.
        offsetStart = at == 0 ? .min : zone.spans[at].from
        offsetEnd = at + 1 < zone.spans.count ? zone.spans[at + 1].from : .max
    }

    private mutating func find(_ time: Int64) {
        let local = time + offset
        let (first, next): (Int64, Int64)
        switch interval {
        case .hour, .day:
            number = Self.floorDivided(local, interval)
            (first, next) = (number * interval.microseconds, (number + 1) * interval.microseconds)
        case .week:
            // 1970-01-01 was a Thursday.
            let days = 3 * Interval.day.microseconds
            number = Self.floorDivided(local + days, interval)
            first = number * interval.microseconds - days
            next = first + interval.microseconds
        case .month:
            let date = CivilDate(daysSinceEpoch: Self.floorDivided(local, .day))
            number = date.year * 12 + date.month - 1
            let isLast = date.month == 12
            let after = CivilDate(year: isLast ? date.year + 1 : date.year, month: isLast ? 1 : date.month + 1, day: 1)
            first = CivilDate(year: date.year, month: date.month, day: 1).daysSinceEpoch * Interval.day.microseconds
            next = after.daysSinceEpoch * Interval.day.microseconds
        }
        start = max(first - offset, offsetStart)
        end = min(next - offset, offsetEnd)
    }

    private static func floorDivided(_ time: Int64, _ unit: Interval) -> Int64 {
        time >= 0 ? unit.count(of: time) : -1 - unit.count(of: -1 - time)
    }
}
