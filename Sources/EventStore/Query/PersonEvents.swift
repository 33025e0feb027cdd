internal import Model

/// What a column says of a person's events of one name.
public enum EventMeasure: String, Sendable, CaseIterable {
    /// When the person did it first: the earliest timestamp.
    case first
    /// When the person did it last: the latest timestamp.
    case last
    /// How often, at any time; 0 if never.
    case count

    /// What its values are.
    public var type: ValueType { self == .count ? .bigint : .timestamp }
}

/// The event columns that a query needs, each with a column of the relation `v`, one row a person.
public struct PersonEvents: Sendable, Equatable {
    /// The most columns that are aggregated at once: the engine keeps all of them of everybody in memory.
    static let mostAtOnce = 24

    private struct Column: Sendable, Equatable {
        let measure: EventMeasure
        let event: ExactText
        /// Its place in `v`.
        let number: Int
        var name: SQLFragment { SQLFragment(stringLiteral: "v\(number)") }
    }

    private var columns: [Column] = []

    public init() {}

    /// Whether there is none.
    public var isEmpty: Bool { columns.isEmpty }

    /// The value of a column in the FROM clause, which must join `v` and keep people without a row in it; the column is
    /// noted as needed.
    public mutating func value(_ measure: EventMeasure, of event: String) -> SQLFragment {
        let event = ExactText(event)
        let known = columns.first { $0.measure == measure && $0.event == event }
        let column = known ?? Column(measure: measure, event: event, number: columns.count)
        if known == nil { columns.append(column) }
        let value: SQLFragment = "v.\(column.name)"
        return measure == .count ? "coalesce(\(value), 0)" : value
    }

    /// The relation `v`: `person_id` and the columns, of all events up to a `seq`. One pass over the events, or where there
    /// are very many columns a few, each over the events of other names.
    public func relation(asOf: Int64, personMap: SQLFragment) -> SQLFragment {
        let groups = groups
        if groups.count == 1 { return Self.relation(of: groups[0], asOf, personMap) }
        var list: SQLFragment = "n.person_id"
        var joins: SQLFragment = .empty
        for (i, group) in groups.enumerated() {
            let relation = SQLFragment(stringLiteral: "g\(i)")
            for column in group { list += ", \(relation).\(column.name)" }
            joins += " LEFT JOIN (\(Self.relation(of: group, asOf, personMap))) \(relation) "
            joins += "ON \(relation).person_id = n.person_id"
        }
        return "SELECT \(list) FROM (SELECT DISTINCT m.person_id FROM \(personMap) m) n\(joins)"
    }

    /// The columns that are aggregated together: those of one name always are.
    private var groups: [[Column]] {
        var ofEvent: [ExactText: Int] = [:]
        var events: [[Column]] = []
        for column in columns {
            let place = ofEvent[column.event] ?? events.count
            if place == events.count {
                events.append([])
                ofEvent[column.event] = place
            }
            events[place].append(column)
        }
        var groups: [[Column]] = [[]]
        for event in events {
            if groups[groups.count - 1].count + event.count > Self.mostAtOnce { groups.append([]) }
            groups[groups.count - 1] += event
        }
        return groups
    }

    /// First by identity and only then by person, so that few rows find their person.
    private static func relation(of columns: [Column], _ asOf: Int64, _ personMap: SQLFragment) -> SQLFragment {
        let ofIdentity = columns.map { column in
            "\(DuckDBDialect.only(column.measure.ofEvents, where: "e.event = \(column.event.text)")) AS \(column.name)"
                as SQLFragment
        }
        let ofPerson = columns.map { "\($0.measure.combined("s.\($0.name)")) AS \($0.name)" as SQLFragment }
        var seen: Set<ExactText> = []
        let names = columns.map(\.event).filter { seen.insert($0).inserted }.map(\.text)
        return """
            SELECT m.person_id, \(ofPerson.joined(", ")) FROM (\
            SELECT e.identity_id, \(ofIdentity.joined(", ")) FROM events e \
            WHERE e.seq <= \(asOf) AND \(Condition.eventTest(names)) GROUP BY e.identity_id) s \
            JOIN \(personMap) m ON m.identity_id = s.identity_id GROUP BY m.person_id
            """
    }
}

extension EventMeasure {
    /// The aggregate of events.
    fileprivate var ofEvents: SQLFragment {
        switch self {
        case .first: "min(e.timestamp)"
        case .last: "max(e.timestamp)"
        case .count: "count(*)"
        }
    }

    /// The aggregate of a person's identities.
    fileprivate func combined(_ value: SQLFragment) -> SQLFragment {
        switch self {
        case .first: "min(\(value))"
        case .last: "max(\(value))"
        case .count: "CAST(sum(\(value)) AS BIGINT)"
        }
    }
}
