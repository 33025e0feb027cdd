internal import Model

/// Five fields that say at which minutes something happens: `0 6 * * 1-5`. Minute, hour, day of the month, month, day of the week.
///
/// As cron has it: if both a day of the month and a day of the week are named, either will do.
public struct CronExpression: Sendable, Equatable {
    public let text: String
    private let minutes: Set<Int>
    private let hours: Set<Int>
    private let days: Set<Int>
    private let months: Set<Int>
    private let weekdays: Set<Int>
    private let daysAreNamed: Bool
    private let weekdaysAreNamed: Bool

    private static let words = [
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]
    private static let monthNames = [
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ]
    private static let dayNames = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
    /// A day that comes at all comes within so many: 29 February leaves out eight years around 1900 and 2100.
    private static let farthestDay: Int64 = 9 * 366

    /// - Throws: the message says which field is wrong, and how it should look.
    public init(_ text: String) throws(PipelineError) {
        self.text = text
        let plain = Self.words[text] ?? text
        let fields = plain.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        guard fields.count == 5 else {
            throw Self.error(
                "\"\(text)\" has \(fields.count) fields, and should have five: minute, hour, day of the month, month, day of the "
                    + "week, such as 0 6 * * *")
        }
        minutes = try Self.field(fields[0], 0...59, "minute")
        hours = try Self.field(fields[1], 0...23, "hour")
        days = try Self.field(fields[2], 1...31, "day of the month")
        months = try Self.field(fields[3], 1...12, "month", names: Self.monthNames, first: 1)
        let weekdays = try Self.field(fields[4], 0...7, "day of the week", names: Self.dayNames, first: 0)
        self.weekdays = Set(weekdays.map { $0 == 7 ? 0 : $0 })
        daysAreNamed = !fields[2].hasPrefix("*")
        weekdaysAreNamed = !fields[4].hasPrefix("*")
        guard next(fromMinute: 0) != nil else { throw Self.error("\"\(text)\" names a day that never comes") }
    }

    private static func field(
        _ text: String, _ range: ClosedRange<Int>, _ what: String, names: [String] = [], first: Int = 0
    ) throws(PipelineError) -> Set<Int> {
        var found: Set<Int> = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count <= 2, let span = parts.first, !span.isEmpty else { throw wrong(text, range, what) }
            func number(_ word: Substring) -> Int? {
                if let at = names.firstIndex(of: word.uppercased()) { return at + first }
                guard word.utf8.allSatisfy({ $0 &- 48 < 10 }), let number = Int(word), range.contains(number) else {
                    return nil
                }
                return number
            }
            var step = 1
            if parts.count == 2 {
                guard let given = Int(parts[1]), given > 0, parts[1].utf8.allSatisfy({ $0 &- 48 < 10 }) else {
                    throw wrong(text, range, what)
                }
                step = given
            }
            let bounds: ClosedRange<Int>
            if span == "*" {
                bounds = range
            } else {
                let ends = span.split(separator: "-", omittingEmptySubsequences: false)
                guard ends.count <= 2, let low = number(ends[0]) else { throw wrong(text, range, what) }
                if ends.count == 2 {
                    guard let high = number(ends[1]), high >= low else { throw wrong(text, range, what) }
                    bounds = low...high
                } else {
                    // 5/15 means from 5 on.
                    bounds = low...(parts.count == 2 ? range.upperBound : low)
                }
            }
            found.formUnion(stride(from: bounds.lowerBound, through: bounds.upperBound, by: step))
        }
        return found
    }

    private static func wrong(_ text: String, _ range: ClosedRange<Int>, _ what: String) -> PipelineError {
        error(
            "\"\(text)\" is no \(what): write *, a number from \(range.lowerBound) to \(range.upperBound), a range such as 1-5, a step "
                + "such as */2, or several with commas")
    }

    private static func error(_ message: String) -> PipelineError { PipelineError(.badDefinition, message) }

    /// Whether it happens at a minute, counted since 1970 by the clock on the wall.
    public func matches(minute: Int64) -> Bool {
        let (day, inDay) = Self.divide(minute, 1_440)
        return matches(day: day) && hours.contains(Int(inDay / 60)) && minutes.contains(Int(inDay % 60))
    }

    private func matches(day: Int64) -> Bool {
        let date = CivilDate(daysSinceEpoch: day)
        guard months.contains(Int(date.month)) else { return false }
        // 1970-01-01 was a Thursday.
        let isWeekday = weekdays.contains(Int(Self.divide(day + 4, 7).rest))
        let isDay = days.contains(Int(date.day))
        return daysAreNamed && weekdaysAreNamed ? isDay || isWeekday : isDay && isWeekday
    }

    /// The first minute by the clock on the wall, from `minute` on, at which it happens.
    func next(fromMinute minute: Int64) -> Int64? {
        let (first, inFirst) = Self.divide(minute, 1_440)
        for day in first..<(first + Self.farthestDay) where matches(day: day) {
            let from = day == first ? inFirst : 0
            for hour in (from / 60)..<24 where hours.contains(Int(hour)) {
                for minute in 0..<60 where minutes.contains(minute) && hour * 60 + Int64(minute) >= from {
                    return day * 1_440 + hour * 60 + Int64(minute)
                }
            }
        }
        return nil
    }

    private static func divide(_ a: Int64, _ b: Int64) -> (quotient: Int64, rest: Int64) {
        let (quotient, rest) = a.quotientAndRemainder(dividingBy: b)
        return rest < 0 ? (quotient - 1, rest + b) : (quotient, rest)
    }
}
