internal import DuckDB
internal import EventStore
internal import Model

extension ReportRun {
    func cohort(_ spec: CohortSpec) throws -> (ReportAnswer.Looked, [JSONValue.Member]) {
        let query = try CohortQuery(spec, query, zone: zone)
        var looked = ReportAnswer.Looked()
        var list: [JSONValue] = []
        for row in try rows(query.statement, query.needs) {
            let people = row[2].int ?? 0
            looked.people += people
            looked.events += row[3].int ?? 0
            let values = (0..<spec.periods).map { row[4 + $0].int ?? 0 }
            list.append(.object(label(row, spec) + Self.numbers(people, values)))
        }
        return (
            looked,
            [
                .init("interval", .string(spec.interval.rawValue)), .init("mode", .string(spec.mode.rawValue)),
                .init("bucket", .string(spec.bucket.rawValue)), .init("rows", .array(list)),
            ]
        )
    }

    private func label(_ row: [DuckValue], _ spec: CohortSpec) -> [JSONValue.Member] {
        let number = row[0].int ?? 0
        guard let breakdown = spec.breakdown else {
            return [.init("cohort", .string(spec.interval.label(number, in: zone)))]
        }
        let key = GroupKey(token: row[1].text, isOther: number > Int64(breakdown.top)).members
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
