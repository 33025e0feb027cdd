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

/// The event columns that a query needs, each with a column of the relation `v`, one row a person who did any of them.
public struct PersonEvents: Sendable, Equatable {
    /// The most columns that are aggregated each on its own.
    static let mostSeparate = 24

    private struct Column: Sendable, Equatable {
        let measure: EventMeasure
        let event: ExactText
    }

    private var columns: [Column] = []

    public init() {}

    /// Whether there is none.
    public var isEmpty: Bool { columns.isEmpty }

    /// The value of a column in the FROM clause, which must join `v` and keep people without a row in it; the column is
    /// noted as needed.
    public mutating func value(_ measure: EventMeasure, of event: String) -> SQLFragment {
        let column = Column(measure: measure, event: ExactText(event))
        let index = columns.firstIndex(of: column) ?? columns.count
        if index == columns.count { columns.append(column) }
        let value = SQLFragment(stringLiteral: "v.v\(index)")
        return measure == .count ? "coalesce(\(value), 0)" : value
    }

    /// The relation `v`: `person_id` and the columns, of all events up to a `seq`. One pass over the events, whatever
    /// the number of columns.
    public func relation(asOf: Int64, personMap: SQLFragment) -> SQLFragment {
        if columns.count > Self.mostSeparate { return wideRelation(asOf: asOf, personMap: personMap) }
        let ofIdentity = columns.enumerated().map { (i, column) -> SQLFragment in
            let name = SQLFragment(stringLiteral: " AS v\(i)")
            return DuckDBDialect.only(column.measure.ofEvents, where: "e.event = \(column.event.text)") + name
        }
        let ofPerson = columns.enumerated().map { (i, column) in
            column.measure.combined(SQLFragment(stringLiteral: "s.v\(i)")) + SQLFragment(stringLiteral: " AS v\(i)")
        }
        return """
            SELECT m.person_id, \(ofPerson.joined(", ")) FROM (\
            SELECT e.identity_id, \(ofIdentity.joined(", ")) FROM events e \
            WHERE \(condition(asOf)) GROUP BY e.identity_id) s \
            JOIN \(personMap) m ON m.identity_id = s.identity_id GROUP BY m.person_id
            """
    }

    /// The same by way of one map a person, from name to measures: what it takes grows with what people did, not with
    /// the number of columns.
    private func wideRelation(asOf: Int64, personMap: SQLFragment) -> SQLFragment {
        let all = EventMeasure.allCases
        let ofIdentity = all.map { $0.ofEvents + $0.named }
        let ofPerson = all.map { $0.combined(SQLFragment(stringLiteral: "s.\($0.field)")) + $0.named }
        let values = columns.enumerated().map { (i, column) in
            DuckDBDialect.field(column.measure.field, of: DuckDBDialect.entry("w.events", column.event.text))
                + SQLFragment(stringLiteral: " AS v\(i)")
        }
        let map = DuckDBDialect.map(key: "g.event", fields: all.map(\.field), of: "g")
        return """
            SELECT w.person_id, \(values.joined(", ")) FROM (SELECT g.person_id, \(map) AS events FROM (\
            SELECT m.person_id, s.event, \(ofPerson.joined(", ")) FROM (\
            SELECT e.identity_id, e.event, \(ofIdentity.joined(", ")) FROM events e \
            WHERE \(condition(asOf)) GROUP BY e.identity_id, e.event) s \
            JOIN \(personMap) m ON m.identity_id = s.identity_id GROUP BY m.person_id, s.event) g \
            GROUP BY g.person_id) w
            """
    }

    private func condition(_ asOf: Int64) -> SQLFragment {
        var seen: Set<ExactText> = []
        let names = columns.map(\.event).filter { seen.insert($0).inserted }.map(\.text)
        return "e.seq <= \(asOf) AND \(Condition.eventTest(names))"
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

    /// A name that is no word of SQL.
    fileprivate var field: String { "the_\(rawValue)" }
    fileprivate var named: SQLFragment { SQLFragment(stringLiteral: " AS \(field)") }
}
