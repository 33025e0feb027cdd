import Foundation
import Model

@testable import EventStore

/// What computed columns must come to, by plain loops over what was appended.
struct ComputedModel {
    struct Event {
        let seq: Int64
        let identity: String
        let name: String
        let time: Int64
        let amount: String?
        let plan: String?
    }

    struct Tie {
        let seq: Int64
        let a: String
        let b: String
        var undoneSeq: Int64?
    }

    var events: [Event] = []
    var ties: [Tie] = []
    /// Identities in the order in which they came, with the `seq` of their first item.
    var identities: [(name: String, seq: Int64)] = []

    mutating func see(_ name: String, _ seq: Int64) {
        if !identities.contains(where: { $0.name == name }) { identities.append((name, seq)) }
    }

    /// The groups as of a `seq`, each under its earliest identity.
    func people(asOf seq: Int64) -> [String: [String]] {
        var roots: [String: String] = [:]
        let known = identities.filter { $0.seq <= seq }.map(\.name)
        for name in known { roots[name] = name }
        for tie in ties where tie.seq <= seq && (tie.undoneSeq.map { $0 > seq } ?? true) {
            guard let a = roots[tie.a], let b = roots[tie.b], a != b else { continue }
            let first = known.first { $0 == a || $0 == b } ?? a
            for (name, root) in roots where root == a || root == b { roots[name] = first }
        }
        return Dictionary(grouping: known) { roots[$0] ?? $0 }
    }

    /// A number in units of 10⁻⁹.
    static func nano(_ text: String) -> Int128 {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isNegative = text.hasPrefix("-")
        let whole = Int128(parts[0].drop { $0 == "-" }) ?? 0
        let fraction = parts.count > 1 ? String(parts[1]).padding(toLength: 9, withPad: "0", startingAt: 0) : "0"
        let value = whole * 1_000_000_000 + (Int128(fraction) ?? 0)
        return isNegative ? -value : value
    }

    static func text(_ nano: Int128) -> String {
        let digits = String(nano.magnitude)
        let padded = String(repeating: "0", count: max(0, 10 - digits.count)) + digits
        var text = "\(padded.dropLast(9)).\(padded.suffix(9))"
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return nano < 0 ? "-" + text : text
    }

    /// Half away from zero.
    static func rounded(_ value: Int128, by unit: Int128) -> Int128 {
        let half = value < 0 ? -unit / 2 : unit / 2
        return (value + half) / unit
    }

    static func day(_ time: Int64, offset: Int64) -> Int64 {
        let (day, rest) = (time + offset * 1_000_000).quotientAndRemainder(dividingBy: 86_400_000_000)
        return rest < 0 ? day - 1 : day
    }

    /// The computed columns of a person, as the table has them.
    func computed(_ identities: [String], asOf seq: Int64, day: Int64, offset: Int64) -> [String: String] {
        let mine = events.filter { identities.contains($0.identity) && $0.seq <= seq }
        func age(_ event: Event) -> Int64 { day - Self.day(event.time, offset: offset) }
        let past = mine.filter { age($0) >= 0 }
        func decayed(_ value: Int128, _ age: Int64, _ halfLife: Double) -> Int128 {
            let weight = Self.nano(String(format: "%.9f", pow(0.5, Double(age) / halfLife)))
            return Self.rounded(value * weight, by: 1_000_000_000)
        }
        // score: weighted, bounded, rounded to one digit
        let payments = mine.filter { $0.name == "Paid" }
        let counted = past.reduce(Int128(0)) { $0 + decayed(1_000_000_000, age($1), 14) }
        let days = Set(past.filter { age($0) < 30 }.map(age)).count
        let sum = counted + 2 * Int128(days) * 1_000_000_000
        let bounded = min(max(sum, 0), 100 * 1_000_000_000)
        let score = Self.rounded(bounded, by: 100_000_000) * 100_000_000
        var found = [
            "score": Self.text(score),
            "revenue": Self.text(payments.compactMap(\.amount).reduce(Int128(0)) { $0 + Self.nano($1) }),
            "pro": String(mine.filter { $0.plan == "pro" }.count),
            "days": String(Set(mine.map { Self.day($0.time, offset: offset) }).count),
        ]
        let recent = past.filter { $0.name == "Paid" && age($0) < 40 }
        var fresh: Int128 = 0
        for event in recent { if let amount = event.amount { fresh += decayed(Self.nano(amount), age(event), 7) } }
        found["fresh"] = Self.text(fresh)
        let last = past.map(age).min()
        if let last { found["idle"] = String(last) }
        let first = past.map(age).max()
        if let last, let first {
            found["stage"] = first < 7 ? "\"new\"" : last < 7 ? "\"active\"" : "\"gone\""
        } else {
            found["stage"] = "\"none\""
        }
        return found
    }
}
