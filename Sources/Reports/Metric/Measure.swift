internal import EventStore
internal import Model

/// What is measured: `{"event": "Purchased", "of": "sum", "property": "amount"}`.
struct Measure: Sendable, Equatable {
    /// What of the events.
    enum Of: Sendable, Equatable {
        case events
        case people
        case sum
        case average
        case least
        case greatest
        /// The share of numbers that lie below.
        case quantile(Double)

        /// Whether it is of a property's numbers.
        var isOfNumbers: Bool { self != .events && self != .people }
        /// Whether it is zero where there is no event, and not unknown.
        var isZeroOfNone: Bool { self == .events || self == .people || self == .sum }
    }

    private static let names = "people, events, sum, avg, min, max, median or a percentile such as p90 (p1 to p99)"

    let events: EventSelector
    let of: Of
    /// The property whose numbers are measured; empty where none are.
    let property: String

    /// - Parameter usually: what is measured if it does not say.
    init(_ node: SpecNode, _ clock: ReportClock, usually: Of = .events) throws(QueryError) {
        events = try EventSelector(node, clock, others: ["of", "property"])
        of = try node["of"].map { (node) throws(QueryError) in try Self.read(node) } ?? usually
        switch (of.isOfNumbers, node["property"]) {
        case (true, .some(let name)): property = try name.text("a property's name")
        case (true, nil): throw node.error("\"property\" is missing: whose numbers are measured?")
        case (false, .some(let name)): throw name.error("events and people are counted whatever properties they have")
        case (false, nil): property = ""
        }
    }

    private static func read(_ node: SpecNode) throws(QueryError) -> Of {
        switch node.json.stringValue {
        case "events": return .events
        case "people": return .people
        case "sum": return .sum
        case "avg": return .average
        case "min": return .least
        case "max": return .greatest
        case "median": return .quantile(0.5)
        case .some(let text) where text.first == "p":
            guard let share = Int(text.dropFirst()), (1...99).contains(share) else { break }
            return .quantile(Double(share) / 100)
        default: break
        }
        throw node.error("one of \(names) should be here")
    }

    var needs: Set<ColumnNeed> {
        of.isOfNumbers ? events.needs.union([.property(ExactText(property))]) : events.needs
    }
}
