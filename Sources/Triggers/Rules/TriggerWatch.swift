public import Model

/// What is watched because no item of the journal tells it.
public enum TriggerWatch: Sendable, Equatable {
    /// Who enters a saved segment, or leaves it.
    case segment(id: String, on: Move)
    /// A computed column of everybody.
    case column(name: String, Threshold)
    /// A number of a report.
    case report(ReportWatch)

    public enum Move: String, Sendable, CaseIterable { case entered, left }

    /// How long a value must stay beyond the bound, in microseconds.
    public var hold: Int64 {
        switch self {
        case .segment: 0
        case .column(_, let threshold): threshold.hold
        case .report(let report): report.threshold.hold
        }
    }

    /// What every message of it says of the rule.
    var detail: [JSONValue.Member] {
        switch self {
        case .segment(let id, let on): [.init("segment", .string(id)), .init("on", .string(on.rawValue))]
        case .column(let name, let threshold): [.init("column", .string(name))] + threshold.detail
        case .report(let report): [.init("value", .string(report.value))] + report.threshold.detail
        }
    }
}

/// A bound, and from where on a value that was beyond it counts as back.
public struct Threshold: Sendable, Equatable {
    public enum Side: String, Sendable, CaseIterable {
        case below, above
        /// By so many percent less than the same time before.
        case dropPercent = "drop_percent"
    }

    public let side: Side
    public let bound: Double
    /// On the other side of the bound, or the bound itself.
    public let recoverAt: Double
    /// Microseconds.
    public let hold: Int64
    /// Whether it is told when a value is back.
    public let tellsRecovery: Bool
    /// The bounds as they were written.
    let detail: [JSONValue.Member]

    init(
        _ side: Side, _ bound: Double, recoverAt: Double? = nil, hold: Int64 = 0, tellsRecovery: Bool = false,
        detail: [JSONValue.Member] = []
    ) {
        self.side = side
        self.bound = bound
        self.recoverAt = recoverAt ?? bound
        self.hold = hold
        self.tellsRecovery = tellsRecovery
        self.detail = detail
    }

    /// What a value says. The bound itself is beyond it for a drop alone: 20 % less is a drop of 20 %.
    public func reading(_ value: Double?) -> WatchReading {
        guard let value else { return .between }
        let (isBeyond, isBack) =
            switch side {
            case .below: (value < bound, value >= recoverAt)
            case .above: (value > bound, value <= recoverAt)
            case .dropPercent: (value >= bound, recoverAt == bound ? value < bound : value <= recoverAt)
            }
        return isBeyond ? .beyond : isBack ? .back : .between
    }

    /// The condition of those who are beyond it, on a computed column: below or above.
    public func condition(on column: String) -> JSONValue {
        ["column": .string(column), side == .above ? "gt" : "lt": detail.first?.value ?? .null]
    }

    /// The conditions of those who are not beyond it, and of those of them who are back.
    public func otherConditions(on column: String) -> (within: JSONValue, back: JSONValue) {
        let name = side == .above ? "lte" : "gte"
        func condition(_ bound: JSONValue?) -> JSONValue { ["column": .string(column), name: bound ?? .null] }
        return (condition(detail.first?.value), condition(detail.last?.value))
    }
}

/// A number of a report that is looked at now and then.
public struct ReportWatch: Sendable, Equatable {
    /// The report, or `report_id` of a saved one.
    public let report: JSONValue
    /// Where the number is in the report's answer: `series.0.total`.
    public let value: String
    public let threshold: Threshold
    /// Microseconds.
    public let every: Int64
    /// How long before is compared with; nil for the length of the report's range.
    public let against: Int64?
    /// What is less than this is no ground for a percentage.
    public let leastBase: Double

    /// Whether it is to be looked at again. A last look that is still to come was one before the time of day was put back.
    public func isDue(lookedAt: Timestamp, now: Timestamp) -> Bool {
        lookedAt > now || now.microseconds >= lookedAt.microseconds + every
    }
}
