internal import DuckDB
internal import EventStore
internal import Model

extension ReportRun {
    func funnel(_ spec: FunnelSpec) throws -> (ReportAnswer.Looked, [JSONValue.Member]) {
        if FunnelTally.takes(spec, identities: lastIdentity, in: tallied) { return try counted(spec) }
        let query = try FunnelQuery(spec, query)
        let rows = try rows(query.statement, query.needs)
        let groups = rows.map { FunnelGroup($0, spec) }
        var looked = ReportAnswer.Looked()
        if let first = rows.first { looked = .init(events: first[2].int ?? 0, people: first[3].int ?? 0) }
        guard let breakdown = spec.breakdown else {
            let all = groups.first ?? FunnelGroup(steps: spec.steps.map { _ in FunnelGroup.Step() })
            return (looked, [.init("steps", all.json(spec))])
        }
        // Of all together, no times: those of the parts do not add up.
        let total = FunnelGroup(
            steps: spec.steps.indices.map { step in
                groups.reduce(into: FunnelGroup.Step()) { sum, group in
                    sum.people += group.steps[step].people
                    sum.times += group.steps[step].times
                }
            })
        let listed = groups.map { group in
            JSONValue.object(
                GroupKey(token: group.token, isOther: group.number > Int64(breakdown.top)).members
                    + [.init("steps", group.json(spec))])
        }
        return (looked, [.init("steps", total.json(spec)), .init("groups", .array(listed))])
    }

    /// In memory.
    private func counted(_ spec: FunnelSpec) throws -> (ReportAnswer.Looked, [JSONValue.Member]) {
        let tally = try FunnelTally(spec, persons: persons(), in: tallied) { (step, run) in
            var query = query
            let test = try query.test(step)
            let columns = [ReportDialect.gather(run, "e.identity_id", query.time)]
            _ = try rows(query.events(columns, where: [test], in: query.frame.window), query.needs)
        }
        let all = FunnelGroup(steps: tally.steps.map { FunnelGroup.Step($0) })
        return (.init(events: tally.looked, people: tally.steps[0].people), [.init("steps", all.json(spec))])
    }
}

/// How far the people of one value came.
private struct FunnelGroup {
    struct Step {
        var people: Int64 = 0
        var times: Int64 = 0
        /// From the first step to this one, in microseconds.
        var median: Double?
        var ninetieth: Double?

        init() {}

        init(people: Int64, times: Int64, median: Double?, ninetieth: Double?) {
            (self.people, self.times, self.median, self.ninetieth) = (people, times, median, ninetieth)
        }

        init(_ counted: FunnelTally.Step) {
            let took = counted.took.sorted()
            self.init(
                people: counted.people, times: counted.times, median: Self.quantile(took, 0.5),
                ninetieth: Self.quantile(took, 0.9))
        }

        /// As the engine's `quantile_cont`: between the two numbers that are nearest.
        private static func quantile(_ sorted: [Int64], _ share: Double) -> Double? {
            guard !sorted.isEmpty else { return nil }
            let place = Double(sorted.count - 1) * share
            let (low, high) = (sorted[Int(place.rounded(.down))], sorted[Int(place.rounded(.up))])
            return Double(low) + Double(high - low) * (place - place.rounded(.down))
        }
    }

    var number: Int64 = 0
    var token: String?
    var steps: [Step]

    init(steps: [Step]) { self.steps = steps }

    /// Reads a row of `FunnelQuery.statement`.
    init(_ row: [DuckValue], _ spec: FunnelSpec) {
        number = row[0].int ?? 0
        token = row[1].text
        steps = spec.steps.indices.map { step in
            let at = 4 + 4 * step
            return Step(
                people: row[at].int ?? 0, times: row[at + 1].int ?? 0, median: row[at + 2].double,
                ninetieth: row[at + 3].double)
        }
    }

    func json(_ spec: FunnelSpec) -> JSONValue {
        func counted(_ step: Step) -> Int64 { spec.count == .people ? step.people : step.times }
        return .array(
            steps.enumerated().map { (i, step) in
                let before = i == 0 ? step : steps[i - 1]
                var members: [JSONValue.Member] = [
                    .init("event", spec.steps[i].written), .init("people", JSONValue(step.people)),
                    .init("times", JSONValue(step.times)),
                    .init("conversion", Self.share(counted(step), of: counted(steps[0]))),
                    .init("step_conversion", Self.share(counted(step), of: counted(before))),
                    .init("dropped", JSONValue(before.people - step.people)),
                ]
                members.append(.init("median_seconds", i == 0 ? .null : Self.seconds(step.median)))
                members.append(.init("p90_seconds", i == 0 ? .null : Self.seconds(step.ninetieth)))
                return .object(members)
            })
    }

    private static func share(_ part: Int64, of whole: Int64) -> JSONValue {
        whole == 0 ? .null : .number("\(Double(part) / Double(whole))")
    }

    private static func seconds(_ microseconds: Double?) -> JSONValue {
        microseconds.map { ReportNumber.double($0 / 1_000_000).json } ?? .null
    }
}
