internal import DuckDB
internal import EventStore
internal import Model

/// What one measure came to over one range: values by group and bucket.
struct MetricResult {
    struct Group {
        let number: Int64
        let token: String?
        var total = ReportNumber.none
        var points: [Int64: ReportNumber] = [:]
    }

    private(set) var groups: [Group] = []

    /// Reads the rows of `MetricQuery.statement`.
    init(_ rows: [[DuckValue]], _ measure: Measure) {
        for row in rows {
            let number = row[0].int ?? 0
            if groups.last?.number != number { groups.append(Group(number: number, token: row[1].text)) }
            let value = measure.value(row[4...])
            if row[2].bool == true {
                groups[groups.count - 1].total = value
            } else if let bucket = row[3].int {
                groups[groups.count - 1].points[bucket] = value
            }
        }
    }

    /// The values that have a group, in their order; `count` of them, without "other".
    func keys(_ count: Int) -> [String?] { groups.filter { $0.number <= Int64(count) }.map(\.token) }

    /// The group of a number, or one in which nothing happened.
    func group(_ number: Int64) -> Group { groups.first { $0.number == number } ?? Group(number: number, token: nil) }

    /// The first and the last bucket that have something.
    var buckets: ClosedRange<Int64>? {
        let all = groups.flatMap(\.points.keys)
        guard let first = all.min(), let last = all.max() else { return nil }
        return first...last
    }
}

extension Measure {
    /// What stands where nothing happened.
    var ofNothing: ReportNumber { of.isZeroOfNone ? .whole(0) : .none }

    /// The measure of a row's columns, as `final` has them.
    func value(_ columns: ArraySlice<DuckValue>) -> ReportNumber {
        let values = columns.map(ReportNumber.init)
        switch of {
        case .events, .people, .least, .greatest, .quantile: return values[0]
        case .sum, .average:
            guard case .whole(let count) = values[0], count > 0 else { return ofNothing }
            let total = sum(values[1], values[2])
            return of == .sum ? total : .double((total.double ?? 0) / Double(count))
        }
    }
}

extension Measure {
    /// A sum of its two parts, the exact one and the rest.
    func sum(_ exact: ReportNumber, _ rest: ReportNumber) -> ReportNumber {
        switch (exact, rest) {
        case (.none, .none): .whole(0)
        case (_, .none): exact
        case (.none, _): rest
        default: .double((exact.double ?? 0) + (rest.double ?? 0))
        }
    }
}

extension MetricSpec.Formula {
    /// The formula of two numbers; not known where one is not, or where it would be divided by zero.
    func value(_ a: ReportNumber, _ b: ReportNumber) -> ReportNumber {
        guard let a = a.double, let b = b.double else { return .none }
        let value =
            switch self {
            case .sum: a + b
            case .difference: a - b
            case .product: a * b
            case .quotient: a / b
            }
        return value.isFinite ? .double(value) : .none
    }
}
