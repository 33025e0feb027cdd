import Foundation
import Model

extension PlainLog {
    struct Cohort {
        var start: Choice
        var comeback: Choice
        var interval: String
        var periods: Int
        var isFirst: Bool
        var isRelative: Bool
        var zone: TimeZone
        var range: ClosedRange<Int64>?
    }

    /// The rows by their label: people, and then those of each period.
    func cohorts(_ cohort: Cohort) -> [String: [Int]] {
        let calendar = Calendar(zone: cohort.zone, interval: cohort.interval)
        let unit: Int64 = 86_400_000_000 * (cohort.interval == "day" ? 1 : cohort.interval == "week" ? 7 : 30)
        var found: [Int: [Int]] = [:]
        for rows in people {
            let start = rows.first { row in
                cohort.start.takes(row)
                    && (cohort.range.map { row.time >= $0.lowerBound && row.time < $0.upperBound } ?? true)
            }
            guard let start else { continue }
            var periods: [Int] = []
            for row in rows where cohort.comeback.takes(row) {
                let isAfter =
                    cohort.start.excludes(cohort.comeback)
                    ? row.time >= start.time : (row.time, row.seq) > (start.time, start.seq)
                guard isAfter else { continue }
                periods.append(
                    cohort.isRelative
                        ? Int((row.time - start.time) / unit) : calendar.bucket(row.time) - calendar.bucket(start.time))
            }
            if cohort.isFirst { periods = Array(periods.prefix(1)) }
            var counts = found[calendar.bucket(start.time)] ?? [Int](repeating: 0, count: cohort.periods + 1)
            counts[0] += 1
            for period in Set(periods) where period < cohort.periods { counts[period + 1] += 1 }
            found[calendar.bucket(start.time)] = counts
        }
        return Dictionary(uniqueKeysWithValues: found.map { (calendar.label($0.key), $0.value) })
    }
}
