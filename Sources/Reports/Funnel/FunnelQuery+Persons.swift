internal import EventStore

/// Persons one by one, for breakdowns and for whoever asks who they are.
extension FunnelQuery {
    /// Persons, how far they came, the times of the start by which they count (of those that reach furthest, the earliest), and
    /// of each step how many starts lead there and how long the first of them took.
    var best: SQLFragment {
        let orders = follow != .time && ownBreakdown != nil ? ["o"] : []
        let letters = ["t"] + orders
        var levels: [SQLFragment] = []
        for step in 1...count {
            var columns: [SQLFragment] = ["who", "\(Int64(step)) AS reached"]
            for at in 1...count {
                for letter in letters {
                    let name = SQLFragment.name(letter, at)
                    columns.append(at <= step ? "min(\(name)) AS \(name)" : "NULL AS \(name)")
                }
                let (number, took): (SQLFragment, SQLFragment) = (.name("n", at), .name("d", at))
                columns.append(at == step ? "count(*) AS \(number)" : "NULL AS \(number)")
                columns.append(
                    at == step ? "min(\(SQLFragment.name("t", at))) - min(t1) AS \(took)" : "NULL AS \(took)")
            }
            levels.append("SELECT \(columns.joined(", ")) FROM \(SQLFragment.name("a", step)) GROUP BY who")
        }
        var columns: [SQLFragment] = ["who", "max(reached) AS reached"]
        for at in 1...count {
            for letter in letters {
                let name = SQLFragment.name(letter, at)
                columns.append("\(ReportDialect.lastPresent(name, by: "reached")) AS \(name)")
            }
            for letter in ["n", "d"] {
                let name = SQLFragment.name(letter, at)
                columns.append("max(\(name)) AS \(name)")
            }
        }
        // The last level has all times, so that the union takes its types.
        return "SELECT \(columns.joined(", ")) FROM (\(levels.reversed().joined(" UNION ALL "))) h GROUP BY who"
    }

    /// Each person of `best` with the value by which it counts.
    mutating func valued(_ breakdown: Breakdown) throws(QueryError) -> SQLFragment {
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
}
