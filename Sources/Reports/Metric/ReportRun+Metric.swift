internal import DuckDB
internal import EventStore
internal import Model

extension ReportRun {
    func metric(_ spec: MetricSpec) throws -> (ReportAnswer.Looked, [JSONValue.Member]) {
        var looked = ReportAnswer.Looked()
        let window = report.frame.window
        let results = try measured(spec, window, keys: nil, &looked)
        let keys = spec.breakdown.map { results[0].keys($0.top) }
        var members: [JSONValue.Member] = []
        members.append(.init("interval", spec.interval.map { .string($0.rawValue) } ?? .null))
        members.append(.init("series", try series(spec, results, window, keys)))
        if spec.compares, let from = window.from, let to = window.to {
            let before = TimeWindow(from: try start(before: from, to), to: from)
            var ignored = ReportAnswer.Looked()
            let results = try measured(spec, before, keys: keys, &ignored)
            members.append(
                .init(
                    "previous",
                    [
                        "from": JSONValue.string(before.from?.text ?? ""), "to": .string(from.text),
                        "series": try series(spec, results, before, keys),
                    ]))
        }
        return (looked, members)
    }

    /// The results of the measure, and of the second one if there is one, for the same values.
    private func measured(
        _ spec: MetricSpec, _ window: TimeWindow, keys: [String?]?, _ looked: inout ReportAnswer.Looked
    ) throws -> [MetricResult] {
        var results: [MetricResult] = []
        var keys = keys
        for measure in [spec.measure, spec.second].compactMap({ $0 }) {
            var query = MetricQuery(
                measure, interval: spec.interval, breakdown: spec.breakdown, query, zone: zone, window: window,
                keys: keys)
            let seen = SeenIdentities(last: lastIdentity)
            let rows = try SeenIdentities.noting(seen) { run in
                let statement = try query.statement(noting: run)
                return try self.rows(statement, query.needs)
            }
            let result = MetricResult(rows, measure)
            if let breakdown = spec.breakdown, keys == nil { keys = result.keys(breakdown.top) }
            results.append(result)
            let counted = try seen.counted(self)
            looked.events += counted.events
            // Of two measures, the people of the one that has more of them: they may be the same.
            looked.people = max(looked.people, counted.people)
        }
        return results
    }

    private func series(
        _ spec: MetricSpec, _ results: [MetricResult], _ window: TimeWindow, _ keys: [String?]?
    ) throws -> JSONValue {
        let buckets = try buckets(spec, results, window)
        // Those that were asked for, or found; and the others, if there are any.
        var numbers: [Int64] = keys.map { Array(1...Int64($0.count + 1)) } ?? [0]
        if let keys {
            let other = Int64(keys.count + 1)
            let top = Int64(spec.breakdown?.top ?? 0) + 1
            numbers.removeLast()
            if results.contains(where: { $0.groups.contains { $0.number == other || $0.number == top } }) {
                numbers.append(.max)
            }
        }
        return .array(
            numbers.map { number in
                let groups = results.map { result in
                    number == .max
                        ? result.groups.last { $0.number > Int64(keys?.count ?? 0) }
                            ?? result.group(number) : result.group(number)
                }
                var members: [JSONValue.Member] = [.init("key", .null)]
                if let keys {
                    let token = number == .max ? nil : keys[Int(number) - 1]
                    members = GroupKey(token: token, isOther: number == .max).members
                }
                let points = buckets.map { bucket -> JSONValue in
                    let values = zip([spec.measure, spec.second].compactMap { $0 }, groups).map { measure, group in
                        group.points[bucket] ?? measure.ofNothing
                    }
                    return ["t": label(bucket, spec, window), "value": value(spec, values).json]
                }
                let totals = zip([spec.measure, spec.second].compactMap { $0 }, groups).map { measure, group in
                    group.total == .none ? measure.ofNothing : group.total
                }
                members.append(.init("total", value(spec, totals).json))
                members.append(.init("points", .array(points)))
                return .object(members)
            })
    }

    private func value(_ spec: MetricSpec, _ values: [ReportNumber]) -> ReportNumber {
        guard let formula = spec.formula, values.count == 2 else { return values.first ?? .none }
        return formula.value(values[0], values[1])
    }

    private func label(_ bucket: Int64, _ spec: MetricSpec, _ window: TimeWindow) -> JSONValue {
        guard let interval = spec.interval else { return window.from.map { .string($0.text) } ?? .null }
        return .string(interval.label(bucket, in: zone))
    }

    private func buckets(
        _ spec: MetricSpec, _ results: [MetricResult], _ window: TimeWindow
    ) throws -> [Int64] {
        guard let interval = spec.interval else { return [0] }
        let found = results.compactMap(\.buckets)
        return try numbers(interval, found.map(\.lowerBound).min(), found.map(\.upperBound).max(), window)
    }

    /// Every bucket of a range, also those in which nothing happened. Where the range has no end, the buckets that have
    /// something are its ends; a range that begins so long ago ends now.
    func numbers(
        _ interval: Interval, _ least: Int64?, _ greatest: Int64?, _ window: TimeWindow
    ) throws -> [Int64] {
        let first = window.from.map { interval.number($0, in: zone) } ?? least
        var last = greatest
        if let to = window.to {
            last = interval.number(Timestamp(microseconds: to.microseconds - 1), in: zone)
        } else if report.frame.isRecent {
            last = max(greatest ?? .min, interval.number(report.frame.asOf, in: zone))
        }
        guard let first, let last, first <= last else { return [] }
        guard last - first < MetricSpec.mostBuckets else {
            throw QueryError(
                .tooLarge, at: "interval",
                "this range has \(last - first + 1) buckets, and \(MetricSpec.mostBuckets) is the most: choose a longer interval, or \"from\" and \"to\""
            )
        }
        return Array(first...last)
    }
}
