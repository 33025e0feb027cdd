import Foundation
import Model

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
