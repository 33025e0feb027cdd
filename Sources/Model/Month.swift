/// A calendar month in UTC.
public struct Month: RawRepresentable, Hashable, Comparable, Strideable, Sendable {
    /// Months since the year 0: year × 12 + month - 1.
    public let rawValue: Int64

    public init(rawValue: Int64) { self.rawValue = rawValue }

    /// The month that a moment lies in.
    public init(of time: Timestamp) {
        let day = 86_400_000_000 as Int64
        let days = time.microseconds / day - (time.microseconds % day < 0 ? 1 : 0)
        let date = CivilDate(daysSinceEpoch: days)
        rawValue = date.year * 12 + date.month - 1
    }

    /// Its first moment.
    public var start: Timestamp {
        let year = rawValue / 12 - (rawValue % 12 < 0 ? 1 : 0)
        let date = CivilDate(year: year, month: rawValue - year * 12 + 1, day: 1)
        return Timestamp(microseconds: date.daysSinceEpoch * 86_400_000_000)
    }

    public var next: Month { Month(rawValue: rawValue + 1) }

    /// `2026-03`.
    public var text: String { String(start.text.prefix { $0 != "T" }.dropLast(3)) }

    public static func < (a: Month, b: Month) -> Bool { a.rawValue < b.rawValue }
    public func distance(to other: Month) -> Int { Int(other.rawValue - rawValue) }
    public func advanced(by n: Int) -> Month { Month(rawValue: rawValue + Int64(n)) }
}
