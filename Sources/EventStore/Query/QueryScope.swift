internal import Model

/// What a condition is asked of: which rows stand in the FROM clause, and as of which `seq`.
///
/// The relations that it names are `e` (events), `c` (property changes), `p` (people's current properties, one row
/// a person, joined by whoever builds the FROM clause) and the table of sets of persons; see `PersonNeeds`.
public struct QueryScope: Sendable {
    /// What a row is.
    public enum Row: Sendable, Equatable {
        /// An event: `event` and `property` look at it, `person` at its person's current property.
        case event
        /// A person, or something of one: `person` looks at the person's current property; `event` asks whether the
        /// person did such an event, `property` alone whether the person did any event with such a property.
        /// In an `all`, properties directly beside one `event` are asked of that same event.
        case person
        /// A property change: `property` looks at the change itself (its name, and its value), the rest as for `person`.
        case change
        /// An event of which nothing is known but itself: one that a `did` counts.
        case eventAlone
    }

    public let row: Row
    /// The `seq` up to which anything counts.
    public let asOf: Int64
    /// The relation that gives each identity its person: `identity_id`, `person_id`.
    public let personMap: SQLFragment
    /// The row's person in the FROM clause.
    public let personID: SQLFragment
    /// The relations of all events and of all property changes, or of those of the persons who are asked about.
    public let events: SQLFragment
    public let changes: SQLFragment

    public init(
        row: Row, asOf: Int64, personMap: SQLFragment, personID: SQLFragment, events: SQLFragment = "events",
        changes: SQLFragment = "property_changes"
    ) {
        self.row = row
        self.asOf = asOf
        self.personMap = personMap
        self.personID = personID
        self.events = events
        self.changes = changes
    }

    /// Whether `event` and `property` look at the row itself.
    var isEvent: Bool { row == .event || row == .eventAlone }

    /// The scope of the events that a `did` counts.
    var ofEventAlone: QueryScope { of(.eventAlone) }

    /// The scope of the row's person.
    var ofPerson: QueryScope { of(.person) }

    private func of(_ row: Row) -> QueryScope {
        QueryScope(
            row: row, asOf: asOf, personMap: personMap, personID: personID, events: events, changes: changes)
    }
}

/// The person properties that a query needs, each with a column of the relation `p`.
public struct PersonProperties: Sendable, Equatable {
    public private(set) var names: [String] = []

    public init() {}

    /// The token of a property in the FROM clause; the property is noted as needed.
    public mutating func token(_ name: String) -> SQLFragment {
        let index = names.firstIndex { ExactText($0) == ExactText(name) } ?? names.count
        if index == names.count { names.append(name) }
        return Self.column(index)
    }

    static func column(_ index: Int) -> SQLFragment { SQLFragment(pieces: [.sql("p.p\(index)")]) }

    /// The relation `p`: `person_id` and one column of tokens for each name, current as of a `seq`.
    ///
    /// One pass over the changes, whatever the number of names.
    ///
    /// - Parameter changes: the relation of the changes to look at.
    public func relation(
        asOf: Int64, personMap: SQLFragment, changes: SQLFragment = "property_changes"
    ) -> SQLFragment {
        if names.count > Self.mostSeparate {
            return wideRelation(asOf: asOf, personMap: personMap, changes: changes)
        }
        let columns = names.enumerated().map { (i, name) -> SQLFragment in
            let latest = DuckDBDialect.latest("c.value", time: "c.timestamp", seq: "c.seq", where: "c.name = \(name)")
            let alias = SQLFragment(pieces: [.sql(" AS p\(i)")])
            return DuckDBDialect.present(latest) + alias
        }
        let list = names.map { "\($0)" as SQLFragment }.joined(", ")
        return """
            SELECT m.person_id, \(columns.joined(", ")) FROM \(changes) c \
            JOIN \(personMap) m ON m.identity_id = c.identity_id \
            WHERE c.seq <= \(asOf) AND c.name IN (\(list)) GROUP BY m.person_id
            """
    }
}

extension PersonProperties {
    /// The most names for which `relation` aggregates each on its own.
    static let mostSeparate = 24

    /// A relation of `person_id` and `properties`: every current property of a person as one JSON object, ordered by name.
    public static func objects(
        asOf: Int64, personMap: SQLFragment, changes: SQLFragment = "property_changes"
    ) -> SQLFragment {
        let latest = DuckDBDialect.present(DuckDBDialect.latest("c.value", time: "c.timestamp", seq: "c.seq"))
        return """
            SELECT v.person_id, \(DuckDBDialect.object(name: "v.name", value: "v.value")) AS properties FROM (\
            SELECT m.person_id, c.name, \(latest) AS value FROM \(changes) c \
            JOIN \(personMap) m ON m.identity_id = c.identity_id WHERE c.seq <= \(asOf) \
            GROUP BY m.person_id, c.name) v WHERE v.value IS NOT NULL GROUP BY v.person_id
            """
    }

    /// As `relation`, with a row for every person: a join in which each row finds one keeps the order of the rows.
    public func relationOfAll(asOf: Int64, personMap: SQLFragment) -> SQLFragment {
        """
        SELECT n.person_id, \(names.indices.map(Self.column).joined(", ")) FROM \
        (SELECT DISTINCT m.person_id FROM \(personMap) m) n \
        LEFT JOIN (\(relation(asOf: asOf, personMap: personMap))) p ON p.person_id = n.person_id
        """
    }

    /// As `relation`, but out of the objects: one pass that does not grow with the number of names.
    func wideRelation(asOf: Int64, personMap: SQLFragment, changes: SQLFragment) -> SQLFragment {
        let columns = names.enumerated().map { (i, name) in
            DuckDBDialect.token("o.properties", name) + SQLFragment(pieces: [.sql(" AS p\(i)")])
        }
        let objects = Self.objects(asOf: asOf, personMap: personMap, changes: changes)
        return "SELECT o.person_id, \(columns.joined(", ")) FROM (\(objects)) o"
    }
}
