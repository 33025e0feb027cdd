internal import DuckDB
internal import EventStore
internal import Model

extension ReportRun {
    func attribution(_ spec: AttributionSpec) throws -> (ReportAnswer.Looked, [JSONValue.Member]) {
        var query = AttributionQuery(spec, query)
        let statement = try query.statement()
        var looked = ReportAnswer.Looked()
        var list: [JSONValue] = []
        var total: JSONValue = .null
        for row in try rows(statement, query.needs) {
            let (people, conversions) = (row[2].int ?? 0, row[3].int ?? 0)
            var members: [JSONValue.Member] = [
                .init("people", JSONValue(people)), .init("conversions", JSONValue(conversions)),
            ]
            if spec.conversion.of == .sum {
                members.append(.init("value", spec.conversion.sum(ReportNumber(row[4]), ReportNumber(row[5])).json))
            }
            if let number = row[0].int {
                let key = GroupKey(token: row[1].text, isOther: number > Int64(spec.top))
                list.append(.object(key.members + members))
            } else {
                looked = .init(events: conversions, people: people)
                total = .object(members)
            }
        }
        return (
            looked,
            [.init("model", .string(spec.model.rawValue)), .init("rows", .array(list)), .init("total", total)]
        )
    }
}
