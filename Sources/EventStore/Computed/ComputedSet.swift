internal import DuckDB
public import Model

/// The computed columns of a project as they are defined now, and the zone in which its days begin.
public struct ComputedSet: Sendable, Equatable {
    /// One definition, of no day.
    public struct Definition: Sendable, Equatable {
        public let name: String
        public let version: Int64
        public let formula: ComputedFormula

        public init(_ name: String, version: Int64, formula: ComputedFormula) {
            self.name = name
            self.version = version
            self.formula = formula
        }
    }

    /// In the order of their names.
    public var definitions: [Definition]
    public var timezone: String

    public init(_ definitions: [Definition], timezone: String = "UTC") {
        self.definitions = definitions.sorted { $0.name < $1.name }
        self.timezone = timezone
    }

    /// As every project begins.
    public static let standard = ComputedSet(
        ComputedFormula.defaults.map { Definition($0.name, version: 1, formula: $0.formula) })

    /// The columns as of a day in the project's zone.
    public func columns(on day: Int64) -> [ComputedColumn] {
        let day = ComputedDay(day, in: timezone)
        return definitions.map { ComputedColumn($0.name, version: $0.version, formula: $0.formula, day: day) }
    }

    /// One column as of a day; nil if there is none of that name.
    public func column(_ name: String, on day: Int64) -> ComputedColumn? {
        columns(on: day).first { $0.name == name }
    }
}

extension EventStore {
    /// The day, since 1970, on which a moment lies in a zone.
    public func day(of moment: Timestamp, in timezone: String) async throws -> Int64 {
        if let day = ComputedDay.number(of: moment, in: timezone) { return day }
        return try await read { connection in try ComputedDay.number(of: moment, in: timezone, connection) }
    }
}

extension ComputedDay {
    /// The day of a moment in a zone that is written as an offset; nil for a name.
    static func number(of moment: Timestamp, in timezone: String) -> Int64? {
        guard let offset = QueryClock.offset(timezone) else { return nil }
        let local = moment.microseconds + offset * 1_000_000
        let (day, rest) = local.quotientAndRemainder(dividingBy: 86_400_000_000)
        return rest < 0 ? day - 1 : day
    }

    /// The day of a moment in any zone.
    static func number(of moment: Timestamp, in timezone: String, _ connection: Connection) throws -> Int64 {
        if let day = number(of: moment, in: timezone) { return day }
        let statement = SQLStatement("SELECT \(DuckDBDialect.localDay("\(moment)", in: timezone))")
        guard let day = try connection.row(statement.text, statement.values)?[0].int else {
            throw StoreError(.database, "The engine does not know the zone \(timezone).")
        }
        return day
    }
}
