internal import EventStore
internal import Model

/// Which events are meant: `{"event": "Signed Up", "where": {…}}`. Without names, events of any.
struct EventSelector: Sendable, Equatable {
    static let fields = ["event", "where"]

    /// The names; nil for events of any name.
    let names: [String]?
    let condition: Condition?
    /// The names as written.
    let written: JSONValue
    /// Where it stands in the specification.
    let path: String

    init(_ node: SpecNode, _ clock: ReportClock, others: [String] = []) throws(QueryError) {
        try node.check(Self.fields + others, "events")
        path = node.path
        written = node["event"]?.json ?? .null
        switch node["event"] {
        case nil: names = nil
        case .some(let event):
            if event.json.arrayValue == nil {
                names = [try event.text("an event's name or a list of names")]
            } else {
                var names: [String] = []
                for element in try event.elements(1...Condition.mostValues, "names") {
                    names.append(try element.text("an event's name"))
                }
                self.names = names
            }
        }
        condition = try node["where"].map { (node) throws(QueryError) in try Self.condition(node, clock) }
    }

    static func condition(_ node: SpecNode, _ clock: ReportClock) throws(QueryError) -> Condition {
        try Condition(node.json, path: node.path) { (text, path) throws(QueryError) in try clock.moment(text, path) }
    }

    /// What it tells of events and people.
    var needs: Set<ColumnNeed> { (condition?.needs(in: .events) ?? []).union([.builtin(.event)]) }

    /// Whether no event can be meant by both: they name other events, or ask one property for other values.
    func isDisjoint(from other: EventSelector) -> Bool {
        if let names, let others = other.names,
            Set(names.map(ExactText.init)).isDisjoint(with: others.map(ExactText.init))
        {
            return true
        }
        let (mine, theirs) = (EventFact.all(in: condition), EventFact.all(in: other.condition))
        return mine.contains { fact in theirs.contains { fact.excludes($0) } }
    }
}
