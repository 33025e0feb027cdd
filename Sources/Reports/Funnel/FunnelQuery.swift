internal import EventStore
internal import Model

/// A funnel as one statement.
///
/// `s1`, `s2`, … have the events that can serve a step; `a1`, `a2`, … a row for each start that reaches so far. Each next step is
/// the earliest that can follow: whatever can be reached at all is reached that way. Since a later start never reaches a step
/// earlier than one before it, a person's least times at a step are those of the first start that leads there.
struct FunnelQuery {
    /// How two events of a person are compared.
    enum Follow {
        /// By time alone: no event can serve two steps.
        case time
        /// By time and commit order.
        case place
        /// By their number among all of the person's events.
        case number
    }

    let spec: FunnelSpec
    var query: ReportQuery
    let follow: Follow
    private var parts: [SQLFragment] = []
    let count: Int
    /// Whether persons are wanted one by one, with all times of the start by which they count, and not only how many they are.
    private let isOfPersons: Bool

    /// - Parameter isForPeople: whether persons are asked for.
    init(_ spec: FunnelSpec, _ query: ReportQuery, isForPeople: Bool = false) throws(QueryError) {
        self.spec = spec
        self.query = query
        count = spec.steps.count
        isOfPersons = isForPeople || spec.breakdown != nil
        let hasRivals = (0..<spec.steps.count).contains { !spec.rivals(of: $0).isEmpty }
        follow = spec.order == .strict ? .number : hasRivals ? .place : .time
        parts = try events()
        parts.append("a1 AS (SELECT who, ts AS t1\(start(1)) FROM s1)")
        for step in 1..<count { parts.append(ReportDialect.once(.name("a", step + 1), level(step))) }
        guard isOfPersons else { return }
        parts.append(ReportDialect.once("best", best))
        if let breakdown = spec.breakdown {
            parts.append("valued AS (\(try valued(breakdown)))")
            parts += ReportQuery.grouped("valued", top: breakdown.top, by: "count(*)")
        }
    }

    /// What must be prepared before the statement runs.
    var needs: PersonNeeds { query.needs }

    /// One row, or one a group: `k`, the value, events and people looked at, and then of each step people, times, median
    /// and 90th percentile.
    var statement: SQLFragment {
        let events = (1...count).map { "(SELECT count(*) FROM \(SQLFragment.name("s", $0)))" as SQLFragment }
        let looked: [SQLFragment] = [
            follow == .time ? events.joined(" + ") : "(SELECT count(*) FROM base WHERE step <> 0)",
            spec.breakdown == nil ? "g1.people" : "(SELECT count(DISTINCT who) FROM s1)",
        ]
        var columns: [SQLFragment] = spec.breakdown == nil ? ["0", "NULL"] : ["k", ReportDialect.any("v")]
        columns += looked
        guard spec.breakdown == nil else {
            for step in 1...count {
                let took = SQLFragment.name("d", step)
                columns += [
                    ReportDialect.only("count(*)", where: "reached >= \(Int64(step))"),
                    ReportDialect.wholeSum(.name("n", step)), ReportDialect.quantile(took, 0.5),
                    ReportDialect.quantile(took, 0.9),
                ]
            }
            return "WITH \(parts.joined(", ")) SELECT \(columns.joined(", ")) FROM keyed GROUP BY k ORDER BY k"
        }
        var sources: [SQLFragment] = []
        for step in 1...count {
            let level = SQLFragment.name("g", step)
            sources.append("(\(step == 1 ? first : reached(step))) \(level)")
            columns += ["people", "times", "median", "late"].map { "\(level).\(SQLFragment(stringLiteral: $0))" }
        }
        return "WITH \(parts.joined(", ")) SELECT \(columns.joined(", ")) FROM \(sources.joined(", "))"
    }

    /// How many began, each at once.
    private var first: SQLFragment {
        "SELECT count(DISTINCT who) AS people, count(*) AS times, 0.0 AS median, 0.0 AS late FROM a1"
    }

    /// How many reached a step, and how long the first of each person's starts took.
    private func reached(_ step: Int) -> SQLFragment {
        let persons: SQLFragment =
            "SELECT count(*) AS n, min(t) - min(t1) AS d FROM \(SQLFragment.name("a", step)) GROUP BY who"
        return """
            SELECT count(*) AS people, \(ReportDialect.wholeSum("n")) AS times, \
            \(ReportDialect.quantile("d", 0.5)) AS median, \(ReportDialect.quantile("d", 0.9)) AS late \
            FROM (\(persons)) h
            """
    }

    /// The persons of a cell, in order.
    ///
    /// - Parameters:
    ///   - step: the step, from 1.
    ///   - isDropped: those who reached the step before and not this one.
    ///   - group: the test for the group; nil for all.
    func people(step: Int, isDropped: Bool, group: SQLFragment?, _ place: PeoplePlace) -> SQLFragment {
        let reached: SQLFragment = isDropped ? "reached = \(Int64(step) - 1)" : "reached >= \(Int64(step))"
        let source: SQLFragment = spec.breakdown == nil ? "best" : "keyed"
        let persons = place.select(from: source, where: [reached] + [group].compactMap { $0 })
        return "WITH \(parts.joined(", ")) \(persons)"
    }

    // MARK: Events

    /// The parts that give the events of each step. Where steps cannot share events, each is read by itself: the engine finds
    /// few rows in many sooner than it keeps many.
    private mutating func events() throws(QueryError) -> [SQLFragment] {
        var tests: [SQLFragment] = []
        for step in spec.steps { tests.append(try query.test(step)) }
        let base = try base(tests)
        // What a condition knows of persons is gathered once.
        if follow == .time, ownBreakdown == nil, query.needs.properties.names.isEmpty {
            var parts: [SQLFragment] = []
            for (i, test) in tests.enumerated() {
                let rows = try query.events(
                    ["\(query.who) AS who", "\(query.time) AS ts"], where: [test], in: query.frame.window)
                parts.append(ReportDialect.once(.name("s", i + 1), rows))
            }
            return parts
        }
        let order: SQLFragment = follow == .time ? .empty : ", o"
        return [base]
            + tests.indices.map { step in
                let isStep = ReportDialect.hasBit("step", step)
                return "\(SQLFragment.name("s", step + 1)) AS (SELECT who, ts\(order) FROM base WHERE \(isStep))"
            }
    }

    /// Every event that can serve a step, once, with a bit for each.
    private mutating func base(_ tests: [SQLFragment]) throws(QueryError) -> SQLFragment {
        var columns: [SQLFragment] = [
            "\(query.who) AS who", "\(query.time) AS ts", "\(ReportDialect.mask(tests)) AS step",
        ]
        if follow == .place { columns.append("\(query.place) AS o") }
        if follow == .number || ownBreakdown != nil { columns.append("e.seq AS seq") }
        if let breakdown = ownBreakdown {
            let token = DuckDBDialect.tokenKey("e.properties", breakdown.name)
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

    /// The breakdown if its values are those of the steps' own events.
    var ownBreakdown: Breakdown? {
        spec.breakdown.flatMap { !$0.isOfPerson && $0.moment == .atStep ? $0 : nil }
    }

    // MARK: Starts

    /// The order's column of a step, where time alone does not do.
    private func start(_ step: Int) -> SQLFragment {
        follow == .time ? .empty : ", o AS \(SQLFragment.name("o", step))"
    }

    /// The name of a step's time among the columns of its level: the last one is `t` where only that and the first are kept.
    private func time(_ step: Int) -> SQLFragment { isOfPersons || step == 1 ? .name("t", step) : "t" }

    /// The starts that reach the step of index `step`, out of those that reached the one before.
    private func level(_ step: Int) -> SQLFragment {
        let hasOrder = follow != .time
        var columns: [SQLFragment] = ["l.who"]
        for earlier in 1...step {
            if isOfPersons || earlier == 1 { columns.append("l.\(SQLFragment.name("t", earlier))") }
            if hasOrder { columns.append("l.\(SQLFragment.name("o", earlier))") }
        }
        columns.append("r.ts AS \(time(step + 1))")
        if hasOrder { columns.append("r.o AS \(SQLFragment.name("o", step + 1))") }
        let (left, last): (SQLFragment, SQLFragment) = (.name("a", step), time(step))
        let all = SQLFragment.name("s", step + 1)
        // Sorting for the join is what costs, and few come so far. Nearly all of those who began do things of the second kind.
        let right: SQLFragment = step == 1 ? "\(all) r" : "\(ReportDialect.semi(all, "who", of: left)) r"
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
}
