internal import DuckDB
internal import EventStore
internal import Model

/// The persons behind the cells of an answer.
extension ReportRun {
    /// The numbers of a cell's persons, in order.
    func people(_ cell: SpecNode, after: Int64, limit: Int) throws -> [Int64] {
        let place = PeoplePlace(after: after, limit: limit)
        let (statement, needs) =
            switch (try ReportCell(cell, of: report.question), report.question) {
            case (.funnel(let step, let isDropped, let group), .funnel(let spec)):
                try people(spec, step: step, isDropped: isDropped, group, place)
            case (.cohort(let row, let period), .cohort(let spec)): try people(spec, row, period, place)
            case (.metric(let cell), .metric(let spec)): try people(spec, cell, place)
            case (.revenue(let label, let outcome), .revenue(let spec)): try people(spec, label, outcome, place)
            case (.attribution(let group), .attribution(let spec)): try people(spec, group, place)
            default: throw cell.error("this is no cell of a \(report.kind.rawValue) report")
            }
        return try rows(statement, needs).compactMap { $0[0].int }
    }

    /// All identities of some persons.
    func identities(_ people: [Int64]) throws -> [ReportPerson] {
        guard !people.isEmpty else { return [] }
        let wanted = people.map { "\($0)" as SQLFragment }.joined(", ")
        let statement = SQLStatement(
            """
            SELECT m.person_id, i.identity FROM identities i JOIN \(query.personMap) m ON m.identity_id = i.identity_id \
            WHERE m.person_id IN (\(wanted)) AND i.first_seq <= \(asOf) ORDER BY m.person_id, i.identity_id
            """)
        var texts: [Int64: [String]] = [:]
        for row in try connection.rows(statement.text, statement.values) {
            if let person = row[0].int, let text = row[1].text { texts[person, default: []].append(text) }
        }
        return people.map { ReportPerson(id: PersonID($0), identities: texts[$0] ?? []) }
    }

    private func people(
        _ spec: FunnelSpec, step: Int, isDropped: Bool, _ group: ReportCell.Group?, _ place: PeoplePlace
    ) throws -> (SQLFragment, PersonNeeds) {
        let query = try FunnelQuery(spec, query, isForPeople: true)
        let test = group.map { Self.test($0, shown: spec.breakdown?.top ?? 0) }
        return (query.people(step: step, isDropped: isDropped, group: test, place), query.needs)
    }

    private func people(
        _ spec: CohortSpec, _ row: ReportCell.Row, _ period: Int?, _ place: PeoplePlace
    ) throws -> (SQLFragment, PersonNeeds) {
        let test: SQLFragment =
            switch row {
            case .value(let group): Self.test(group, shown: spec.breakdown?.top ?? 0)
            case .date(let label): "k = \(try bucket(label, "cohort", spec.interval))"
            }
        let query = try CohortQuery(spec, query, zone: zone)
        return (query.people(row: test, period: period, place), query.needs)
    }

    /// Of a formula, those of either measure, or of the one that the cell names.
    private func people(
        _ spec: MetricSpec, _ cell: ReportCell.MetricCell, _ place: PeoplePlace
    ) throws -> (SQLFragment, PersonNeeds) {
        var window = report.frame.window
        var keys: [String?]?
        if let breakdown = spec.breakdown, spec.second != nil || cell.isPrevious {
            // Which values are shown was chosen by the first measure over the range.
            var first = query(spec, spec.measure, window, keys: nil)
            keys = MetricResult(try rows(first.statement(), first.needs), spec.measure).keys(breakdown.top)
        }
        if cell.isPrevious, let from = window.from, let to = window.to {
            window = TimeWindow(from: try start(before: from, to), to: from)
        }
        var bucket: Int64?
        if let interval = spec.interval, let label = cell.label { bucket = try self.bucket(label, "t", interval) }
        let test = cell.group.map { Self.test($0, shown: keys?.count ?? spec.breakdown?.top ?? 0) }
        let measures: [Measure] =
            switch cell.measure {
            case .a: [spec.measure]
            case .b: [spec.second].compactMap { $0 }
            case nil: [spec.measure, spec.second].compactMap { $0 }
            }
        var statements: [SQLFragment] = []
        var needs = PersonNeeds()
        for measure in measures {
            var query = query(spec, measure, window, keys: keys)
            query.needs = needs
            statements.append(try query.people(bucket: bucket, group: test, place))
            needs = query.needs
        }
        guard statements.count > 1 else { return (statements.first ?? .empty, needs) }
        let all = statements.map { "SELECT who FROM (\($0)) h" as SQLFragment }.joined(" UNION ")
        return ("SELECT who FROM (\(all)) h ORDER BY who LIMIT \(Int64(place.limit))", needs)
    }

    private func query(_ spec: MetricSpec, _ measure: Measure, _ window: TimeWindow, keys: [String?]?) -> MetricQuery {
        MetricQuery(
            measure, interval: spec.interval, breakdown: spec.breakdown, query, zone: zone, window: window, keys: keys)
    }

    private func people(
        _ spec: RevenueSpec, _ label: String?, _ outcome: ReportCell.Payers, _ place: PeoplePlace
    ) throws -> (SQLFragment, PersonNeeds) {
        var number: Int64?
        if let interval = spec.interval, let label { number = try bucket(label, "t", interval) }
        var query = RevenueQuery(spec, query, zone: zone)
        return (try query.people(outcome, bucket: number, place), query.needs)
    }

    private func people(
        _ spec: AttributionSpec, _ group: ReportCell.Group?, _ place: PeoplePlace
    ) throws -> (SQLFragment, PersonNeeds) {
        var query = AttributionQuery(spec, query)
        return (try query.people(group.map { Self.test($0, shown: spec.top) }, place), query.needs)
    }

    /// The test for a cell's group, of relations with `k` and `v`.
    private static func test(_ group: ReportCell.Group, shown: Int) -> SQLFragment {
        switch group {
        case .other: return "k = \(Int64(shown) + 1)"
        case .key(let token):
            let value = token.map { ReportDialect.key("\($0)") } ?? "NULL"
            return "k <= \(Int64(shown)) AND \(ReportDialect.same("v", value))"
        }
    }

    /// The number of a bucket by its label.
    private func bucket(_ label: String, _ field: String, _ interval: Interval) throws(QueryError) -> Int64 {
        if let number = interval.bucket(labelled: label, in: zone) { return number }
        throw QueryError(.invalidReport, at: "cell.\(field)", ReportCell.noLabel(interval, in: zone))
    }
}

/// Which of a cell's persons: how many after one.
struct PeoplePlace {
    let after: Int64
    let limit: Int

    /// The persons `who` of a relation of which a test holds, in their order.
    func select(from rows: SQLFragment, where tests: [SQLFragment]) -> SQLFragment {
        let all = tests + ["who > \(after)"]
        return "SELECT DISTINCT who FROM \(rows) WHERE \(all.joined(" AND ")) ORDER BY who LIMIT \(Int64(limit))"
    }
}
