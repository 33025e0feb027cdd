internal import EventStore
internal import Model

/// How long a bucket of time is.
public enum Interval: String, Sendable, CaseIterable {
    case hour
    case day
    case week
    case month

    /// In microseconds where each begins with a person's own event; a month is 30 days.
    var microseconds: Int64 {
        switch self {
        case .hour: 3_600_000_000
        case .day: 86_400_000_000
        case .week: 604_800_000_000
        case .month: 30 * 86_400_000_000
        }
    }

    /// How many whole intervals, as long as `microseconds` says, a time above zero has.
    func count(of time: Int64) -> Int64 {
        // Constants: the processor divides slowly, and multiplies instead where it knows by what.
        switch self {
        case .hour: time / 3_600_000_000
        case .day: time / 86_400_000_000
        case .week: time / 604_800_000_000
        case .month: time / 2_592_000_000_000
        }
    }

    /// The number of the bucket in which a moment (in microseconds) lies, by the calendar of a zone: hours and days since
    /// 1970, weeks from Monday, months since year 0.
    func bucket(_ time: SQLFragment, in zone: ReportZone) -> SQLFragment {
        switch self {
        case .hour: ReportDialect.floorDivided(zone.local(time, minutesOnly: true), by: Self.hour.microseconds)
        case .day: ReportDialect.floorDivided(zone.local(time), by: Self.day.microseconds)
        // 1970-01-01 was a Thursday.
        case .week:
            ReportDialect.floorDivided(
                "(\(zone.local(time)) + \(3 * Self.day.microseconds))", by: Self.week.microseconds)
        case .month: DuckDBDialect.monthNumber(ReportDialect.moment(zone.local(time)))
        }
    }

    /// The bucket's first day, or of hours its first moment (UTC).
    func label(_ bucket: Int64, in zone: ReportZone) -> String {
        switch self {
        case .hour: return zone.hourStart(bucket).text
        case .day: return Self.text(CivilDate(daysSinceEpoch: bucket))
        case .week: return Self.text(CivilDate(daysSinceEpoch: bucket * 7 - 3))
        case .month:
            let year = bucket >= 0 ? bucket / 12 : (bucket - 11) / 12
            return Self.text(CivilDate(year: year, month: bucket - year * 12 + 1, day: 1))
        }
    }

    /// The number of the bucket of a moment, as `bucket` has it.
    func number(_ time: Timestamp, in zone: ReportZone) -> Int64 {
        let local = zone.local(time.microseconds, minutesOnly: self == .hour)
        func divided(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : -((-a + b - 1) / b) }
        switch self {
        case .hour, .day: return divided(local, microseconds)
        case .week: return divided(local + 3 * Self.day.microseconds, microseconds)
        case .month:
            let date = CivilDate(daysSinceEpoch: divided(local, Self.day.microseconds))
            return date.year * 12 + date.month - 1
        }
    }

    /// The bucket with a label; nil if none has it.
    func bucket(labelled text: String, in zone: ReportZone) -> Int64? {
        guard let written = WrittenTime(text) else { return nil }
        let number: Int64
        switch self {
        case .hour: number = self.number(written.timestamp(), in: zone)
        case .day, .week, .month: number = self.number(written.timestamp(), in: .utc)
        }
        return label(number, in: zone) == text ? number : nil
    }

    private static func text(_ date: CivilDate) -> String {
        func padded(_ number: Int64, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
    }
}
