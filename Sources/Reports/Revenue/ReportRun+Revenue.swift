internal import DuckDB
internal import EventStore
internal import Model

extension ReportRun {
    func revenue(_ spec: RevenueSpec) throws -> (ReportAnswer.Looked, [JSONValue.Member]) {
        var query = RevenueQuery(spec, query, zone: zone)
        let statement = try query.statement()
        var all = Revenue()
        var buckets: [Int64: Revenue] = [:]
        for row in try rows(statement, query.needs) {
            if row[1].bool == true {
                all.add(row, spec.payments)
            } else if let bucket = row[2].int {
                buckets[bucket, default: Revenue()].add(row, spec.payments)
            }
        }
        var members = all.members
        members.append(.init("per_person", Self.quotient(all.total, all.people)))
        members.append(.init("churn_rate", Self.quotient(.whole(all.lost), all.atStake)))
        // What a person pays until the end: all that is paid, by those who leave.
        members.append(.init("lifetime_value", Self.quotient(all.total, all.lost)))
        if let interval = spec.interval {
            members.append(.init("interval", .string(interval.rawValue)))
            let numbers = try numbers(interval, buckets.keys.min(), buckets.keys.max(), report.frame.window)
            members.append(
                .init(
                    "points",
                    .array(
                        numbers.map { number in
                            .object(
                                [.init("t", .string(interval.label(number, in: zone)))]
                                    + (buckets[number] ?? Revenue()).members)
                        })))
        }
        return (.init(events: all.events, people: all.people), members)
    }

    private static func quotient(_ sum: ReportNumber, _ count: Int64) -> JSONValue {
        guard count > 0, let sum = sum.double else { return .null }
        return ReportNumber.double(sum / Double(count)).json
    }
}

private struct Revenue {
    var total = ReportNumber.whole(0)
    /// Those who paid something.
    var people: Int64 = 0
    var gained: Int64 = 0
    var lost: Int64 = 0
    /// Those who paid or were lost.
    var atStake: Int64 = 0
    var events: Int64 = 0

    mutating func add(_ row: [DuckValue], _ measure: Measure) {
        let count = row[5].int ?? 0
        switch row[0].int {
        case 0:
            (people, events) = (count, row[6].int ?? 0)
            total = measure.sum(ReportNumber(row[3]), ReportNumber(row[4]))
        case 1: gained = count
        case 2: lost = count
        default: atStake = count
        }
    }

    var members: [JSONValue.Member] {
        [
            .init("total", total.json), .init("people", JSONValue(people)), .init("gained", JSONValue(gained)),
            .init("lost", JSONValue(lost)),
        ]
    }
}
