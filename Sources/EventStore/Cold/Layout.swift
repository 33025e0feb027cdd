internal import DuckDB

/// A table of rows with a `seq`.
public enum RowTable: String, Sendable, CaseIterable {
    case events
    case propertyChanges = "property_changes"
}

/// Where the rows of events and property changes lie at one moment: the newest in tables of the hot file, one pair a
/// *generation*, in the order of their `seq`; the others in cold files.
///
/// A layout never changes; a new one takes its place, and what only older ones name is removed when nobody reads by
/// them any more.
public struct Layout: Sendable {
    public let version: Int64
    /// The generations of hot tables, oldest first; the last is the one that is written to.
    public let generations: [Int64]
    public let files: [ColdFile]

    /// Where rows can be: hot tables or a cold file.
    public enum Source: Sendable, Equatable {
        case generation(Int64)
        case file(ColdFile)

        /// The engine's name of one of its tables.
        public func name(_ table: RowTable) -> String {
            switch self {
            case .generation(let number): "\(table.rawValue)_\(number)"
            case .file(let file): "\(file.catalog).\(table.rawValue)"
            }
        }
    }

    /// All sources: cold files, then hot tables, oldest first.
    public var sources: [Source] { files.map { .file($0) } + generations.map { .generation($0) } }

    /// The generation that is written to.
    var active: Int64 { generations.last ?? 1 }

    /// A query of all rows of some sources' tables.
    public static func union(_ sources: [Source], _ table: RowTable) -> String {
        sources.map { "SELECT * FROM \($0.name(table))" }.joined(separator: " UNION ALL ")
    }

    /// Lets a connection know all rows by the names of their tables: as temporary views over all sources.
    func show(on connection: Connection) throws(DuckDBError) {
        guard connection.preparation != version else { return }
        connection.preparation = 0
        for table in RowTable.allCases {
            try connection.execute(
                "CREATE OR REPLACE TEMP VIEW \(table.rawValue) AS \(Self.union(sources, table))")
        }
        connection.preparation = version
    }

    /// The layout after this one.
    func next(generations: [Int64]? = nil, files: [ColdFile]? = nil) -> Layout {
        Layout(version: version + 1, generations: generations ?? self.generations, files: files ?? self.files)
    }
}

/// What a reader sees.
public struct Pinned: Sendable {
    /// Everything up to this `seq`; what came after it may be missing.
    public let seq: Int64
    public let layout: Layout
    /// Who is tied to others now; nil where that is not kept.
    public let ties: PersonTies?
    /// How far the table of people is; nil where that is not kept.
    public let people: PeopleProgress?

    public init(seq: Int64, layout: Layout, ties: PersonTies? = nil, people: PeopleProgress? = nil) {
        self.seq = seq
        self.layout = layout
        self.ties = ties
        self.people = people
    }
}

/// The hot tables.
enum Generations {
    static let table = "CREATE TABLE generations(id BIGINT);"

    static func tables(_ number: Int64) -> String {
        RowTable.allCases.map { "CREATE TABLE \($0.rawValue)_\(number)(\($0.definition));" }.joined()
    }

    static func read(_ connection: Connection) throws(StoreError) -> [Int64] {
        try storing { try connection.rows("SELECT id FROM generations ORDER BY id").compactMap { $0[0].int } }
    }

    /// Makes the next generation.
    static func add(_ number: Int64, _ connection: Connection) throws(DuckDBError) {
        try connection.execute(tables(number) + "INSERT INTO generations VALUES (\(number))")
    }

    /// Rows of a generation.
    static func rows(_ number: Int64, _ connection: Connection) throws(DuckDBError) -> Int64 {
        let counts = try connection.row(
            "SELECT (SELECT count(*) FROM events_\(number)) + (SELECT count(*) FROM property_changes_\(number))")
        return counts?[0].int ?? 0
    }

    /// Removes the tables of a generation that nobody reads any more.
    static func drop(_ number: Int64, _ connection: Connection) throws(DuckDBError) {
        try connection.execute("DROP TABLE IF EXISTS events_\(number); DROP TABLE IF EXISTS property_changes_\(number)")
    }

    /// Removes tables of generations that are not in the list: a crash came between the switch to a cold file and this.
    static func dropStale(_ connection: Connection, keeping: [Int64]) throws(StoreError) {
        let names = try storing {
            try connection.rows(
                "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'events\\_%' ESCAPE '\\' "
                    + "OR table_name LIKE 'property\\_changes\\_%' ESCAPE '\\'")
        }
        let stale = Set(
            names.compactMap { row in
                row[0].text.flatMap { name in name.split(separator: "_").last.flatMap { Int64($0) } }
            }
        ).subtracting(keeping)
        for number in stale { try storing { try drop(number, connection) } }
    }
}
