internal import EventStore
internal import Model

/// A cohort report as one statement.
///
/// `starts` has each person's first start in the range; `hits` each later return with the number of its period; `marks` a bit
/// for each period in which a person returned. People with the same bits are counted together.
struct CohortQuery {
    let spec: CohortSpec
    private var query: ReportQuery
    private let zone: ReportZone
    private var parts: [SQLFragment] = []
    /// The relation of persons with the number `k` of their row and what they did: all of them.
    private static let members: SQLFragment = "members"

    init(_ spec: CohortSpec, _ query: ReportQuery, zone: ReportZone) throws(QueryError) {
        self.spec = spec
        self.query = query
        self.zone = zone
        parts = [try starts(), ReportDialect.once("marks", try marks())]
        if let breakdown = spec.breakdown {
            parts.append(ReportDialect.once("valued", try valued(breakdown)))
            parts += ReportQuery.grouped("valued", top: breakdown.top, by: "count(*)")
            parts.append("members AS (SELECT s.*, c.mark, c.hits FROM keyed s LEFT JOIN marks c ON c.who = s.who)")
        } else {
            let cohort = spec.interval.bucket("s.t1", in: zone)
            parts.append(
                "members AS (SELECT s.*, \(cohort) AS k, c.mark, c.hits FROM starts s LEFT JOIN marks c ON c.who = s.who)"
            )
        }
    }

    var needs: PersonNeeds { query.needs }

    private var isWide: Bool { spec.periods > 62 }

    /// A row for each cohort: its number, the value, people, events looked at, and people who returned in each period.
    var statement: SQLFragment {
        let value: SQLFragment = spec.breakdown == nil ? "NULL" : "v"
        let same: SQLFragment = """
            SELECT k, \(ReportDialect.any(value)) AS v, mark, count(*) AS n, \
            \(ReportDialect.wholeSum("starts")) + \(ReportDialect.wholeSum("hits")) AS looked FROM members GROUP BY k, mark
            """
        var columns: [SQLFragment] = [
            "k", ReportDialect.any("v"), ReportDialect.wholeSum("n"), ReportDialect.wholeSum("looked"),
        ]
        for period in 0..<spec.periods {
            let isIn = ReportDialect.hasPeriod("mark", period, isWide: isWide)
            columns.append(ReportDialect.wholeSum("n", where: isIn))
        }
        return "WITH \(parts.joined(", ")) SELECT \(columns.joined(", ")) FROM (\(same)) h GROUP BY k ORDER BY k"
    }

    /// The persons of a row, or those of them who returned in a period, in order.
    ///
    /// - Parameter row: the test for the row, of `k` and `v`.
    func people(row: SQLFragment, period: Int?, _ place: PeoplePlace) -> SQLFragment {
        let returned = period.map { ReportDialect.hasPeriod("mark", $0, isWide: isWide) }
        let persons = place.select(from: Self.members, where: [row] + [returned].compactMap { $0 })
        return "WITH \(parts.joined(", ")) \(persons)"
    }

    // MARK: Parts

    private var ownBreakdown: Breakdown? {
        spec.breakdown.flatMap { !$0.isOfPerson && $0.moment == .atStep ? $0 : nil }
    }

    private mutating func starts() throws(QueryError) -> SQLFragment {
        var columns: [SQLFragment] = ["\(query.who) AS who", "min(\(query.time)) AS t1", "count(*) AS starts"]
        if spec.canCoincide { columns.append("\(ReportDialect.first("e.seq", by: query.place)) AS s1") }
        if let breakdown = ownBreakdown {
            let token = DuckDBDialect.tokenKey("e.properties", breakdown.name)
            columns.append("\(ReportDialect.first(token, by: query.place)) AS own")
        }
        let test = try query.test(spec.start)
        let rows = try query.events(columns, where: [test], in: query.frame.window, group: query.who)
        return ReportDialect.once("starts", rows)
    }

    /// Returns may come after the range: people who started at its end have time, too.
    private mutating func marks() throws(QueryError) -> SQLFragment {
        let test = try query.test(spec.comeback)
        var columns: [SQLFragment] = ["\(query.who) AS who", "\(query.time) AS ts"]
        if spec.canCoincide { columns.append("e.seq AS seq") }
        // Nothing before the range can follow a start.
        let rows = try query.events(columns, where: [test], in: TimeWindow(from: query.frame.from))
        // By two numbers of a word each: one of two words costs more than the join.
        let isAfter: SQLFragment =
            spec.canCoincide ? "(r.ts > s.t1 OR (r.ts = s.t1 AND r.seq > s.s1))" : "r.ts >= s.t1"
        let joined: SQLFragment = "(\(rows)) r JOIN starts s ON s.who = r.who WHERE \(isAfter)"
        switch spec.mode {
        case .every:
            let hits: SQLFragment = "SELECT r.who, \(period("r.ts", "s.t1")) AS period FROM \(joined)"
            return """
                SELECT h.who, \(ReportDialect.periods("h.period", isWide: isWide)) AS mark, count(*) AS hits \
                FROM (\(hits)) h WHERE h.period < \(Int64(spec.periods)) GROUP BY h.who
                """
        case .first:
            let firsts: SQLFragment =
                "SELECT r.who, \(ReportDialect.any("s.t1")) AS t1, min(r.ts) AS ts, count(*) AS hits FROM \(joined) GROUP BY r.who"
            let bit = ReportDialect.periodBit("g.period", isWide: isWide)
            return """
                SELECT g.who, \(bit) AS mark, g.hits FROM (SELECT h.who, \(period("h.ts", "h.t1")) AS period, h.hits \
                FROM (\(firsts)) h) g WHERE g.period < \(Int64(spec.periods))
                """
        }
    }

    /// The number of the period in which a return lies.
    private func period(_ at: SQLFragment, _ start: SQLFragment) -> SQLFragment {
        switch spec.bucket {
        case .relative: ReportDialect.divided("\(at) - \(start)", by: spec.interval.microseconds)
        // Where clocks go back over midnight, what comes later can lie in the bucket before.
        case .calendar:
            ReportDialect.greatest([
                "0", "\(spec.interval.bucket(at, in: zone)) - \(spec.interval.bucket(start, in: zone))",
            ])
        }
    }

    private mutating func valued(_ breakdown: Breakdown) throws(QueryError) -> SQLFragment {
        if ownBreakdown != nil { return "SELECT s.*, s.own AS v FROM starts s" }
        let values = try query.values(breakdown, at: "SELECT who, t1 AS ts FROM starts")
        return "SELECT s.*, w.v FROM starts s LEFT JOIN (\(values)) w ON w.who = s.who"
    }
}
