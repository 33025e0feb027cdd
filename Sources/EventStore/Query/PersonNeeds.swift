/// What a query needs to know of persons beside its rows, gathered while conditions and columns become SQL.
public struct PersonNeeds: Sendable, Equatable {
    /// Current properties: the relation `p`.
    public var properties = PersonProperties()
    /// What columns of people say of events: the relation `v`.
    public var events = PersonEvents()
    /// The persons of whom something holds: the table `person_sets`.
    public var sets = PersonSets()
    /// Computed columns of people, each day's in a temporary table; the sets may look into it.
    public var computed = ComputedNeeds()

    public init() {}
}

/// Sets of persons that conditions name by number, in a temporary table: each is found once, however many statements,
/// rows and places of a condition ask for it.
public struct PersonSets: Sendable, Equatable {
    /// The temporary table, of `number` and `person_id`.
    public static let table = "person_sets"

    /// The most sets of one statement: each takes a pass over events or changes, and the engine plans many of them slowly.
    public static let most = 100

    /// The queries of the sets, each of a `person_id`.
    private var queries: [SQLFragment] = []
    private var numbers: [SQLFragment: Int] = [:]

    public init() {}

    /// Whether there is none.
    public var isEmpty: Bool { queries.isEmpty }

    /// Whether a person is in the set that `query` finds; the set is noted as needed.
    mutating func holds(
        _ person: SQLFragment, _ query: SQLFragment, path: String
    ) throws(QueryError) -> SQLFragment {
        let number = numbers[query] ?? queries.count
        if number == queries.count {
            guard number < Self.most else {
                throw QueryError(
                    .tooLarge, at: path,
                    "a condition asks at most \(Self.most) different things of what people did or were; those of saved segments count, too"
                )
            }
            queries.append(query)
            numbers[query] = number
        }
        let table = SQLFragment(stringLiteral: Self.table)
        return "\(person) IN (SELECT d.person_id FROM \(table) d WHERE d.number = \(Int64(number)))"
    }

    /// The statements that make the table.
    public var statements: [SQLFragment] {
        let table = SQLFragment(stringLiteral: Self.table)
        let make: SQLFragment = "CREATE OR REPLACE TEMP TABLE \(table)(number INTEGER, person_id BIGINT)"
        return [make]
            + queries.enumerated().map { (number, query) in
                "INSERT INTO \(table) SELECT \(Int64(number)), s.person_id FROM (\(query)) s"
            }
    }
}
