internal import EventStore
internal import Model

/// A funnel as one statement.
///
/// `base` has every event that can serve a step, once, with a bit for each; `a1`, `a2`, … have a row for each start that
/// reaches so far, with the times of its steps. Each next step is the earliest that can follow: whatever can be reached at all
/// is reached that way. `best` has the start by which a person counts: of those that reach furthest, the earliest. Since a
/// later start never reaches a step earlier than one before it, that start has the least time at each of its steps.
struct FunnelQuery {
    /// How two events of a person are compared.
    private enum Follow {
        /// By time alone: no event can serve two steps.
        case time
        /// By time and commit order.
        case place
        /// By their number among all of the person's events.
        case number
    }

    let spec: FunnelSpec
    private var query: ReportQuery
    private let follow: Follow
    private var parts: [SQLFragment] = []
    private let count: Int
    /// The least step of those in `best`: who did no more than the first matters only where they are shown by value, or by
    /// name.
    private let firstLevel: Int

    /// - Parameter isForPeople: whether persons are asked for, and not only how many they are.
    init(_ spec: FunnelSpec, _ query: ReportQuery, isForPeople: Bool = false) throws(QueryError) {
        self.spec = spec
        firstLevel = spec.breakdown == nil && !isForPeople ? 2 : 1
        self.query = query
        count = spec.steps.count
        let hasRivals = (0..<spec.steps.count).contains { !spec.rivals(of: $0).isEmpty }
        follow = spec.order == .strict ? .number : hasRivals ? .place : .time
        parts = [try base()]
        parts.append("a1 AS (SELECT who, ts AS t1\(start(1)) FROM base WHERE \(ReportDialect.hasBit("step", 0)))")
        for step in 1..<count { parts.append(ReportDialect.once(.name("a", step + 1), level(step))) }
        parts.append(ReportDialect.once("best", best))
        if let breakdown = spec.breakdown {
            parts.append("valued AS (\(try valued(breakdown)))")
            let starters = ReportDialect.only("count(*)", where: "reached >= 1")
            parts += ReportQuery.grouped("valued", top: breakdown.top, by: starters)
        }
    }

    /// What must be prepared before the statement runs.
    var needs: PersonNeeds { query.needs }

    /// One row, or one a group: `k`, the value, events and people looked at, and then of each step people, times, median
    /// and 90th percentile.
    var statement: SQLFragment {
        var columns: [SQLFragment] = []
        let isGrouped = spec.breakdown != nil
        columns += isGrouped ? ["k", ReportDialect.any("v")] : ["0", "NULL"]
        columns += ["(SELECT coalesce(sum(u.n), 0)::BIGINT FROM per u)", "(SELECT count(*) FROM per u WHERE u.n > 0)"]
        for step in 1...count {
            if step == 1, !isGrouped {
                columns += ["(SELECT count(*) FROM per u WHERE u.n1 > 0)", "(SELECT count(*) FROM a1)", "0", "0"]
                continue
            }
            let isReached: SQLFragment = "reached >= \(Int64(step))"
            let took: SQLFragment = "\(SQLFragment.name("t", step)) - t1"
            columns += [
                ReportDialect.only("count(*)", where: isReached),
                isGrouped
                    ? ReportDialect.wholeSum(.name("n", step))
                    : "(SELECT count(*) FROM \(SQLFragment.name("a", step)))",
                ReportDialect.only(ReportDialect.quantile(took, 0.5), where: isReached),
                ReportDialect.only(ReportDialect.quantile(took, 0.9), where: isReached),
            ]
        }
        let from: SQLFragment = isGrouped ? "keyed GROUP BY k ORDER BY k" : "best"
        return "WITH \((parts + [per]).joined(", ")) SELECT \(columns.joined(", ")) FROM \(from)"
    }

    /// The persons of a cell, in order.
    ///
    /// - Parameters:
    ///   - step: the step, from 1.
    ///   - isDropped: those who reached the step before and not this one.
    ///   - group: the test for the group; nil for all.
    func people(step: Int, isDropped: Bool, group: SQLFragment?, after: Int64, limit: Int) -> SQLFragment {
        let reached: SQLFragment =
            isDropped ? "reached = \(Int64(step) - 1)" : "reached >= \(Int64(step))"
        let inGroup: SQLFragment = group.map { " AND \($0)" } ?? .empty
        let source: SQLFragment = spec.breakdown == nil ? "best" : "keyed"
        return """
            WITH \(parts.joined(", ")) SELECT who FROM \(source) \
            WHERE \(reached)\(inGroup) AND who > \(after) ORDER BY who LIMIT \(Int64(limit))
            """
    }

    // MARK: Parts

    /// Every event that can serve a step.
    private mutating func base() throws(QueryError) -> SQLFragment {
        var tests: [SQLFragment] = []
        for step in spec.steps { tests.append(try query.test(step)) }
        var columns: [SQLFragment] = [
            "\(query.who) AS who", "\(query.time) AS ts", "\(ReportDialect.mask(tests)) AS step",
        ]
        if follow == .place { columns.append("\(query.place) AS o") }
        if needsSeq { columns.append("e.seq AS seq") }
        if let breakdown = ownBreakdown {
            let token = DuckDBDialect.token("e.properties", breakdown.name)
            columns.append("CASE WHEN \(tests[breakdown.step - 1]) THEN \(token) END AS v")
        }
        var wanted: [SQLFragment] = []
        if follow != .number, spec.steps.allSatisfy({ $0.names != nil }) {
            var seen: Set<ExactText> = []
            let names = spec.steps.flatMap { $0.names ?? [] }.filter { seen.insert(ExactText($0)).inserted }
            wanted.append(ReportQuery.isNamed(names))
        }
        let rows = try query.events(columns, where: wanted, in: query.frame.window)
        guard follow == .number else { return ReportDialect.once("base", rows) }
        let position = ReportDialect.position(by: "h.ts, h.seq")
        return ReportDialect.once("base", "SELECT h.*, \(position) AS o FROM (\(rows)) h")
    }

    private var needsSeq: Bool { follow == .number || ownBreakdown != nil }

    /// The breakdown if its values are those of the steps' own events.
    private var ownBreakdown: Breakdown? {
        spec.breakdown.flatMap { !$0.isOfPerson && $0.moment == .atStep ? $0 : nil }
    }

    /// The order's column of a step, where time alone does not do.
    private func start(_ step: Int) -> SQLFragment {
        follow == .time ? .empty : ", o AS \(SQLFragment.name("o", step))"
    }

    /// The starts that reach the step of index `step`, out of those that reached the one before.
    private func level(_ step: Int) -> SQLFragment {
        let hasOrder = follow != .time
        var columns: [SQLFragment] = ["l.who"]
        for earlier in 1...step {
            columns.append("l.\(SQLFragment.name("t", earlier))")
            if hasOrder { columns.append("l.\(SQLFragment.name("o", earlier))") }
        }
        columns.append("r.ts AS \(SQLFragment.name("t", step + 1))")
        if hasOrder { columns.append("r.o AS \(SQLFragment.name("o", step + 1))") }
        let (left, last): (SQLFragment, SQLFragment) = (.name("a", step), .name("t", step))
        let right: SQLFragment =
            "(SELECT who, ts\(hasOrder ? ", o" : .empty) FROM base WHERE \(ReportDialect.hasBit("step", step))) r"
        let join: SQLFragment
        switch follow {
        case .time: join = ReportDialect.next("\(left) l", right, at: "r.ts", from: "l.\(last)")
        case .place:
            let after = spec.rivals(of: step).map { "\(SQLFragment.name("o", $0 + 1)) + 1" as SQLFragment }
            let low = ReportDialect.greatest([ReportDialect.placeStart(last)] + after)
            join = ReportDialect.next("(SELECT *, \(low) AS low FROM \(left)) l", right, at: "r.o", from: "l.low")
        case .number: join = "\(left) l JOIN \(right) ON l.who = r.who AND r.o = l.\(SQLFragment.name("o", step)) + 1"
        }
        let within: SQLFragment = spec.window.map { " WHERE r.ts <= l.t1 + \($0)" } ?? .empty
        return "SELECT \(columns.joined(", ")) FROM \(join)\(within)"
    }

    /// Persons, how far they came, and the times of their best start.
    private var best: SQLFragment {
        let orders = follow != .time && ownBreakdown != nil ? ["o"] : []
        let letters = ["t"] + orders
        var levels: [SQLFragment] = []
        for step in firstLevel...count {
            var columns: [SQLFragment] = ["who", "\(Int64(step)) AS reached"]
            for at in 1...count {
                for letter in letters {
                    let name = SQLFragment.name(letter, at)
                    columns.append(at <= step ? "min(\(name)) AS \(name)" : "NULL AS \(name)")
                }
                let number = SQLFragment.name("n", at)
                columns.append(at == step ? "count(*) AS \(number)" : "NULL AS \(number)")
            }
            levels.append("SELECT \(columns.joined(", ")) FROM \(SQLFragment.name("a", step)) GROUP BY who")
        }
        var columns: [SQLFragment] = ["who", "max(reached) AS reached"]
        for at in 1...count {
            for letter in letters {
                let name = SQLFragment.name(letter, at)
                columns.append("\(ReportDialect.lastPresent(name, by: "reached")) AS \(name)")
            }
            columns.append("max(\(SQLFragment.name("n", at))) AS \(SQLFragment.name("n", at))")
        }
        // The last level has all columns, so that the union takes its types.
        return "SELECT \(columns.joined(", ")) FROM (\(levels.reversed().joined(" UNION ALL "))) h GROUP BY who"
    }

    /// Each person of `best` with the value by which it counts.
    private mutating func valued(_ breakdown: Breakdown) throws(QueryError) -> SQLFragment {
        let time = SQLFragment.name("t", breakdown.step)
        let values: SQLFragment
        if ownBreakdown != nil {
            let isStep = ReportDialect.hasBit("e.step", breakdown.step - 1)
            let same: SQLFragment =
                follow == .time ? "e.ts = b.\(time)" : "e.o = b.\(SQLFragment.name("o", breakdown.step))"
            values = """
                SELECT b.who, \(ReportDialect.first("e.v", by: "e.seq")) AS v FROM best b \
                JOIN base e ON e.who = b.who AND \(same) WHERE \(isStep) GROUP BY b.who
                """
        } else {
            values = try query.values(
                breakdown, at: "SELECT who, \(time) AS ts FROM best WHERE reached >= \(Int64(breakdown.step))")
        }
        return "SELECT b.*, w.v FROM best b LEFT JOIN (\(values)) w ON w.who = b.who"
    }

    /// Of each person in `base`, how many of their events serve a step, and how many the first.
    private var per: SQLFragment {
        let counts: SQLFragment = """
            SELECT \(ReportDialect.only("count(*)", where: "step <> 0")) AS n, \
            \(ReportDialect.only("count(*)", where: ReportDialect.hasBit("step", 0))) AS n1 FROM base GROUP BY who
            """
        return ReportDialect.once("per", counts)
    }
}
