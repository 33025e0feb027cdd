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
        let (mine, theirs) = (Fact.all(in: condition), Fact.all(in: other.condition))
        return mine.contains { fact in theirs.contains { fact.excludes($0) } }
    }
}

/// Something that a condition asks of every event that it takes: a property has one of these values, or none.
private struct Fact {
    let isPerson: Bool
    let name: ExactText
    /// The values; nil where any will do.
    let values: [PropertyTest.Scalar]?
    let isThere: Bool

    static func all(in condition: Condition?) -> [Fact] {
        switch condition {
        case .all(let parts): parts.flatMap { all(in: $0) }
        case .property(let name, let test): fact(name, test, isPerson: false)
        case .person(let name, let test): fact(name, test, isPerson: true)
        case nil, .any, .not, .event, .personThen, .did, .sequence, .segment, .computed: []
        }
    }

    private static func fact(_ name: String, _ test: PropertyTest, isPerson: Bool) -> [Fact] {
        let (values, isThere): ([PropertyTest.Scalar]?, Bool)
        switch test {
        case .equals(let value): (values, isThere) = ([value], true)
        case .oneOf(let list): (values, isThere) = (list, true)
        case .exists(let wanted): (values, isThere) = (nil, wanted)
        case .compare, .contains, .startsWith: (values, isThere) = (nil, true)
        case .differs: return []
        }
        return [Fact(isPerson: isPerson, name: ExactText(name), values: values, isThere: isThere)]
    }

    func excludes(_ other: Fact) -> Bool {
        guard isPerson == other.isPerson, name == other.name else { return false }
        guard isThere, other.isThere else { return isThere != other.isThere }
        guard let values, let others = other.values else { return false }
        return !values.contains { value in others.contains { Self.canBeOne(value, $0) } }
    }

    private static func canBeOne(_ a: PropertyTest.Scalar, _ b: PropertyTest.Scalar) -> Bool {
        switch (a, b) {
        case (.text(let a), .text(let b)): ExactText(a) == ExactText(b)
        case (.number(let a), .number(let b)): Double(a) == Double(b)
        case (.bool(let a), .bool(let b)): a == b
        default: false
        }
    }
}
