internal import DuckDB
internal import EventStore
internal import Model

/// The persons behind the cells of an answer. A cell is named as the answer names it:
/// `{"step": 2, "outcome": "dropped", "key": "pro"}` of a funnel, `{"cohort": "2026-01-05", "period": 1}` of a cohort report,
/// `{"t": "2026-01-05", "key": "pro"}` of a metric; `"other": true` stands for all values that are not shown.
extension ReportRun {
    /// The numbers of a cell's persons, in order.
    func people(_ cell: SpecNode, after: Int64, limit: Int) throws -> [Int64] {
        let (statement, needs) =
            switch report.question {
            case .funnel(let spec): try people(spec, cell, after, limit)
            case .cohort(let spec): try people(spec, cell, after, limit)
            case .metric(let spec): try people(spec, cell, after, limit)
            case .revenue, .attribution:
                throw QueryError(
                    .invalidReport, at: "report.type",
                    "the people of a \(report.kind.rawValue) report cannot be listed; ask a metric of the same event")
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
        _ spec: FunnelSpec, _ cell: SpecNode, _ after: Int64, _ limit: Int
    ) throws -> (SQLFragment, PersonNeeds) {
        try cell.check(["step", "outcome"] + Self.keys(spec.breakdown), "a cell of this report")
        let isDropped = try cell["outcome"]?.choice(FunnelOutcome.self) == .dropped
        let step = try cell.needed("step", "the number of a step, from 1")
            .whole(in: (isDropped ? 2 : 1)...Int64(spec.steps.count))
        let query = try FunnelQuery(spec, query, isForPeople: true)
        let group = try group(cell, spec.breakdown)
        return (
            query.people(step: Int(step), isDropped: isDropped, group: group, after: after, limit: limit), query.needs
        )
    }

    private func people(
        _ spec: CohortSpec, _ cell: SpecNode, _ after: Int64, _ limit: Int
    ) throws -> (SQLFragment, PersonNeeds) {
        try cell.check(["cohort", "period"] + (spec.breakdown == nil ? [] : ["other"]), "a cell of this report")
        let period = try cell["period"].map { (node) throws(QueryError) in
            try node.whole(in: 0...Int64(spec.periods - 1))
        }
        let row: SQLFragment
        if let breakdown = spec.breakdown {
            row = try Self.group(cell.json["cohort"], isOther: cell["other"]?.json == true, breakdown)
        } else {
            row = "k = \(try bucket(cell.needed("cohort", "the row's date"), spec.interval))"
        }
        let query = try CohortQuery(spec, query, zone: zone)
        return (query.people(row: row, period: period.map { Int($0) }, after: after, limit: limit), query.needs)
    }

    private func people(
        _ spec: MetricSpec, _ cell: SpecNode, _ after: Int64, _ limit: Int
    ) throws -> (SQLFragment, PersonNeeds) {
        try cell.check(["t"] + Self.keys(spec.breakdown), "a cell of this report")
        guard spec.formula == nil else { throw cell.error("a formula has no people; ask for those of its measures") }
        var bucket: Int64?
        if let interval = spec.interval, let node = cell["t"] { bucket = try self.bucket(node, interval) }
        var query = MetricQuery(
            spec.measure, interval: spec.interval, breakdown: spec.breakdown, query, zone: zone,
            window: report.frame.window)
        let group = try group(cell, spec.breakdown)
        let statement = try query.people(bucket: bucket, group: group, after: after, limit: limit)
        return (statement, query.needs)
    }

    private static func keys(_ breakdown: Breakdown?) -> [String] { breakdown == nil ? [] : ["key", "other"] }

    /// The test for a cell's group, of relations with `k` and `v`; nil for all of them.
    private func group(_ cell: SpecNode, _ breakdown: Breakdown?) throws(QueryError) -> SQLFragment? {
        guard let breakdown else { return nil }
        let isOther = cell["other"]?.json == true
        // Null is a key, too: of those who have no value.
        guard isOther || cell.json["key"] != nil else { return nil }
        return try Self.group(cell.json["key"], isOther: isOther, breakdown)
    }

    private static func group(
        _ key: JSONValue?, isOther: Bool, _ breakdown: Breakdown
    ) throws(QueryError) -> SQLFragment {
        if isOther { return "k = \(Int64(breakdown.top) + 1)" }
        let token: SQLFragment =
            switch key {
            case nil, .null?: "NULL"
            case .some(let value): ReportDialect.key("\(value.text)")
            }
        return "k <= \(Int64(breakdown.top)) AND \(ReportDialect.same("v", token))"
    }

    /// The number of a bucket by its label.
    private func bucket(_ node: SpecNode, _ interval: Interval) throws(QueryError) -> Int64 {
        let text = node.json.stringValue ?? ""
        if let number = interval.bucket(labelled: text, in: zone) { return number }
        throw node.error("a date as the answer has it should be here, such as \(interval.label(0, in: zone))")
    }
}

/// Which of the people at a step.
private enum FunnelOutcome: String, CaseIterable {
    case reached
    /// Those who reached the step before and not this one.
    case dropped
}
