internal import EventStore
internal import Model

/// Whether people who did one thing come back to do another.
struct CohortSpec: Sendable, Equatable {
    /// Which returns count.
    enum Mode: String, Sendable, CaseIterable {
        /// A person's first: each is in one period at most.
        case first
        /// Every one: a person is in each period that has one.
        case every
    }

    /// From when periods count.
    enum Bucket: String, Sendable, CaseIterable {
        /// They are those of the calendar; the first is that in which the person started.
        case calendar
        /// They begin with the person's own start; a month is 30 days.
        case relative
    }

    private static let fields = ["start", "return", "interval", "periods", "mode", "bucket", "breakdown"]
    static let mostPeriods: Int64 = 120

    let start: EventSelector
    let comeback: EventSelector
    let interval: Interval
    let periods: Int
    let mode: Mode
    let bucket: Bucket
    /// The rows, instead of the dates of starts.
    let breakdown: Breakdown?

    init(_ node: SpecNode, _ clock: ReportClock) throws(QueryError) {
        try node.check(ReportFrame.fields + Self.fields, "a cohort report")
        start = try EventSelector(node.needed("start", "the event by which people come in"), clock)
        comeback = try EventSelector(node.needed("return", "the event by which they come back"), clock)
        interval = try node["interval"]?.choice() ?? .week
        if interval == .hour, let node = node["interval"] {
            throw node.error("a cohort report has rows of a day, week or month")
        }
        periods = Int(try node["periods"]?.whole(in: 1...Self.mostPeriods) ?? 8)
        mode = try node["mode"]?.choice() ?? .first
        bucket = try node["bucket"]?.choice() ?? .calendar
        breakdown = try node["breakdown"].map { (node) throws(QueryError) in try Breakdown(node, top: 100) }
    }

    var needs: Set<ColumnNeed> {
        var needs = start.needs.union(comeback.needs)
        needs.insert(.builtin(.timestamp))
        if let breakdown { needs.insert(breakdown.need) }
        return needs
    }

    /// Whether an event can be both, so that a return has to come after the start and not only at its time.
    var canCoincide: Bool { !start.isDisjoint(from: comeback) }
}
