internal import EventStore
internal import Model

/// How much there is of something over time.
struct MetricSpec: Sendable, Equatable {
    /// Two measures and what is done with them.
    enum Formula: String, Sendable, CaseIterable {
        case sum = "a + b"
        case difference = "a - b"
        case product = "a * b"
        case quotient = "a / b"
    }

    private static let fields = ["measure", "measures", "formula", "interval", "breakdown", "compare"]
    static let mostBuckets: Int64 = 10_000

    let measure: Measure
    /// The other measure of a formula.
    let second: Measure?
    let formula: Formula?
    /// Nil for the whole range at once.
    let interval: Interval?
    let breakdown: Breakdown?
    /// Whether the period before, of the same length, is answered, too.
    let compares: Bool

    init(_ node: SpecNode, _ clock: ReportClock, _ frame: ReportFrame) throws(QueryError) {
        try node.check(ReportFrame.fields + Self.fields, "a metric")
        switch (node["measure"], node["measures"]) {
        case (.some(let one), nil):
            measure = try Measure(one, clock)
            (second, formula) = (nil, nil)
            if let node = node["formula"] { throw node.error("a formula needs \"measures\" with \"a\" and \"b\"") }
        case (nil, .some(let both)):
            try both.check(["a", "b"], "\"measures\"")
            measure = try Measure(both.needed("a", "the first measure"), clock)
            second = try Measure(both.needed("b", "the second measure"), clock)
            formula = try node.needed("formula", "such as \"a / b\"").choice()
        default: throw node.error("either \"measure\", or \"measures\" with a \"formula\", should be here")
        }
        interval = try node["interval"].map { (node) throws(QueryError) in try node.choice() }
        breakdown = try node["breakdown"].map { (node) throws(QueryError) in
            let breakdown = try Breakdown(node)
            guard !breakdown.isOfPerson || breakdown.moment != .atStep else {
                throw QueryError(
                    .invalidReport, at: "\(node.path).value", "of persons, a metric knows the first value and the last")
            }
            return breakdown
        }
        compares =
            try node["compare"].map { (node) throws(QueryError) in
                guard node.json.stringValue == "previous" else { throw node.error("\"previous\" should be here") }
                guard frame.from != nil, frame.to != nil else {
                    throw node.error("the period before is known only where \"from\" and \"to\" are given")
                }
                return true
            } ?? false
    }

    var needs: Set<ColumnNeed> {
        var needs = measure.needs.union(second?.needs ?? [])
        if interval != nil { needs.insert(.builtin(.timestamp)) }
        if let breakdown {
            needs.insert(breakdown.need)
            if breakdown.moment != .atStep, !breakdown.isOfPerson { needs.insert(.builtin(.timestamp)) }
        }
        return needs
    }
}
