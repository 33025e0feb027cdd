public import Model

/// A day in a zone, as of which a computed column is asked.
public struct ComputedDay: Sendable, Hashable {
    /// Days since 1970, counted in the zone.
    public let number: Int64
    /// `UTC`, an offset or a name.
    public let timezone: String

    public init(_ number: Int64, in timezone: String) {
        self.number = number
        self.timezone = timezone
    }

    /// `YYYY-MM-DD`.
    public var text: String {
        let date = CivilDate(daysSinceEpoch: number)
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(two(date.year / 100))\(two(date.year % 100))-\(two(date.month))-\(two(date.day))"
    }
}

/// A version of a computed column, as of a day: with a `seq` it says one value of each person, whenever it is asked.
public struct ComputedColumn: Sendable, Equatable {
    /// The most computed columns of a project.
    public static let most = 100
    public static let nameRule =
        "a name is 1 to 63 of a-z, 0-9 and _, begins with a letter, and is no column that there is already"

    public let name: String
    /// Of the definition, from 1.
    public let version: Int64
    public let formula: ComputedFormula
    public let day: ComputedDay

    public init(_ name: String, version: Int64, formula: ComputedFormula, day: ComputedDay) {
        self.name = name
        self.version = version
        self.formula = formula
        self.day = day
    }

    /// Whether a text can be a computed column's name.
    public static func isName(_ text: String) -> Bool {
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first, 0x61...0x7a ~= first else {
            return false
        }
        let isPlain = text.utf8.allSatisfy { 0x61...0x7a ~= $0 || 0x30...0x39 ~= $0 || $0 == 0x5f }
        return isPlain && BuiltinColumn(rawValue: text) == nil && text != "id" && text != "computed"
    }

    /// As a condition's leaf or an export's specification has it: with it, the same is asked again at any time.
    public var json: JSONValue {
        .object([
            .init("version", JSONValue(version)), .init("day", .string(day.text)),
            .init("timezone", .string(day.timezone)), .init("terms", formula.json["terms"] ?? [:]),
            .init("value", formula.json["value"] ?? [:]),
        ])
    }

    /// Reads what `json` wrote.
    public init(_ name: String, json: JSONValue, path: String) throws(QueryError) {
        let node = FormulaNode(json, path)
        try node.check(["version", "day", "timezone", "terms", "value"])
        guard Self.isName(name) else { throw node.error(Self.nameRule) }
        guard let version = json["version"]?.intValue, version > 0 else {
            throw node.error("\"version\" is a whole number from 1")
        }
        guard let text = json["day"]?.stringValue, let day = WrittenTime(text), day.microsecondsInDay == 0,
            day.offsetSeconds == nil
        else { throw node.error("\"day\" is a date such as 2026-01-31") }
        guard let timezone = json["timezone"]?.stringValue, timezone.utf8.count <= 64 else {
            throw node.error("\"timezone\" is a zone")
        }
        let formula = try ComputedFormula(
            .object([.init("terms", json["terms"] ?? .null), .init("value", json["value"] ?? .null)]), path: path)
        self.init(
            name, version: version, formula: formula, day: ComputedDay(day.date.daysSinceEpoch, in: timezone))
    }

    /// What tells this definition from every other that the table of people can have. On which day something was is another matter
    /// in another zone.
    var digest: String {
        let isZoned = formula.terms.contains { $0.measure == .days }
        return isZoned ? "\(formula.fingerprint)/\(day.timezone)" : formula.fingerprint
    }
}
