public import EventStore
public import Model

/// A question about what people do, as `POST /v1/reports/query` takes it.
public struct Report: Sendable, Equatable {
    /// The kinds of questions.
    public enum Kind: String, Sendable, CaseIterable {
        case funnel
        case cohort
        case metric
        case revenue
        case attribution
    }

    enum Question: Sendable, Equatable {
        case funnel(FunnelSpec)
        case cohort(CohortSpec)
        case metric(MetricSpec)
        case revenue(RevenueSpec)
        case attribution(AttributionSpec)
    }

    public let kind: Kind
    public let frame: ReportFrame
    let question: Question

    /// Reads a specification; an error names the node.
    public init(_ json: JSONValue, _ clock: ReportClock) throws(QueryError) {
        let node = SpecNode(json)
        guard case .object = json else { throw node.error("a report is an object, not \(json.kindName)") }
        let names = Kind.allCases.map(\.rawValue).joined(separator: ", ")
        kind = try node.needed("type", "one of \(names)").choice()
        frame = try ReportFrame(node, clock)
        switch kind {
        case .funnel: question = .funnel(try FunnelSpec(node, clock))
        case .cohort: question = .cohort(try CohortSpec(node, clock))
        case .metric: question = .metric(try MetricSpec(node, clock, frame))
        case .revenue: question = .revenue(try RevenueSpec(node, clock))
        case .attribution: question = .attribution(try AttributionSpec(node, clock))
        }
    }

    /// The zone that a specification names, without reading the rest.
    public static func timezone(_ json: JSONValue) throws(QueryError) -> String {
        try SpecNode(json)["timezone"]?.text("a time zone") ?? "UTC"
    }

    /// The moment that a specification names for now, without reading the rest.
    public static func now(_ json: JSONValue, _ clock: ReportClock) throws(QueryError) -> Timestamp {
        guard let node = SpecNode(json)["as_of"] else { return clock.now }
        return try clock.moment(node.text("a time"), node.path)
    }

    /// What the answer gives out of people and events, or tells by selecting.
    public var needs: Set<ColumnNeed> {
        switch question {
        case .funnel(let spec): frame.needs.union(spec.needs)
        case .cohort(let spec): frame.needs.union(spec.needs)
        case .metric(let spec): frame.needs.union(spec.needs)
        case .revenue(let spec): frame.needs.union(spec.needs)
        case .attribution(let spec): frame.needs.union(spec.needs)
        }
    }
}
