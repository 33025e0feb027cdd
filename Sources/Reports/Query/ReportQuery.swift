internal import DuckDB
internal import EventStore
internal import Model

/// What the statements of one report have in common: which events count, whose they are, and what is needed to know of
/// persons. Each part of a report adds to it as it becomes SQL.
struct ReportQuery {
    let frame: ReportFrame
    /// The `seq` up to which anything counts.
    let asOf: Int64
    /// Whether anybody has identities that are tied, so that an event's person must be looked up.
    let hasTies: Bool
    var needs = PersonNeeds()

    /// The temporary table of the identities whose person is another one: `identity_id`, `person_id`.
    static let ties = "report_ties"
    private static let tiesTable = SQLFragment(stringLiteral: ties)

    init(_ frame: ReportFrame, asOf: Int64, hasTies: Bool) {
        self.frame = frame
        self.asOf = asOf
        self.hasTies = hasTies
    }

    /// The person of an event.
    var who: SQLFragment { hasTies ? "coalesce(m.person_id, e.identity_id)" : "e.identity_id" }

    /// An event's time in microseconds.
    let time = DuckDBDialect.microseconds("e.timestamp")

    /// An event's place in the order of time and commit.
    var place: SQLFragment { ReportDialect.place(time, "e.seq") }

    /// Every identity's person.
    var personMap: SQLFragment {
        hasTies
            ? """
            (SELECT i.identity_id, coalesce(t.person_id, i.identity_id) AS person_id FROM identities i \
            LEFT JOIN \(Self.tiesTable) t ON t.identity_id = i.identity_id)
            """ : "(SELECT i.identity_id, i.identity_id AS person_id FROM identities i)"
    }

    private var scope: QueryScope { QueryScope(row: .event, asOf: asOf, personMap: personMap, personID: who) }

    /// Whether an event is one of those that a selector means.
    mutating func test(_ selector: EventSelector) throws(QueryError) -> SQLFragment {
        var tests: [SQLFragment] = []
        if let names = selector.names { tests.append(Self.isNamed(names)) }
        if let condition = selector.condition {
            tests.append(try condition.sql(scope, &needs, path: "\(selector.path).where"))
        }
        return tests.isEmpty ? "true" : tests.joined(" AND ")
    }

    /// Whether an event has one of these names.
    static func isNamed(_ names: [String]) -> SQLFragment {
        names.count == 1 ? "e.event = \(names[0])" : "e.event IN (\(names.map { "\($0)" as SQLFragment }.joined(", ")))"
    }

    /// A query of columns of the events that count: those of the range that pass the report's condition and the tests.
    mutating func events(
        _ columns: [SQLFragment], where tests: [SQLFragment], in window: TimeWindow, group: SQLFragment? = nil
    ) throws(QueryError) -> SQLFragment {
        var all: [SQLFragment] = ["e.seq <= \(asOf)"]
        if let from = window.from { all.append("e.timestamp >= \(from)") }
        if let to = window.to { all.append("e.timestamp < \(to)") }
        all += tests.filter { $0 != "true" }
        if let condition = frame.condition { all.append(try condition.sql(scope, &needs, path: "where")) }
        var from: SQLFragment = "events e"
        // Whose events they are is looked up only where somebody asks.
        let isAsked = columns.contains { $0.mentions(who) } || all.contains { $0.mentions(who) }
        if hasTies, isAsked || !needs.properties.names.isEmpty {
            from += " LEFT JOIN \(Self.tiesTable) m ON m.identity_id = e.identity_id"
        }
        if !needs.properties.names.isEmpty {
            from +=
                " LEFT JOIN (\(needs.properties.relation(asOf: asOf, personMap: personMap))) p ON p.person_id = \(who)"
        }
        let grouped: SQLFragment = group.map { " GROUP BY \($0)" } ?? .empty
        return "SELECT \(columns.joined(", ")) FROM \(from) WHERE \(all.joined(" AND "))\(grouped)"
    }
}

extension ReportQuery {
    /// A relation of `who` and `v`: the value by which each person counts, where it does not hang on a report's own events.
    ///
    /// - Parameter moments: a relation of `who` and `at`, the moment as of which persons' properties count with `at_step`.
    mutating func values(
        _ breakdown: Breakdown, at moments: SQLFragment
    ) throws(QueryError) -> SQLFragment {
        if breakdown.isOfPerson { return personValues(breakdown, at: moments) }
        let token = DuckDBDialect.tokenKey("e.properties", breakdown.name)
        let rows = try events(
            ["\(who) AS who", "\(token) AS v", "\(place) AS o"], where: ["\(token) IS NOT NULL"], in: frame.window)
        let value =
            breakdown.moment == .first
            ? ReportDialect.firstPresent("h.v", by: "h.o") : ReportDialect.lastPresent("h.v", by: "h.o")
        return "SELECT h.who, \(value) AS v FROM (\(rows)) h GROUP BY h.who"
    }

    private func personValues(_ breakdown: Breakdown, at moments: SQLFragment) -> SQLFragment {
        let isWanted: SQLFragment = "c.name = \(breakdown.name) AND c.seq <= \(asOf)"
        let place = ReportDialect.place(DuckDBDialect.microseconds("c.timestamp"), "c.seq")
        let last = ReportDialect.key(DuckDBDialect.present(ReportDialect.lastPresent("c.value", by: place)))
        switch breakdown.moment {
        case .first:
            let first = ReportDialect.key(ReportDialect.firstPresent(DuckDBDialect.present("c.value"), by: place))
            return """
                SELECT m.person_id AS who, \(first) AS v FROM property_changes c JOIN \(personMap) m \
                ON m.identity_id = c.identity_id WHERE \(isWanted) GROUP BY m.person_id
                """
        case .last:
            return """
                SELECT m.person_id AS who, \(last) AS v FROM property_changes c JOIN \(personMap) m \
                ON m.identity_id = c.identity_id WHERE \(isWanted) GROUP BY m.person_id
                """
        case .atStep:
            return """
                SELECT h.who, \(last) AS v FROM (\(moments)) h JOIN \(personMap) m ON m.person_id = h.who \
                JOIN property_changes c ON c.identity_id = m.identity_id \
                WHERE \(isWanted) AND c.timestamp <= \(ReportDialect.moment("h.ts")) GROUP BY h.who
                """
        }
    }

    /// Parts of a statement that give each row of `rows` (which has `v`) the number `k` of its group: the greatest groups
    /// first, and one more for all others.
    ///
    /// - Parameters:
    ///   - measure: by what groups are compared, over the rows of a value.
    ///   - keys: the values that have a group, in their order, where another statement has chosen them.
    static func grouped(
        _ rows: SQLFragment, top: Int, by measure: SQLFragment, keys: [String?]? = nil
    ) -> [SQLFragment] {
        let ranked: SQLFragment
        if let keys {
            let values = keys.enumerated().map { (i, key) -> SQLFragment in
                "SELECT \(Int64(i) + 1) AS k, \(key.map { "\($0)" as SQLFragment } ?? "NULL") AS v"
            }
            ranked = values.isEmpty ? "SELECT 0 AS k, NULL AS v WHERE false" : values.joined(" UNION ALL ")
        } else {
            let order: SQLFragment = "\(measure) DESC NULLS LAST, v NULLS LAST"
            ranked = """
                SELECT * FROM (SELECT \(ReportDialect.rank(by: order)) AS k, v FROM \(rows) GROUP BY v) h \
                WHERE h.k <= \(Int64(top))
                """
        }
        return [
            ReportDialect.once("ranked", ranked),
            """
            keyed AS (SELECT h.*, coalesce(g.k, \(Int64(keys?.count ?? top) + 1)) AS k FROM \(rows) h \
            LEFT JOIN ranked g ON \(ReportDialect.same("g.v", "h.v")))
            """,
        ]
    }
}
