internal import EventStore
internal import Model

/// An attribution report as one statement: conversions, touches (each time the property had a value), and the one value that
/// each conversion is credited to.
struct AttributionQuery {
    let spec: AttributionSpec
    private var query: ReportQuery

    init(_ spec: AttributionSpec, _ query: ReportQuery) {
        self.spec = spec
        self.query = query
    }

    var needs: PersonNeeds { query.needs }

    /// Rows of a group's number, its value, people, conversions and two parts of a sum; one more of all together, whose number
    /// is NULL.
    mutating func statement() throws(QueryError) -> SQLFragment {
        let parts = try parts()
        return """
            WITH \(parts.joined(", ")) SELECT k, \(ReportDialect.any("v")), count(DISTINCT who), count(*), \
            \(ReportDialect.decimalSum("x")), \(ReportDialect.restSum("x")) FROM keyed \
            GROUP BY GROUPING SETS ((k), ()) ORDER BY k NULLS LAST
            """
    }

    /// The persons of a row, in order.
    mutating func people(_ group: SQLFragment?, _ place: PeoplePlace) throws(QueryError) -> SQLFragment {
        let parts = try parts()
        return "WITH \(parts.joined(", ")) \(place.select(from: "keyed", where: [group].compactMap { $0 }))"
    }

    private mutating func parts() throws(QueryError) -> [SQLFragment] {
        [
            ReportDialect.once("conversions", try conversions()), ReportDialect.once("touches", try touches()),
            "valued AS (\(valued))",
        ] + ReportQuery.grouped("valued", top: spec.top, by: "count(*)")
    }

    private mutating func conversions() throws(QueryError) -> SQLFragment {
        let number: SQLFragment =
            spec.conversion.of == .sum
            ? DuckDBDialect.number(DuckDBDialect.token("e.properties", spec.conversion.property)) : "NULL::DOUBLE"
        let test = try query.test(spec.conversion.events)
        return try query.events(
            ["\(query.who) AS who", "e.seq AS seq", "\(query.place) AS o", "\(number) AS x"], where: [test],
            in: query.frame.window)
    }

    private mutating func touches() throws(QueryError) -> SQLFragment {
        let isInRange = spec.model == .firstInRange || spec.model == .lastInRange
        let window = isInRange ? query.frame.window : TimeWindow()
        guard spec.isOfPerson else {
            let token = DuckDBDialect.tokenKey("e.properties", spec.name)
            return try query.events(
                ["\(query.who) AS who", "\(query.place) AS o", "\(token) AS v"], where: ["\(token) IS NOT NULL"],
                in: window)
        }
        var tests: [SQLFragment] = ["c.name = \(spec.name)", "c.seq <= \(query.asOf)", "c.value <> 'null'"]
        if let from = window.from { tests.append("c.timestamp >= \(from)") }
        if let to = window.to { tests.append("c.timestamp < \(to)") }
        let place = ReportDialect.place(DuckDBDialect.microseconds("c.timestamp"), "c.seq")
        return """
            SELECT m.person_id AS who, \(place) AS o, \(ReportDialect.key("c.value")) AS v FROM property_changes c \
            JOIN \(query.personMap) m ON m.identity_id = c.identity_id WHERE \(tests.joined(" AND "))
            """
    }

    /// Each conversion with its value.
    private var valued: SQLFragment {
        switch spec.model {
        case .firstEver, .firstInRange: ofPeople(ReportDialect.firstPresent("v", by: "o"))
        case .lastEver, .lastInRange: ofPeople(ReportDialect.lastPresent("v", by: "o"))
        case .lastTouch:
            """
            SELECT c.who, c.x, t.v FROM conversions c LEFT JOIN (SELECT l.seq, r.v FROM \
            \(ReportDialect.previous("conversions l", "touches r", at: "r.o", until: "l.o"))) t ON t.seq = c.seq
            """
        }
    }

    private func ofPeople(_ value: SQLFragment) -> SQLFragment {
        """
        SELECT c.who, c.x, t.v FROM conversions c LEFT JOIN (SELECT who, \(value) AS v FROM touches GROUP BY who) t \
        ON t.who = c.who
        """
    }
}
