internal import DuckDB
internal import EventStore
internal import Model

/// The engine's words that reports use beside those of `DuckDBDialect`. Another engine gets a file like this one.
enum ReportDialect {
    // MARK: Time

    /// Of a number that may be below zero, the whole number at or below its quotient.
    static func floorDivided(_ number: SQLFragment, by unit: Int64) -> SQLFragment {
        // The engine cuts towards zero, so that the dividend is moved above it: no year that is stored lies below this.
        let years = 100_000_000_000_000_000 / unit + 1
        return "((\(number) + \(years * unit)) // \(unit) - \(years))"
    }

    /// A quotient of numbers that are not below zero, without its fraction.
    static func divided(_ number: SQLFragment, by unit: Int64) -> SQLFragment { "((\(number)) // \(unit))" }

    /// The moment of microseconds since 1970.
    static func moment(_ microseconds: SQLFragment) -> SQLFragment { "make_timestamp(\(microseconds))" }

    /// A row's place in the order of time and then of commit.
    static func place(_ microseconds: SQLFragment, _ seq: SQLFragment) -> SQLFragment {
        "(\(placeStart(microseconds)) + \(seq))"
    }

    /// The place before all rows of a time.
    static func placeStart(_ microseconds: SQLFragment) -> SQLFragment {
        "(\(microseconds))::HUGEINT * 18446744073709551616"
    }

    /// The greatest of some numbers.
    static func greatest(_ numbers: [SQLFragment]) -> SQLFragment {
        numbers.count == 1 ? numbers[0] : "greatest(\(numbers.joined(", ")))"
    }

    /// A stored value as all that say the same are written.
    static func key(_ token: SQLFragment) -> SQLFragment { "token_key(\(token))" }

    // MARK: Bits

    /// A number with a bit for each test that holds.
    static func mask(_ tests: [SQLFragment]) -> SQLFragment {
        tests.enumerated().map { (i, test) in "CASE WHEN \(test) THEN \(Int64(1) << Int64(i)) ELSE 0 END" as SQLFragment
        }
        .joined(" + ")
    }

    static func hasBit(_ mask: SQLFragment, _ bit: Int) -> SQLFragment { "(\(mask) & \(Int64(1) << Int64(bit))) <> 0" }

    /// The bit of a period; 128 of them hold as many as there can be.
    static func periodBit(_ period: SQLFragment, isWide: Bool) -> SQLFragment {
        isWide ? "(1::HUGEINT << (\(period))::HUGEINT)" : "(1::BIGINT << (\(period))::BIGINT)"
    }

    /// The periods that a group has rows of, a bit each.
    static func periods(_ period: SQLFragment, isWide: Bool) -> SQLFragment {
        "bit_or(\(periodBit(period, isWide: isWide)))"
    }

    static func hasPeriod(_ mask: SQLFragment, _ period: Int, isWide: Bool) -> SQLFragment {
        isWide
            ? "((\(mask) >> \(Int64(period))::HUGEINT) & 1::HUGEINT) <> 0" : hasBit(mask, period)
    }

    // MARK: Joins

    /// Of each row on the left, with the one row on the right that is next by a number: of the same person, at or above it.
    ///
    /// Inner, since the engine's outer form takes rows without a number for equal.
    static func next(_ left: SQLFragment, _ right: SQLFragment, at: SQLFragment, from low: SQLFragment) -> SQLFragment {
        "\(left) ASOF JOIN \(right) ON l.who = r.who AND \(at) >= \(low)"
    }

    /// As `next`, with the one row on the right that is before it or at it.
    static func previous(
        _ left: SQLFragment, _ right: SQLFragment, at: SQLFragment, until high: SQLFragment
    ) -> SQLFragment {
        "\(left) ASOF JOIN \(right) ON l.who = r.who AND \(high) >= \(at)"
    }

    /// The rows of a relation whose `key` another one has, too.
    static func semi(_ rows: SQLFragment, _ key: SQLFragment, of others: SQLFragment) -> SQLFragment {
        "(SELECT * FROM \(rows) WHERE \(key) IN (SELECT \(key) FROM \(others)))"
    }

    /// The same column of a person's next row, by that column.
    static func following(_ value: SQLFragment) -> SQLFragment {
        "lead(\(value)) OVER (PARTITION BY who ORDER BY \(value))"
    }

    /// A part of a statement that is worked out once, however often it is named.
    static func once(_ name: SQLFragment, _ query: SQLFragment) -> SQLFragment {
        "\(name) AS MATERIALIZED (\(query))"
    }

    /// Whether two values are one, with NULL as a value.
    static func same(_ a: SQLFragment, _ b: SQLFragment) -> SQLFragment { "\(a) IS NOT DISTINCT FROM \(b)" }

    // MARK: Aggregates

    /// The name of the aggregate of `tally`.
    static let tallyName = "report_tally"

    /// Takes rows into slots in memory (`TallyPass`).
    static func tally(
        _ run: Int64, _ identity: SQLFragment, _ microseconds: SQLFragment, _ seq: SQLFragment
    ) -> SQLFragment {
        "report_tally(\(run), \(identity), \(microseconds), \(seq))"
    }

    /// The name of the aggregate of `gather`.
    static let gatherName = "report_gather"

    /// Takes rows into memory (`FunnelPass`).
    static func gather(_ run: Int64, _ identity: SQLFragment, _ microseconds: SQLFragment) -> SQLFragment {
        "report_gather(\(run), \(identity), \(microseconds))"
    }

    /// The name of the function of `seen`.
    static let seenName = "report_seen"

    /// Zero, for which an event's identity is noted (`SeenIdentities`).
    static func seen(_ run: Int64, _ identity: SQLFragment) -> SQLFragment { "report_seen(\(run), \(identity))" }

    /// How many threads a statement may have.
    static let threads = "CAST(current_setting('threads') AS BIGINT)"

    static func only(_ aggregate: SQLFragment, where test: SQLFragment) -> SQLFragment {
        "\(aggregate) FILTER (WHERE \(test))"
    }

    /// The share of a group's numbers below which `q` of them lie, between two of them in proportion.
    static func quantile(_ value: SQLFragment, _ q: Double) -> SQLFragment {
        "quantile_cont(\(value), \(SQLFragment(stringLiteral: String(q))))"
    }

    /// The value, NULL or not, of the row with the smallest key.
    static func first(_ value: SQLFragment, by key: SQLFragment) -> SQLFragment { "arg_min_null(\(value), \(key))" }

    /// The value of the row with the smallest key among those that have one.
    static func firstPresent(_ value: SQLFragment, by key: SQLFragment) -> SQLFragment { "arg_min(\(value), \(key))" }

    /// The value of the row with the greatest key among those that have one.
    static func lastPresent(_ value: SQLFragment, by key: SQLFragment) -> SQLFragment { "arg_max(\(value), \(key))" }

    /// Any value of a group whose rows have the same.
    static func any(_ value: SQLFragment) -> SQLFragment { "any_value(\(value))" }

    /// Numbers below this are added as decimals, so that the sum does not depend on their order.
    private static let decimalLimit: SQLFragment = "1e18"

    /// The exact sum of a group's numbers, to nine places.
    static func decimalSum(_ value: SQLFragment) -> SQLFragment {
        "sum(CASE WHEN abs(\(value)) < \(decimalLimit) THEN CAST(\(value) AS DECIMAL(38, 9)) END)"
    }

    /// The sum of the numbers that `decimalSum` leaves out; NULL where there is none, as there nearly always is.
    static func restSum(_ value: SQLFragment) -> SQLFragment {
        "sum(CASE WHEN abs(\(value)) >= \(decimalLimit) THEN \(value) END)"
    }

    /// The sum of whole numbers, as one.
    static func wholeSum(_ value: SQLFragment) -> SQLFragment { "CAST(coalesce(sum(\(value)), 0) AS BIGINT)" }

    /// The same of those rows of a group of which `test` holds.
    static func wholeSum(_ value: SQLFragment, where test: SQLFragment) -> SQLFragment {
        "CAST(coalesce(\(only("sum(\(value))", where: test)), 0) AS BIGINT)"
    }

    /// Which place a group has in an order, from 1.
    static func rank(by order: SQLFragment) -> SQLFragment { "row_number() OVER (ORDER BY \(order))" }

    /// Each of a person's rows, numbered by an order, from 1.
    static func position(by order: SQLFragment) -> SQLFragment {
        "row_number() OVER (PARTITION BY who ORDER BY \(order))"
    }

    /// Groups by `key`, and once more all together, with NULL for it.
    static func grouped(by key: SQLFragment, within outer: SQLFragment) -> SQLFragment {
        "GROUPING SETS ((\(outer), \(key)), (\(outer)))"
    }

    /// Whether a row of `grouped` is of all keys together.
    static func isTotal(_ key: SQLFragment) -> SQLFragment { "grouping(\(key)) = 1" }
}

extension SQLFragment {
    /// A name of ours with a number: `t3`.
    static func name(_ letter: String, _ number: Int) -> SQLFragment {
        SQLFragment(stringLiteral: letter + String(number))
    }
}
