internal import EventStore
internal import Model

/// A revenue report as one statement: the payments of all time up to the range's end, once, and three things asked of them.
struct RevenueQuery {
    let spec: RevenueSpec
    private var query: ReportQuery
    private let zone: ReportZone

    init(_ spec: RevenueSpec, _ query: ReportQuery, zone: ReportZone) {
        self.spec = spec
        self.query = query
        self.zone = zone
    }

    var needs: PersonNeeds { query.needs }

    /// Rows of what they are of (0 money, 1 gained, 2 lost, 3 who could be lost), whether of all buckets together, the bucket,
    /// two parts of a sum, people and events.
    mutating func statement() throws(QueryError) -> SQLFragment {
        let bucket = spec.interval?.bucket("ts", in: zone) ?? "0"
        let money = [ReportDialect.decimalSum("x"), ReportDialect.restSum("x")]
        let payers = ReportDialect.only("count(DISTINCT who)", where: "x > 0")
        let parts = try parts()
        func rows(_ kind: Int64, _ columns: [SQLFragment], _ source: SQLFragment) -> SQLFragment {
            """
            SELECT \(kind) AS kind, \(ReportDialect.isTotal("b")) AS total, b, \(columns.joined(", ")) FROM \
            (SELECT \(bucket) AS b, * FROM \(source)) h GROUP BY GROUPING SETS ((b), ())
            """
        }
        let none: [SQLFragment] = ["NULL", "NULL"]
        let people = none + ["count(DISTINCT who)", "0"]
        let ofAll: SQLFragment = """
            SELECT 3, true, 0, NULL, NULL, count(DISTINCT who), 0 FROM (SELECT who FROM \(source(of: .paid)) UNION ALL \
            SELECT who FROM \(source(of: .lost))) h
            """
        let all = [
            rows(0, money + [payers, "count(*)"], "pay WHERE \(isIn())"), rows(1, people, source(of: .gained)),
            rows(2, people, source(of: .lost)), ofAll,
        ]
        return "WITH \(parts.joined(", ")) \(all.joined(" UNION ALL "))"
    }

    /// The persons of a cell, in order.
    mutating func people(
        _ outcome: ReportCell.Payers, bucket: Int64?, _ place: PeoplePlace
    ) throws(QueryError) -> SQLFragment {
        let parts = try parts()
        var rows = source(of: outcome)
        if let bucket, let interval = spec.interval { rows += " AND \(interval.bucket("ts", in: zone)) = \(bucket)" }
        return "WITH \(parts.joined(", ")) \(place.select(from: "(SELECT who FROM \(rows)) h", where: []))"
    }

    /// The rows, each of a person and a time, that are those of one outcome.
    private func source(of outcome: ReportCell.Payers) -> SQLFragment {
        switch outcome {
        case .paid: return "pay WHERE x > 0 AND \(isIn())"
        case .gained: return "gains WHERE \(isIn())"
        // Nobody is lost before the time without a payment is over.
        case .lost:
            let asked = Timestamp(microseconds: query.frame.asOf.microseconds + 1)
            return "losses WHERE \(isIn(before: min(query.frame.to ?? .latest, asked)))"
        }
    }

    /// Whether a row is of the range.
    private func isIn(before end: Timestamp? = nil) -> SQLFragment {
        let isBefore: SQLFragment = "ts < \((end ?? query.frame.to ?? .latest).microseconds)"
        guard let from = query.frame.from else { return isBefore }
        return "ts >= \(from.microseconds) AND \(isBefore)"
    }

    private mutating func parts() throws(QueryError) -> [SQLFragment] {
        [
            ReportDialect.once("pay", try payments()),
            "gains AS (SELECT who, min(ts) AS ts FROM pay WHERE x > 0 GROUP BY who)",
            ReportDialect.once("losses", try losses()),
        ]
    }

    private mutating func payments() throws(QueryError) -> SQLFragment {
        let number = DuckDBDialect.number(DuckDBDialect.token("e.properties", spec.payments.property))
        let test = try query.test(spec.payments.events)
        return try query.events(
            ["\(query.who) AS who", "\(query.time) AS ts", "\(number) AS x"], where: [test],
            in: TimeWindow(to: query.frame.to))
    }

    /// The moments at which people who had paid were lost.
    private mutating func losses() throws(QueryError) -> SQLFragment {
        var all: [SQLFragment] = []
        if let after = spec.churnAfter {
            all.append(
                """
                SELECT who, ts + \(after) AS ts FROM (SELECT who, ts, \(ReportDialect.following("ts")) AS later \
                FROM pay WHERE x > 0) h WHERE later IS NULL OR later > ts + \(after)
                """)
        }
        if let events = spec.churnEvents {
            let test = try query.test(events)
            let rows = try query.events(
                ["\(query.who) AS who", "\(query.time) AS ts"], where: [test], in: query.frame.window)
            all.append("SELECT r.who, r.ts FROM (\(rows)) r JOIN gains g ON g.who = r.who AND g.ts <= r.ts")
        }
        return all.joined(" UNION ALL ")
    }
}
