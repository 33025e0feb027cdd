internal import Model

/// The engine's words for computed columns of people.
///
/// Sums are decimals of nine digits after the point, weights of decay among them: their order does not matter, so that the same rows
/// give the same value wherever they lie.
extension DuckDBDialect {
    /// Days before 1970 by which numbers of days are moved above zero, since the engine cuts towards it.
    private static let someDays: Int64 = 1_000_000
    private static let dayLength: Int64 = 86_400_000_000

    /// The number of the day, since 1970, on which a moment lies in a zone.
    static func localDay(_ time: SQLFragment, in zone: String) -> SQLFragment {
        if let offset = QueryClock.offset(zone) { return dayNumber(of: "epoch_us(\(time)) + \(offset * 1_000_000)") }
        return dayNumber(of: "epoch_us(timezone(\(zone), make_timestamptz(epoch_us(\(time)))))")
    }

    private static func dayNumber(of microseconds: SQLFragment) -> SQLFragment {
        "((\(microseconds) + \(someDays * dayLength)) // \(dayLength) - \(someDays))"
    }

    /// What an event counts that is so many days old; 1 on the day itself.
    static func decay(age: SQLFragment, halfLife: Int64) -> SQLFragment {
        "CAST(pow(0.5, greatest(\(age), 0)::DOUBLE / \(halfLife)) AS DECIMAL(18, 9))"
    }

    /// A token's number as a decimal; NULL for what is none, or is too great to be added to others.
    static func amount(_ token: SQLFragment) -> SQLFragment { "token_amount(\(token))" }

    /// A token's number with nine digits after the point.
    public static func decimal(_ token: SQLFragment) -> SQLFragment {
        "TRY_CAST(token_text(\(token)) AS DECIMAL(38, 9))"
    }

    /// The first of some values that is not NULL.
    static func firstPresent(_ values: [SQLFragment]) -> SQLFragment {
        values.count == 1 ? values[0] : "coalesce(\(values.joined(", ")))"
    }

    static func decayed(_ amount: SQLFragment, by weight: SQLFragment) -> SQLFragment {
        "CAST(CAST(\(amount) AS DECIMAL(27, 9)) * CAST(\(weight) AS DECIMAL(10, 9)) AS DECIMAL(38, 9))"
    }

    /// A sum of decimals; 0 of nothing.
    static func decimalSum(_ value: SQLFragment, where test: SQLFragment) -> SQLFragment {
        "coalesce(sum(\(value)) FILTER (WHERE \(test)), 0)"
    }

    /// A term times its weight. What is beyond all bounds is NULL.
    static func weighted(_ term: SQLFragment, _ weight: String) -> SQLFragment {
        // A weight was read as a number of few digits.
        let weight = SQLFragment(pieces: [.sql("CAST(\(weight) AS DECIMAL(9, 4))")])
        return "TRY_CAST(\(term) AS DECIMAL(27, 9)) * \(weight)"
    }

    /// A decimal between bounds, with fewer digits after the point.
    static func bounded(_ value: SQLFragment, min: String?, max: String?, digits: Int64?) -> SQLFragment {
        func literal(_ number: String) -> SQLFragment {
            SQLFragment(pieces: [.sql("CAST(\(quoted(number)) AS DECIMAL(38, 9))")])
        }
        var value: SQLFragment = "CAST(\(value) AS DECIMAL(38, 9))"
        // Only where there is a value: the engine's own functions skip NULL.
        if let min { value = "greatest(\(value), \(literal(min)))" }
        if let max { value = "least(\(value), \(literal(max)))" }
        if let digits { value = "round(\(value), \(SQLFragment(pieces: [.sql(String(digits))])))" }
        return value
    }

    /// A whole number or a decimal as JSON writes it, without zeros at the end of its fraction.
    static func numberToken(_ value: SQLFragment) -> SQLFragment {
        "rtrim(rtrim(CAST(CAST(\(value) AS DECIMAL(38, 9)) AS VARCHAR), '0'), '.')"
    }

    /// The sign of a comparison of doubles; false where there is none.
    static func compares(_ term: SQLFragment, _ sign: SQLFragment, _ number: Double) -> SQLFragment {
        decided("CAST(\(term) AS DOUBLE) \(sign) \(number)")
    }

    /// One JSON object of tokens, without those that are NULL.
    static func object(_ tokens: [(name: String, token: SQLFragment)]) -> SQLFragment {
        if tokens.isEmpty { return "'{}'" }
        // A column's name has nothing in it that JSON or SQL would escape.
        let members = tokens.map { name, token in
            SQLFragment(pieces: [.sql("'\"\(name)\":' || ")]) + "(\(token))"
        }
        return "'{' || concat_ws(',', \(members.joined(", "))) || '}'"
    }

    /// The numbers of a list that is written in, as the engine skips rows by constants alone.
    static func list(_ numbers: [Int64]) -> SQLFragment {
        SQLFragment(pieces: [.sql("(" + numbers.map(String.init).joined(separator: ", ") + ")")])
    }

    /// Both values of a row as two rows.
    static func both(_ a: SQLFragment, _ b: SQLFragment) -> SQLFragment { "unnest([\(a), \(b)])" }

    /// The token that a JSON value is.
    static func token(of value: JSONValue) -> SQLFragment {
        value == .null ? "NULL::VARCHAR" : "CAST(\(value.text) AS VARCHAR)"
    }
}
