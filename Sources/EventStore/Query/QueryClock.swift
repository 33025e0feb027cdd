public import Model

/// Makes moments of the times that people write, in a zone: absolute ones, those before now, and those of the calendar.
public struct QueryClock: Sendable {
    /// `UTC`, an offset (`+02:00`) or a name (`Europe/Berlin`).
    public let timezone: String

    public init(timezone: String) { self.timezone = timezone }

    /// What is wrong with a text that is no time, and with a moment that cannot be.
    public static let isNoTime =
        "is no time; write 2026-01-31, 2026-01-31T12:00:00Z, epoch seconds, -7d (s m h d w), today or this_month"
    public static let isOutside = "is outside the years 1 to 9999"

    /// Whether a time, as written, is one only in a zone.
    public static func needsZone(_ text: String) -> Bool {
        CalendarPeriod(text) != nil || WrittenTime(text).map { $0.offsetSeconds == nil } ?? false
    }

    /// The start of the period of the calendar that follows one: where it ends. Nil for what is no period.
    static func periodAfter(_ text: String) -> String? { CalendarPeriod(text)?.next?.text }

    /// The moment of a text: a date is its start in the zone, a time without an offset is one of the zone, `-7d` is so long
    /// before `now`, and `this_month` and the like are their starts. Nil for what is no time; any year.
    ///
    /// - Parameter zone: the moment of a local time in a zone that has a name.
    public func read<E: Error>(
        _ text: String, now: Timestamp, zone: (_ local: Int64) throws(E) -> Timestamp
    ) throws(E) -> Timestamp? {
        if text == "now" { return now }
        if text.utf8.first == UInt8(ascii: "-"), let length = Durations.microseconds(text.dropFirst()) {
            return Timestamp(microseconds: now.microseconds - length)
        }
        if let period = CalendarPeriod(text) { return try start(of: period, now: now, zone: zone) }
        guard let written = WrittenTime(text) else { return Timestamp(epochSeconds: text) }
        if written.offsetSeconds != nil { return written.timestamp() }
        return try moment(ofLocal: written.timestamp().microseconds, zone)
    }

    private func moment<E: Error>(
        ofLocal local: Int64, _ zone: (_ local: Int64) throws(E) -> Timestamp
    ) throws(E) -> Timestamp {
        if let offset = Self.offset(timezone) { return Timestamp(microseconds: local - offset * 1_000_000) }
        return try zone(local)
    }

    private func start<E: Error>(
        of period: CalendarPeriod, now: Timestamp, zone: (_ local: Int64) throws(E) -> Timestamp
    ) throws(E) -> Timestamp {
        // The local time of now: zones are at most a day from UTC, and where clocks go back either of two times will do, since
        // none does at midnight twice.
        var local = now.microseconds
        for _ in 0..<3 {
            let away = now.microseconds - (try moment(ofLocal: local, zone)).microseconds
            if away == 0 { break }
            local += away
        }
        return try moment(ofLocal: period.start(today: local.dividedDown(by: 86_400_000_000)) * 86_400_000_000, zone)
    }

    /// The offset of a zone that is written as one, in seconds; nil for a name.
    public static func offset(_ zone: String) -> Int64? {
        if zone == "UTC" || zone == "Z" { return 0 }
        guard zone.utf8.count == 6, let sign = zone.utf8.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-")
        else { return nil }
        return WrittenTime("2000-01-01T00:00:00" + zone)?.offsetSeconds
    }
}

/// A day, week, month, quarter or year of the calendar, counted from that of now.
struct CalendarPeriod: Equatable {
    enum Unit: String, CaseIterable {
        case day, week, month, quarter, year
    }

    let unit: Unit
    /// 0 for the one of now, -1 for the one before.
    let distance: Int64

    private static let days = ["yesterday": -1, "today": 0, "tomorrow": 1] as [String: Int64]
    private static let words = ["last": -1, "this": 0, "next": 1] as [String: Int64]
    private static let farthest = "after_next_"

    init(unit: Unit, distance: Int64) {
        self.unit = unit
        self.distance = distance
    }

    /// `today`, `yesterday`, `tomorrow`, or `last_`, `this_` or `next_` with `week`, `month`, `quarter` or `year`; beyond
    /// these, for the ends of what comes next, `after_next_` and any unit.
    init?(_ text: String) {
        if let distance = Self.days[text] {
            self.init(unit: .day, distance: distance)
            return
        }
        if text.hasPrefix(Self.farthest), let unit = Unit(rawValue: String(text.dropFirst(Self.farthest.count))) {
            self.init(unit: unit, distance: 2)
            return
        }
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 2, let distance = Self.words[String(parts[0])],
            let unit = Unit(rawValue: String(parts[1])),
            unit != .day
        else { return nil }
        self.init(unit: unit, distance: distance)
    }

    /// The one after it, unless nobody can name it.
    var next: CalendarPeriod? { distance < 2 ? CalendarPeriod(unit: unit, distance: distance + 1) : nil }

    /// What `init` reads.
    var text: String {
        let words = unit == .day ? Self.days : Self.words
        guard let word = words.first(where: { $0.value == distance })?.key else { return Self.farthest + unit.rawValue }
        return unit == .day ? word : "\(word)_\(unit.rawValue)"
    }

    /// Its first day, as days since 1970.
    func start(today: Int64) -> Int64 {
        switch unit {
        case .day: return today + distance
        // 1970-01-01 was a Thursday, and weeks start on Monday.
        case .week: return (today + 3).dividedDown(by: 7) * 7 - 3 + distance * 7
        case .month, .quarter, .year:
            let date = CivilDate(daysSinceEpoch: today)
            let months: Int64 = unit == .month ? 1 : unit == .quarter ? 3 : 12
            let first = (date.year * 12 + date.month - 1).dividedDown(by: months) * months + distance * months
            let year = first.dividedDown(by: 12)
            return CivilDate(year: year, month: first - year * 12 + 1, day: 1).daysSinceEpoch
        }
    }
}

extension Int64 {
    /// Divided, and rounded towards the past.
    fileprivate func dividedDown(by other: Int64) -> Int64 { self / other - (self % other < 0 ? 1 : 0) }
}
