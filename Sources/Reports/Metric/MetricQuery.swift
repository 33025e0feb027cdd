internal import EventStore
internal import Model

/// One measure over one range as a statement of few rows.
///
/// Where parts add up, events are gathered by value and bucket at once, and only then are the greatest values chosen; else the
/// events are kept, narrow, since people and percentiles of "other" cannot be made of those of its parts.
struct MetricQuery {
    let measure: Measure
    let interval: Interval?
    let breakdown: Breakdown?
    private var query: ReportQuery
    private let zone: ReportZone
    private let window: TimeWindow
    /// The values that are shown, where another statement has chosen them.
    private let keys: [String?]?

    init(
        _ measure: Measure, interval: Interval?, breakdown: Breakdown?, _ query: ReportQuery, zone: ReportZone,
        window: TimeWindow, keys: [String?]? = nil
    ) {
        self.measure = measure
        self.interval = interval
        self.breakdown = breakdown
        self.query = query
        self.zone = zone
        self.window = window
        self.keys = keys
    }

    var needs: PersonNeeds {
        get { query.needs }
        set { query.needs = newValue }
    }

    /// Rows of a group's number, its value, whether it is the total over all buckets, the bucket, and the columns of the
    /// measure.
    ///
    /// - Parameter run: where the identities are noted of the events that are looked at.
    mutating func statement(noting run: Int64? = nil) throws(QueryError) -> SQLFragment {
        let isAdditive = measure.isAdditive
        var bucket = interval.map { $0.bucket(query.time, in: zone) } ?? "0"
        if let run { bucket += " + \(ReportDialect.seen(run, "e.identity_id"))" }
        var columns: [SQLFragment] = ["\(bucket) AS b", "\(try value()) AS v"]
        if measure.of == .people || isPersonal { columns.append("\(query.who) AS who") }
        let rows = try self.rows(columns)
        var parts: [SQLFragment] = []
        if isAdditive {
            parts.append(
                ReportDialect.once(
                    "base", "SELECT v, b, \(measure.partial.joined(", ")) FROM (\(rows)) h GROUP BY v, b"))
        } else if breakdown != nil {
            parts.append(ReportDialect.once("base", rows))
        } else {
            parts.append("base AS (\(rows))")
        }
        var source: SQLFragment = "base"
        var (group, value): (SQLFragment, SQLFragment) = ("0", "NULL")
        if let breakdown {
            parts += ReportQuery.grouped("base", top: breakdown.top, by: measure.rank, keys: keys)
            (source, group, value) = ("keyed", "k", ReportDialect.any("v"))
        } else {
            source = "(SELECT 0 AS k, * FROM base) h"
            group = "k"
        }
        let list = [group, value, ReportDialect.isTotal("b"), "b"] + measure.final
        return """
            WITH \(parts.joined(", ")) SELECT \(list.joined(", ")) FROM \(source) \
            GROUP BY \(ReportDialect.grouped(by: "b", within: "k")) ORDER BY k, b NULLS LAST
            """
    }

    /// The persons behind a point, in order.
    ///
    /// - Parameters:
    ///   - bucket: the bucket's number; nil for all.
    ///   - group: the test for the group; nil for all.
    mutating func people(
        bucket: Int64?, group: SQLFragment?, _ place: PeoplePlace
    ) throws(QueryError) -> SQLFragment {
        let number = interval.map { $0.bucket(query.time, in: zone) } ?? "0"
        let rows = try self.rows(["\(number) AS b", "\(try value()) AS v", "\(query.who) AS who"])
        var parts = [ReportDialect.once("base", rows)]
        if let breakdown {
            parts += ReportQuery.grouped("base", top: breakdown.top, by: measure.rankOfRows, keys: keys)
        } else {
            parts.append("keyed AS (SELECT 0 AS k, * FROM base)")
        }
        let isIn = bucket.map { "b = \($0)" as SQLFragment }
        return "WITH \(parts.joined(", ")) \(place.select(from: "keyed", where: [isIn, group].compactMap { $0 }))"
    }

    private func token(_ name: String) -> SQLFragment { DuckDBDialect.token("e.properties", name) }

    /// An event's own value.
    private func value() throws(QueryError) -> SQLFragment {
        guard let breakdown, !breakdown.isOfPerson, breakdown.moment == .atStep else { return "NULL" }
        return DuckDBDialect.tokenKey("e.properties", breakdown.name)
    }

    /// Whether values are the persons' and not those of the events.
    private var isPersonal: Bool { breakdown.map { $0.isOfPerson || $0.moment != .atStep } ?? false }

    /// The events with `b`, `v`, of numbers `x`, and what else is asked for.
    private mutating func rows(_ columns: [SQLFragment]) throws(QueryError) -> SQLFragment {
        let number: [SQLFragment] =
            measure.of.isOfNumbers ? ["\(DuckDBDialect.number(token(measure.property))) AS x"] : []
        let test = try query.test(measure.events)
        let rows = try query.events(columns + number, where: [test], in: window)
        guard isPersonal, let breakdown else { return rows }
        let values = try query.values(breakdown, at: .empty)
        let list: SQLFragment = "h.b, h.who, w.v\(measure.of.isOfNumbers ? ", h.x" : .empty)"
        return "SELECT \(list) FROM (\(rows)) h LEFT JOIN (\(values)) w ON w.who = h.who"
    }
}

extension Measure {
    /// Whether a group's measure can be made of those of its parts.
    var isAdditive: Bool {
        switch of {
        case .people, .quantile: false
        case .events, .sum, .average, .least, .greatest: true
        }
    }

    /// The columns of one part.
    var partial: [SQLFragment] {
        switch of {
        case .events: ["count(*) AS n"]
        case .sum, .average:
            [
                "count(*) AS n", "count(x) AS c", "\(ReportDialect.decimalSum("x")) AS d",
                "\(ReportDialect.restSum("x")) AS f",
            ]
        case .least: ["count(*) AS n", "min(x) AS x"]
        case .greatest: ["count(*) AS n", "max(x) AS x"]
        case .people, .quantile: []
        }
    }

    /// The columns of a group: of parts where it is additive, else of events.
    var final: [SQLFragment] {
        switch of {
        case .events: [ReportDialect.wholeSum("n")]
        case .people: ["count(DISTINCT who)"]
        case .sum, .average: [ReportDialect.wholeSum("c"), "sum(d)", "sum(f)"]
        case .least: ["min(x)"]
        case .greatest: ["max(x)"]
        case .quantile(let share): [ReportDialect.quantile("x", share)]
        }
    }

    /// By what values are compared when the greatest are chosen, of the rows that `final` reads.
    var rank: SQLFragment {
        switch of {
        case .events, .average, .least, .greatest: "sum(n)"
        case .sum: "coalesce(sum(d), 0) + coalesce(sum(f), 0)"
        case .people: "count(DISTINCT who)"
        case .quantile: "count(*)"
        }
    }

    /// The same, of events.
    var rankOfRows: SQLFragment {
        switch of {
        case .events, .average, .least, .greatest, .quantile: "count(*)"
        case .sum: "coalesce(\(ReportDialect.decimalSum("x")), 0) + coalesce(\(ReportDialect.restSum("x")), 0)"
        case .people: "count(DISTINCT who)"
        }
    }
}
