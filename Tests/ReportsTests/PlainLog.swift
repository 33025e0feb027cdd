import DuckDB
import Foundation
import Model

/// What people did, asked in the plainest way: loops over the rows, and nothing of the program's own reading of reports.
struct PlainLog {
    struct Row {
        let seq: Int64
        let name: String
        let time: Int64
        let properties: [String: JSONValue]
    }

    /// Each person's rows, by time and seq.
    var people: [[Row]] = []

    init(_ connection: Connection) throws {
        let rows = try connection.rows(
            """
            SELECT i.person_id, e.seq, e.event, e.timestamp, e.properties FROM events e
            JOIN identities i ON i.identity_id = e.identity_id ORDER BY i.person_id, e.timestamp, e.seq
            """)
        var last: Int64 = -1
        for row in rows {
            let who = row[0].int ?? 0
            if who != last { people.append([]) }
            last = who
            guard case .object(let members) = try JSONValue(text: row[4].text ?? "{}") else { continue }
            people[people.count - 1].append(
                Row(
                    seq: row[1].int ?? 0, name: row[2].text ?? "", time: row[3].timestamp ?? 0,
                    properties: Dictionary(
                        members.filter { $0.value != .null }.map { ($0.key, $0.value) },
                        uniquingKeysWith: { first, _ in first }))
            )
        }
    }

    /// Events of some names, perhaps with one value of a property.
    struct Choice {
        let names: [String]
        let property: (name: String, value: String)?

        func takes(_ row: Row) -> Bool {
            guard names.contains(row.name) else { return false }
            return property.map { row.properties[$0.name] == .string($0.value) } ?? true
        }

        func excludes(_ other: Choice) -> Bool {
            if Set(names).isDisjoint(with: other.names) { return true }
            if let mine = property, let theirs = other.property {
                return mine.name == theirs.name && mine.value != theirs.value
            }
            return false
        }

        var json: String {
            let list = names.map { "\"\($0)\"" }.joined(separator: ",")
            let condition = property.map { ",\"where\":{\"property\":\"\($0.name)\",\"is\":\"\($0.value)\"}" } ?? ""
            return "{\"event\":\(names.count == 1 ? list : "[\(list)]")\(condition)}"
        }
    }

    /// The number of a bucket of the calendar, and its first day.
    struct Calendar {
        let zone: TimeZone
        let interval: String

        func bucket(_ time: Int64) -> Int {
            let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(time) / 1e6))
            let days = Int((Double(time) / 1e6 + Double(offset)) / 86_400)
            switch interval {
            case "day": return days
            case "week": return (days + 3) / 7
            default:
                let parts = Self.parts(days)
                return parts.year * 12 + parts.month - 1
            }
        }

        func label(_ bucket: Int) -> String {
            switch interval {
            case "day": Self.text(Self.parts(bucket))
            case "week": Self.text(Self.parts(bucket * 7 - 3))
            default: Self.text((bucket / 12, bucket % 12 + 1, 1))
            }
        }

        private static func parts(_ days: Int) -> (year: Int, month: Int, day: Int) {
            var calendar = Foundation.Calendar(identifier: .gregorian)
            calendar.timeZone = .gmt
            let parts = calendar.dateComponents(
                [.year, .month, .day], from: Date(timeIntervalSince1970: Double(days) * 86_400))
            return (parts.year ?? 0, parts.month ?? 0, parts.day ?? 0)
        }

        private static func text(_ parts: (Int, Int, Int)) -> String {
            String(format: "%04d-%02d-%02d", parts.0, parts.1, parts.2)
        }
    }

    static func quantile(_ values: [Double], _ share: Double) -> Double? {
        let sorted = values.sorted()
        guard let last = sorted.last else { return nil }
        let place = Double(sorted.count - 1) * share
        let low = Int(place)
        guard low + 1 < sorted.count else { return last }
        return sorted[low] + (sorted[low + 1] - sorted[low]) * (place - Double(low))
    }
}

// MARK: Funnels

extension PlainLog {
    struct Funnel {
        var steps: [Choice]
        var window: Int64?
        var isStrict = false
        var range: ClosedRange<Int64>?
        /// A property, and `first`, `last` or the step (from 0) whose event has it.
        var breakdown: (name: String, value: String, step: Int)?
    }

    /// How far one person came.
    struct Way {
        var times: [Int64]
        var rows: [Row]
        /// How many starts reached each step.
        var starts: [Int]
        /// How long the first start took that reached each step.
        var took: [Int64?]
        var key: String
    }

    func ways(_ funnel: Funnel) -> [Way] {
        people.compactMap { all in
            let rows = all.filter { row in
                funnel.range.map { row.time >= $0.lowerBound && row.time < $0.upperBound } ?? true
            }
            var best: [Row] = []
            var starts = [Int](repeating: 0, count: funnel.steps.count)
            var took = [Int64?](repeating: nil, count: funnel.steps.count)
            for (i, row) in rows.enumerated() where funnel.steps[0].takes(row) {
                let way = funnel.isStrict ? strict(funnel, rows, i) : loose(funnel, rows, row)
                for step in way.indices {
                    starts[step] += 1
                    if took[step] == nil { took[step] = way[step].time - row.time }
                }
                if way.count > best.count { best = way }
            }
            guard !best.isEmpty else { return nil }
            return Way(times: best.map(\.time), rows: best, starts: starts, took: took, key: key(funnel, rows, best))
        }
    }

    private func key(_ funnel: Funnel, _ rows: [Row], _ way: [Row]) -> String {
        guard let (name, value, step) = funnel.breakdown else { return "" }
        let having = rows.compactMap { $0.properties[name] }
        switch value {
        case "first": return having.first?.text ?? "null"
        case "last": return having.last?.text ?? "null"
        default: return way.indices.contains(step) ? way[step].properties[name]?.text ?? "null" : "null"
        }
    }

    private func strict(_ funnel: Funnel, _ rows: [Row], _ start: Int) -> [Row] {
        var way = [rows[start]]
        while way.count < funnel.steps.count, start + way.count < rows.count {
            let next = rows[start + way.count]
            guard funnel.steps[way.count].takes(next), funnel.window.map({ next.time - way[0].time <= $0 }) ?? true
            else { break }
            way.append(next)
        }
        return way
    }

    private func loose(_ funnel: Funnel, _ rows: [Row], _ start: Row) -> [Row] {
        var way = [start]
        for (step, choice) in funnel.steps.enumerated().dropFirst() {
            let rivals = way.indices.filter { !funnel.steps[$0].excludes(choice) }
            let next = rows.first { row in
                guard choice.takes(row), row.time >= way[step - 1].time else { return false }
                return rivals.allSatisfy { (row.time, row.seq) > (way[$0].time, way[$0].seq) }
            }
            guard let next, funnel.window.map({ next.time - start.time <= $0 }) ?? true else { break }
            way.append(next)
        }
        return way
    }
}

// MARK: Cohorts

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

// MARK: Metrics

extension PlainLog {
    struct Metric {
        var events: Choice
        var of: String
        var property = ""
        var interval: String
        var zone: TimeZone
        var range: ClosedRange<Int64>?
        var breakdown: String?
    }

    /// Values by key and label of those buckets that have events.
    func points(_ metric: Metric) -> [String: [String: Double?]] {
        let calendar = Calendar(zone: metric.zone, interval: metric.interval)
        var found: [String: [String: [(who: Int, number: Double?)]]] = [:]
        for (who, rows) in people.enumerated() {
            for row in rows where metric.events.takes(row) {
                if let range = metric.range, row.time < range.lowerBound || row.time >= range.upperBound { continue }
                let key = metric.breakdown.map { row.properties[$0]?.text ?? "null" } ?? "null"
                var number: Double?
                switch row.properties[metric.property] {
                case .number(let text), .string(let text): number = Double(text)
                default: break
                }
                found[key, default: [:]][calendar.label(calendar.bucket(row.time)), default: []].append((who, number))
            }
        }
        return found.mapValues { buckets in buckets.mapValues { Self.value(metric.of, $0) } }
    }

    private static func value(_ of: String, _ rows: [(who: Int, number: Double?)]) -> Double? {
        let numbers = rows.compactMap(\.number)
        switch of {
        case "events": return Double(rows.count)
        case "people": return Double(Set(rows.map(\.who)).count)
        case "sum": return numbers.reduce(0, +)
        case "avg": return numbers.isEmpty ? nil : numbers.reduce(0, +) / Double(numbers.count)
        case "min": return numbers.min()
        case "max": return numbers.max()
        case "median": return quantile(numbers, 0.5)
        default: return quantile(numbers, (Double(of.dropFirst()) ?? 0) / 100)
        }
    }
}
