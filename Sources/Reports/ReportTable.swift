public import DuckDB
public import EventStore
public import Model

/// A report's answer as rows, for files: a row for each number, or for each person behind one of them. The numbers are those
/// of the answer.
public struct ReportTable: Sendable {
    public struct Column: Sendable {
        public let name: String
        public let type: ValueType
    }

    public private(set) var columns: [Column] = []
    /// A value for each column; null where there is none.
    public private(set) var rows: [[JSONValue]] = []

    /// The most people whose identities are looked up at once.
    private static let page = 5_000

    /// Answers a report on a connection that the store lends for long reads.
    ///
    /// - Parameters:
    ///   - cell: the number whose people are wanted; nil for the answer.
    ///   - asOf: everything stored up to this `seq` counts.
    public init(
        _ report: JSONValue, cell: JSONValue?, asOf: Int64, now: Timestamp, _ connection: Connection
    ) throws {
        // Temporary tables go whatever happens; where that fails, the next report replaces them.
        defer { try? ReportRun.cleanUp(connection) }
        let run = try ReportRun(report, asOf: asOf, now: now, connection)
        if let cell {
            try addPeople(of: SpecNode(cell, path: "cell"), run)
            return
        }
        let answer = try run.answer().json(milliseconds: 0)
        switch run.report.kind {
        case .funnel: addFunnel(answer)
        case .cohort: addCohorts(answer)
        case .metric: addMetric(answer)
        case .revenue: addRevenue(answer)
        case .attribution: addAttribution(answer)
        }
    }

    private mutating func addPeople(of cell: SpecNode, _ run: ReportRun) throws {
        columns = [Column(name: "person_id", type: .text), Column(name: "identities", type: .list)]
        let all = try run.people(cell, after: 0, limit: Int(Int32.max))
        for start in stride(from: 0, to: all.count, by: Self.page) {
            for person in try run.identities(Array(all[start..<min(all.count, start + Self.page)])) {
                rows.append([.string(person.id.text), .array(person.identities.map { .string($0) })])
            }
        }
    }

    /// Whether a row is of everything together, and not of one part: rows with it and rows without are not to be added up.
    private static let whole: (String, ValueType) = ("whole", .boolean)

    /// Rows out of a list of objects, with what every one of them has before.
    private mutating func add(
        _ list: JSONValue?, _ fields: [(String, ValueType)], before: [JSONValue] = []
    ) {
        for element in list?.arrayValue ?? [] {
            rows.append(before + fields.map { element[$0.0] ?? ($0.1 == .boolean ? false : .null) })
        }
    }

    private mutating func addFunnel(_ answer: JSONValue) {
        let fields: [(String, ValueType)] = [
            ("event", .token), ("people", .bigint), ("times", .bigint), ("conversion", .double),
            ("step_conversion", .double), ("dropped", .bigint), ("median_seconds", .double), ("p90_seconds", .double),
        ]
        let groups = answer["groups"]?.arrayValue
        let keys: [(String, ValueType)] = groups == nil ? [] : [("key", .token), ("other", .boolean), Self.whole]
        columns = (keys + [("step", .bigint)] + fields).map { Column(name: $0.0, type: $0.1) }
        for (i, group) in ((groups ?? []) + [answer]).enumerated() {
            let isWhole = i == groups?.count
            let key: [JSONValue] =
                groups == nil ? [] : [group["key"] ?? .null, group["other"] ?? false, .bool(isWhole)]
            for (i, step) in (group["steps"]?.arrayValue ?? []).enumerated() {
                add([step], fields, before: key + [JSONValue(i + 1)])
            }
        }
    }

    private mutating func addCohorts(_ answer: JSONValue) {
        let fields: [(String, ValueType)] = [
            ("cohort", .token), ("other", .boolean), ("people", .bigint), ("period", .bigint), ("value", .bigint),
            ("percent", .double), ("cumulative", .bigint),
        ]
        columns = fields.map { Column(name: $0.0, type: $0.1) }
        for row in answer["rows"]?.arrayValue ?? [] {
            let before = [row["cohort"] ?? .null, row["other"] ?? false, row["people"] ?? .null]
            for (period, value) in (row["values"]?.arrayValue ?? []).enumerated() {
                let others = ["percent", "cumulative"].map { row[$0]?.arrayValue?[period] ?? .null }
                rows.append(before + [JSONValue(period), value] + others)
            }
        }
    }

    private mutating func addMetric(_ answer: JSONValue) {
        let fields: [(String, ValueType)] = [
            ("range", .text), ("key", .token), ("other", .boolean), Self.whole, ("t", .text), ("value", .double),
        ]
        columns = fields.map { Column(name: $0.0, type: $0.1) }
        for (range, series) in [("asked", answer["series"]), ("previous", answer["previous"]?["series"])] {
            for one in series?.arrayValue ?? [] {
                let before = [.string(range), one["key"] ?? .null, one["other"] ?? false]
                add(one["points"], [("t", .text), ("value", .double)], before: before + [false])
                rows.append(before + [true, .null, one["total"] ?? .null])
            }
        }
    }

    private mutating func addRevenue(_ answer: JSONValue) {
        let fields: [(String, ValueType)] = [
            ("t", .text), ("total", .double), ("people", .bigint), ("gained", .bigint), ("lost", .bigint),
            ("per_person", .double), ("churn_rate", .double), ("lifetime_value", .double),
        ]
        columns = ([Self.whole] + fields).map { Column(name: $0.0, type: $0.1) }
        add(answer["points"], fields, before: [false])
        add([answer], fields, before: [true])
    }

    private mutating func addAttribution(_ answer: JSONValue) {
        let fields: [(String, ValueType)] = [("people", .bigint), ("conversions", .bigint), ("value", .double)]
        columns = ([("key", .token), ("other", .boolean), Self.whole] + fields).map { Column(name: $0.0, type: $0.1) }
        for row in answer["rows"]?.arrayValue ?? [] {
            add([row], fields, before: [row["key"] ?? .null, row["other"] ?? false, false])
        }
        add([answer["total"] ?? .null], fields, before: [.null, false, true])
    }
}
