public import EventStore
public import Model

/// A number of a report's answer, named as the answer names it: `{"step": 2, "outcome": "dropped", "key": "pro"}` of a funnel,
/// `{"cohort": "2026-01-05", "period": 1}` of a cohort report, `{"t": "2026-01-05", "key": "pro"}` of a metric,
/// `{"outcome": "lost"}` of a revenue report, `{"key": "mail"}` of an attribution report. `"other": true` stands for all values
/// that are not shown.
enum ReportCell: Sendable, Equatable {
    case funnel(step: Int, isDropped: Bool, group: Group?)
    case cohort(row: Row, period: Int?)
    case metric(MetricCell)
    case revenue(label: String?, outcome: Payers)
    case attribution(Group?)

    /// One of a breakdown's values.
    enum Group: Sendable, Equatable {
        /// The value's token; nil for those who have none.
        case key(String?)
        case other
    }

    /// A row of a cohort report.
    enum Row: Sendable, Equatable {
        case date(String)
        case value(Group)
    }

    struct MetricCell: Sendable, Equatable {
        /// The bucket as the answer names it; nil for the whole range.
        let label: String?
        let group: Group?
        /// Which of two measures; nil for the people of either.
        let measure: MeasureName?
        let isPrevious: Bool
    }

    enum MeasureName: String, CaseIterable, Sendable { case a, b }

    /// Which people of a revenue report.
    enum Payers: String, CaseIterable, Sendable {
        case paid
        case gained
        case lost
    }

    /// Which of the people at a step.
    private enum FunnelOutcome: String, CaseIterable {
        case reached
        /// Those who reached the step before and not this one.
        case dropped
    }

    private enum Range: String, CaseIterable { case asked, previous }

    private static let what = "a cell of this report"

    init(_ node: SpecNode, of question: Report.Question) throws(QueryError) {
        switch question {
        case .funnel(let spec):
            try node.check(["step", "outcome"] + Self.keys(spec.breakdown), Self.what)
            let isDropped = try node["outcome"]?.choice(FunnelOutcome.self) == .dropped
            let step = try node.needed("step", "the number of a step, from 1")
                .whole(in: (isDropped ? 2 : 1)...Int64(spec.steps.count))
            self = .funnel(step: Int(step), isDropped: isDropped, group: Self.group(node, spec.breakdown))
        case .cohort(let spec):
            try node.check(["cohort", "period"] + (spec.breakdown == nil ? [] : ["other"]), Self.what)
            let period = try node["period"].map { (node) throws(QueryError) in
                Int(try node.whole(in: 0...Int64(spec.periods - 1)))
            }
            if spec.breakdown != nil {
                let isOther = node["other"]?.json == true
                self = .cohort(row: .value(isOther ? .other : .key(Self.token(node.json["cohort"]))), period: period)
            } else {
                let label = try Self.label(node.needed("cohort", "the row's date"), spec.interval)
                self = .cohort(row: .date(label), period: period)
            }
        case .metric(let spec):
            let fields = ["t"] + (spec.formula == nil ? [] : ["measure"]) + (spec.compares ? ["range"] : [])
            try node.check(fields + Self.keys(spec.breakdown), Self.what)
            var label: String?
            if let interval = spec.interval {
                label = try node["t"].map { (node) throws(QueryError) in try Self.label(node, interval) }
            }
            self = .metric(
                MetricCell(
                    label: label, group: Self.group(node, spec.breakdown), measure: try node["measure"]?.choice(),
                    isPrevious: try node["range"]?.choice(Range.self) == .previous))
        case .revenue(let spec):
            try node.check(["outcome"] + (spec.interval == nil ? [] : ["t"]), Self.what)
            var label: String?
            if let interval = spec.interval {
                label = try node["t"].map { (node) throws(QueryError) in try Self.label(node, interval) }
            }
            self = .revenue(label: label, outcome: try node["outcome"]?.choice() ?? .paid)
        case .attribution:
            try node.check(["key", "other"], Self.what)
            self = .attribution(Self.group(node))
        }
    }

    private static func keys(_ breakdown: Breakdown?) -> [String] { breakdown == nil ? [] : ["key", "other"] }

    /// The group of a cell; nil for all of them together.
    private static func group(_ node: SpecNode, _ breakdown: Breakdown?) -> Group? {
        breakdown == nil ? nil : group(node)
    }

    private static func group(_ node: SpecNode) -> Group? {
        if node["other"]?.json == true { return .other }
        // Null is a key, too: of those who have no value.
        return node.json["key"].map { .key(token($0)) }
    }

    private static func token(_ value: JSONValue?) -> String? { value.flatMap { $0 == .null ? nil : $0.text } }

    /// A bucket's label. That of an hour hangs on the zone, and is looked at again where that is known.
    private static func label(_ node: SpecNode, _ interval: Interval) throws(QueryError) -> String {
        let text = node.json.stringValue ?? ""
        let isLabel =
            interval == .hour ? WrittenTime(text) != nil : interval.bucket(labelled: text, in: .utc) != nil
        guard isLabel else { throw node.error(noLabel(interval, in: .utc)) }
        return text
    }

    static func noLabel(_ interval: Interval, in zone: ReportZone) -> String {
        "a date as the answer has it should be here, such as \(interval.label(0, in: zone))"
    }
}

extension Report {
    /// Refuses what is no cell of this report's answer.
    public func check(cell: JSONValue) throws(QueryError) {
        _ = try ReportCell(SpecNode(cell, path: "cell"), of: question)
    }
}
