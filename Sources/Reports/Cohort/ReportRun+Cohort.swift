internal import DuckDB
internal import EventStore
internal import Model

extension ReportRun {
    func cohort(_ spec: CohortSpec) throws -> (ReportAnswer.Looked, [JSONValue.Member]) {
        let (rows, events) = try cohortRows(spec)
        let looked = ReportAnswer.Looked(events: events, people: rows.reduce(0) { $0 + $1.people })
        let list = rows.map { row in JSONValue.object(label(row, spec) + Self.numbers(row.people, row.values)) }
        return (
            looked,
            [
                .init("interval", .string(spec.interval.rawValue)), .init("mode", .string(spec.mode.rawValue)),
                .init("bucket", .string(spec.bucket.rawValue)), .init("rows", .array(list)),
            ]
        )
    }

    /// The rows, and how many events were looked at.
    private func cohortRows(_ spec: CohortSpec) throws -> (rows: [CohortRow], events: Int64) {
        let threads = try connection.row("SELECT \(ReportDialect.threads)")?[0].int ?? 1
        guard CohortTally.takes(spec, identities: lastIdentity, threads: threads, in: tallied) else {
            let query = try CohortQuery(spec, query, zone: zone)
            let found = try rows(query.statement, query.needs).map { CohortRow($0, spec) }
            return (found, found.reduce(0) { $0 + $1.events })
        }
        let tally = try CohortTally(spec, zone: zone, persons: persons()) { (selector, run) in
            var query = query
            let test = try query.test(selector)
            // Returns may come after the range: people who started at its end have time, too.
            let isStart = selector.path == spec.start.path
            let window = isStart ? query.frame.window : TimeWindow(from: query.frame.from)
            let columns = [ReportDialect.tally(run, "e.identity_id", query.time, spec.canCoincide ? "e.seq" : "0")]
            let statement = try query.events(columns, where: [test], in: window)
            _ = try rows(statement, query.needs)
        }
        return tally.rows(in: zone)
    }

    private func label(_ row: CohortRow, _ spec: CohortSpec) -> [JSONValue.Member] {
        guard let breakdown = spec.breakdown else {
            return [.init("cohort", .string(spec.interval.label(row.number, in: zone)))]
        }
        let key = GroupKey(token: row.token, isOther: row.number > Int64(breakdown.top)).members
        return key.map { $0.key == "key" ? .init("cohort", $0.value) : $0 }
    }

    private static func numbers(_ people: Int64, _ values: [Int64]) -> [JSONValue.Member] {
        var sum: Int64 = 0
        let cumulative = values.map { value in
            sum += value
            return JSONValue(sum)
        }
        return [
            .init("people", JSONValue(people)), .init("values", .array(values.map { JSONValue($0) })),
            .init("percent", .array(values.map { .number("\(Double($0) * 100 / Double(max(people, 1)))") })),
            .init("cumulative", .array(cumulative)),
        ]
    }
}
