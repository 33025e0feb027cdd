internal import EventStore
internal import Model

/// Which people do several things one after another.
struct FunnelSpec: Sendable, Equatable {
    /// What may lie between two steps.
    enum Order: String, Sendable, CaseIterable {
        /// Any other events.
        case any
        /// Nothing: the next step is the person's next event, of those that the report's condition takes.
        case strict
    }

    /// What conversions are shares of.
    enum Count: String, Sendable, CaseIterable {
        case people
        /// First steps, each of which is a start of its own.
        case times
    }

    private static let fields = ["steps", "window", "order", "count", "breakdown"]
    static let steps = 2...20
    /// In microseconds: a hundred years.
    static let longestWindow: Int64 = 36_500 * 86_400_000_000

    let steps: [EventSelector]
    /// The longest time from the first step to any other, itself included; in microseconds.
    let window: Int64?
    let order: Order
    let count: Count
    let breakdown: Breakdown?

    init(_ node: SpecNode, _ clock: ReportClock) throws(QueryError) {
        try node.check(ReportFrame.fields + Self.fields, "a funnel")
        let range = Self.steps
        var steps: [EventSelector] = []
        let needed = try node.needed("steps", "a list of \(range.lowerBound) to \(range.upperBound) events")
        for step in try needed.elements(range, "steps") { steps.append(try EventSelector(step, clock)) }
        self.steps = steps
        window = try node["window"].map { (node) throws(QueryError) in try node.duration(upTo: Self.longestWindow) }
        order = try node["order"]?.choice() ?? .any
        count = try node["count"]?.choice() ?? .people
        breakdown = try node["breakdown"].map { (node) throws(QueryError) in
            try Breakdown(node, steps: steps.count, top: 100)
        }
    }

    var needs: Set<ColumnNeed> {
        var needs: Set<ColumnNeed> = [.builtin(.timestamp)]
        for step in steps { needs.formUnion(step.needs) }
        if let breakdown { needs.insert(breakdown.need) }
        return needs
    }

    /// The earlier steps, from 0, that an event of a step could serve as well: it has to come after those that do.
    func rivals(of step: Int) -> [Int] {
        (0..<step).filter { !steps[$0].isDisjoint(from: steps[step]) }
    }
}
