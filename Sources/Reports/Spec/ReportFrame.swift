public import EventStore
public import Model

/// What every report has: a range, a zone, a condition, and the moment as of which it answers.
public struct ReportFrame: Sendable, Equatable {
    static let fields = ["type", "from", "to", "timezone", "where", "as_of", "as_of_seq"]

    /// Times in [from, to); without an end where one is nil.
    public let from: Timestamp?
    public let to: Timestamp?
    /// Whether `from` counts from now (`-30d`), so that the range ends now where nothing else is said.
    let isRecent: Bool
    public let timezone: String
    /// What every event has to pass that the report looks at.
    public let condition: Condition?
    /// The moment that relative times count from.
    public let asOf: Timestamp
    /// Answers as of this `seq` instead of the newest.
    public let asOfSeq: Int64?

    /// - Parameter clock: knows now, and the zones by name.
    init(_ node: SpecNode, _ clock: ReportClock) throws(QueryError) {
        timezone = clock.timezone
        asOf = clock.now
        asOfSeq = try node["as_of_seq"].map { (node) throws(QueryError) in try node.whole(in: 0...Int64.max) }
        from = try Self.time(node, "from", clock)
        to = try Self.time(node, "to", clock)
        isRecent = node["from"]?.json.stringValue.map { ReportClock.isAgo($0) } ?? false
        if clock.knowsZones, let from, let to, from >= to {
            throw node.error("\"from\" (\(from.text)) is not before \"to\" (\(to.text))")
        }
        condition = try node["where"].map { (node) throws(QueryError) in try EventSelector.condition(node, clock) }
    }

    private static func time(
        _ node: SpecNode, _ key: String, _ clock: ReportClock
    ) throws(QueryError) -> Timestamp? {
        switch node[key]?.json {
        case nil: return nil
        case .string(let text), .number(let text): return try clock.moment(text, key)
        case .some(let other):
            throw QueryError(.invalidReport, at: key, "a time should be here, not \(other.kindName)")
        }
    }

    var window: TimeWindow { TimeWindow(from: from, to: to) }

    /// What the condition and the range tell of events and people.
    var needs: Set<ColumnNeed> {
        var needs = condition?.needs(in: .events) ?? []
        if from != nil || to != nil { needs.insert(.builtin(.timestamp)) }
        if asOfSeq != nil { needs.insert(.builtin(.seq)) }
        return needs
    }
}
