public import Model

/// Every engine word that the query tree uses. Another engine gets a file like this one; nothing else knows which
/// engine answers.
public enum DuckDBDialect {
    // MARK: Names and values

    /// A name in double quotes. NUL, which would end the statement, becomes U+FFFD.
    public static func identifier(_ name: String) -> String { QuotedText.enclosed(name, in: "\"") }

    /// Numbers and times are written into the statement: the engine prunes row groups only by constants. Texts and
    /// doubles are bound (nil).
    static func literal(_ value: SQLValue) -> String? {
        switch value {
        case .int(let number): number == .min ? "(-9223372036854775807 - 1)" : "\(number)"
        case .bool(let truth): truth ? "true" : "false"
        case .time(let time): "make_timestamp(\(time.microseconds))"
        case .text, .double: nil
        }
    }

    /// A text as a literal, for the few statements that cannot carry values (COPY's file name).
    public static func quoted(_ text: String) -> String { QuotedText.enclosed(text, in: "'") }

    /// A moment as a constant, for statements that are written as text.
    public static func momentText(_ time: Timestamp) -> String { "make_timestamp(\(time.microseconds))" }

    /// A column of the row that is last by time and then by commit order, for statements that are written as text.
    public static func latestText(_ column: String) -> String {
        "arg_max(\(column), epoch_us(timestamp)::HUGEINT * 18446744073709551616 + seq)"
    }

    // MARK: JSON values (tokens), read by functions that the store registers

    /// The raw JSON value of an object's key; NULL if absent or null.
    public static func token(_ object: SQLFragment, _ name: String) -> SQLFragment {
        "property_token(\(object), \(name))"
    }

    /// The same value as all that say the same are written.
    public static func tokenKey(_ object: SQLFragment, _ name: String) -> SQLFragment {
        "property_key(\(object), \(name))"
    }

    /// A stored token, with JSON's null as absent.
    public static func present(_ token: SQLFragment) -> SQLFragment { "nullif(\(token), 'null')" }

    /// What a token says: a string without its quotes and escapes; numbers and the rest as written.
    public static func text(_ token: SQLFragment) -> SQLFragment { "token_text(\(token))" }

    /// The number of a token that is one, or is a text that reads as one by JSON's grammar; else NULL.
    public static func number(_ token: SQLFragment) -> SQLFragment { "token_number(\(token))" }

    /// The whole number of a token; `10.0` is one, `1e1` and `1.5` are not.
    public static func wholeNumber(_ token: SQLFragment) -> SQLFragment { "token_whole(\(token))" }

    /// The truth of a token that is `true` or `false`, as a value or as a text.
    public static func truth(_ token: SQLFragment) -> SQLFragment { "token_truth(\(token))" }

    /// The moment of a text that is a time; UTC where no offset is written.
    public static func time(_ token: SQLFragment) -> SQLFragment { "token_time(\(token))" }

    // MARK: Tests on tokens; NULL where they do not apply

    static func isText(_ token: SQLFragment, _ value: String) -> SQLFragment {
        "(\(text(token)) = \(value) AND starts_with(\(token), '\"'))"
    }

    static func isBool(_ token: SQLFragment, _ value: Bool) -> SQLFragment {
        value ? "\(token) = 'true'" : "\(token) = 'false'"
    }

    /// A number token of the same value. Beyond 2⁵³ whole numbers also compare by their digits, since a double
    /// no longer tells them apart.
    static func isNumber(_ token: SQLFragment, _ written: String) -> SQLFragment {
        let value = Double(written) ?? .nan
        let same: SQLFragment = "(NOT starts_with(\(token), '\"') AND token_number(\(token)) = \(value))"
        guard abs(value) >= 9_007_199_254_740_992, !written.contains(where: { ".eE".contains($0) }) else { return same }
        return "(\(token) = \(written) OR \(same) AND regexp_matches(\(token), '[.eE]'))"
    }

    static func contains(_ text: SQLFragment, _ part: String) -> SQLFragment { "contains(\(text), \(part))" }
    static func startsWith(_ text: SQLFragment, _ part: String) -> SQLFragment { "starts_with(\(text), \(part))" }
    /// False where a test gave NULL, so that `NOT` turns it round.
    static func decided(_ test: SQLFragment) -> SQLFragment { "coalesce(\(test), false)" }

    // MARK: People and months

    /// A person's public id: `p_` and the number in base 32.
    public static func personText(_ number: SQLFragment) -> SQLFragment { "person_text(\(number))" }

    /// The names of the functions that answer for `identityText` and `identityPerson`.
    public static let identityTextName = "export_identity_text"
    public static let identityPersonName = "export_identity_person"

    /// An identity's text, from the table of a running export.
    public static func identityText(_ number: SQLFragment, run: Int64) -> SQLFragment {
        "export_identity_text(\(run), \(number))"
    }

    /// The public id of an identity's person, from the table of a running export.
    public static func identityPerson(_ number: SQLFragment, run: Int64) -> SQLFragment {
        "export_identity_person(\(run), \(number))"
    }

    /// The value of the row that is last by time and then by commit order.
    public static func latest(_ value: SQLFragment, time: SQLFragment, seq: SQLFragment) -> SQLFragment {
        "arg_max(\(value), \(place(time: time, seq: seq)))"
    }

    /// The value of the row that is first by time and then by commit order.
    static func earliest(_ value: SQLFragment, time: SQLFragment, seq: SQLFragment) -> SQLFragment {
        "arg_min(\(value), \(place(time: time, seq: seq)))"
    }

    /// A number by which rows are in the order of time and then of commit.
    static func place(time: SQLFragment, seq: SQLFragment) -> SQLFragment {
        "epoch_us(\(time))::HUGEINT * 18446744073709551616 + \(seq)"
    }

    /// Joins each row of `rows`, as `a`, with the nearest of `others`, as `b`, that has the same `p` and a greater `k`.
    ///
    /// - Parameter isSameAllowed: whether the same `k` will do.
    static func nextRow(after rows: SQLFragment, _ others: SQLFragment, isSameAllowed: Bool) -> SQLFragment {
        let sign: SQLFragment = isSameAllowed ? ">=" : ">"
        return "(\(rows)) a ASOF JOIN (\(others)) b ON b.p = a.p AND b.k \(sign) a.k"
    }

    /// The latest value among the rows of which `test` holds.
    public static func latest(
        _ value: SQLFragment, time: SQLFragment, seq: SQLFragment, where test: SQLFragment
    ) -> SQLFragment {
        only(latest(value, time: time, seq: seq), where: test)
    }

    /// An aggregate of those rows of a group of which `test` holds.
    static func only(_ aggregate: SQLFragment, where test: SQLFragment) -> SQLFragment {
        "\(aggregate) FILTER (WHERE \(test))"
    }

    /// The second in which a moment lies.
    public static func second(_ time: SQLFragment) -> SQLFragment { "date_trunc('second', \(time))" }

    /// A name as KISSmetrics compares it.
    ///
    /// - Parameter folded: its lower-case form from the table of names; NULL where it is not listed.
    public static func kissmetricsName(_ name: SQLFragment, folded: SQLFragment) -> SQLFragment {
        "translate(coalesce(\(folded), lower(\(name))), ',:', '  ')"
    }

    /// Which of the rows with the same `keys` a row is in an order, from 1.
    public static func rowNumber(_ keys: SQLFragment, by order: SQLFragment) -> SQLFragment {
        "row_number() OVER (PARTITION BY \(keys) ORDER BY \(order))"
    }

    /// The month of a moment, in UTC.
    public static func month(_ time: SQLFragment) -> SQLFragment { "date_trunc('month', \(time))" }

    /// Months since year 0 (year × 12 + month - 1) of a moment, in UTC.
    public static func monthNumber(_ time: SQLFragment) -> SQLFragment {
        "(year(\(time)) * 12 + month(\(time)) - 1)"
    }

    /// Microseconds since 1970 of a moment.
    public static func microseconds(_ time: SQLFragment) -> SQLFragment { "epoch_us(\(time))" }

    /// Microseconds since 1970 of a column's moment, for statements that are written as text.
    public static func microsecondsText(_ column: String) -> String { "epoch_us(\(column))" }

    /// Months since year 0 (year × 12 + month - 1) of a column's moment, in UTC.
    static func monthNumberText(_ column: String) -> String { "(year(\(column)) * 12 + month(\(column)) - 1)" }

    /// Days since 1970 of a moment, in UTC.
    public static func dayNumber(_ time: SQLFragment) -> SQLFragment {
        "CAST(floor(epoch_us(\(time)) / 86400000000) AS BIGINT)"
    }

    /// A whole number without its lowest bits.
    public static func shifted(_ number: SQLFragment, by bits: Int64) -> SQLFragment { "(\(number) >> \(bits))" }

    /// The microseconds since 1970 of a local time in a zone that has a name.
    public static func moment(ofLocal time: Timestamp, in zone: String) -> SQLFragment {
        "SELECT epoch_us(timezone(\(zone), \(time)))"
    }

    /// Moments (in seconds since 1970) and the local times that they are in a zone that has a name, in order.
    ///
    /// - Parameter moments: a relation of one column.
    public static func localSeconds(of moments: SQLFragment, in zone: String) -> SQLFragment {
        """
        SELECT m.t, CAST(epoch_us(timezone(\(zone), make_timestamptz(m.t * 1000000))) // 1000000 AS BIGINT) \
        FROM \(moments) m(t) ORDER BY m.t
        """
    }

    /// A relation of one column with the numbers from one to another, the last not among them.
    public static func steps(from first: Int64, to end: Int64, by step: Int64) -> SQLFragment {
        "range(\(first), \(end), \(step))"
    }

    /// A relation of one column with these numbers.
    public static func numbers(_ numbers: [Int64]) -> SQLFragment {
        "(SELECT unnest([\(numbers.map { "\($0)" as SQLFragment }.joined(", "))]::BIGINT[]))"
    }

    /// The texts of a group as a list, in an order.
    public static func list(_ value: SQLFragment, by order: SQLFragment) -> SQLFragment {
        "list(\(value) ORDER BY \(order))"
    }

    /// A list of one text.
    public static func listOfOne(_ value: SQLFragment) -> SQLFragment { "[\(value)]" }

    /// A group's names and values as one JSON object, ordered by name; NULL values are left out.
    public static func object(name: SQLFragment, value: SQLFragment) -> SQLFragment {
        "'{' || coalesce(string_agg(to_json(\(name))::VARCHAR || ':' || \(value), ',' ORDER BY \(name)), '') || '}'"
    }

    /// A moment with its zone (UTC), so that a file says so, whatever the session's zone.
    public static func zoned(_ time: SQLFragment) -> SQLFragment { "make_timestamptz(epoch_us(\(time)))" }

    // MARK: Files

    /// Bounds the memory of the whole engine.
    public static func memoryLimit(_ limit: String) -> String { "SET memory_limit = \(quoted(limit))" }

    /// Writes a query's rows to a Parquet file.
    ///
    /// - Parameter codec: what packs the pages: `snappy`, `gzip` or `zstd`.
    public static func copyParquet(_ query: SQLFragment, to path: String, codec: String) -> SQLFragment {
        copy(query, to: path, "\(parquet(codec))")
    }

    /// Tells how large a Parquet file of a query's rows would be. The answer's second to fourth columns are the numbers of
    /// rows, of the file's bytes, and of those of its footer.
    public static func measureParquet(_ query: SQLFragment, codec: String) -> SQLFragment {
        copy(query, to: "/dev/null", "\(parquet(codec)), RETURN_STATS true")
    }

    private static func parquet(_ codec: String) -> String {
        // Half the engine's own size of a row group: several are gathered at once, and where memory is bounded its
        // threads would wait for each other.
        "FORMAT parquet, COMPRESSION \(codec), ROW_GROUP_SIZE 30720, USE_TMP_FILE false"
    }

    private static func copy(_ query: SQLFragment, to path: String, _ options: String) -> SQLFragment {
        SQLFragment(pieces: [.sql("COPY (")]) + query
            + SQLFragment(pieces: [.sql(") TO \(quoted(path)) (\(options))")])
    }
}
