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
