internal import Model

/// Which events of a list are wanted.
public struct EventFilter: Sendable, Equatable {
    /// The names; nil for events of any name.
    public var names: [String]?
    /// Events in [from, to), by their time.
    public var window: TimeWindow
    /// What is asked of each event; `person` and `did` have no place in it.
    public var condition: Condition?

    public init(names: [String]? = nil, window: TimeWindow = TimeWindow(), condition: Condition? = nil) {
        self.names = names
        self.window = window
        self.condition = condition
    }

    /// What the rows of `e` must pass, as SQL.
    public func tests(asOf: Int64) throws(QueryError) -> [SQLFragment] {
        var tests: [SQLFragment] = ["e.seq <= \(asOf)"]
        if let names { tests.append(Condition.eventTest(names)) }
        if let from = window.from { tests.append("e.timestamp >= \(from)") }
        if let to = window.to { tests.append("e.timestamp < \(to)") }
        if let condition {
            var needs = PersonNeeds()
            let scope = QueryScope(row: .eventAlone, asOf: asOf, personMap: .empty, personID: .empty)
            tests.append(try condition.sql(scope, &needs))
        }
        return tests
    }

    /// What it tells of the events that it finds.
    public var needs: Set<ColumnNeed> {
        var needs = condition?.needs(in: .events) ?? []
        if names != nil { needs.insert(.builtin(.event)) }
        if window != TimeWindow() { needs.insert(.builtin(.timestamp)) }
        return needs
    }
}
