internal import Control
internal import EventStore
internal import Journal
internal import Model
internal import Reports
internal import Triggers
internal import Webhooks

/// Numbers of reports, looked at now and then.
extension TriggerWatcher {
    /// A report is not asked for more than a fifth of the time.
    private static let times = 4

    func look(_ watch: ReportWatch, _ watched: WatchedRule, _ watches: Watches) async throws {
        let now = SystemClock.now()
        let source = ReportSource(definitions: definitions)
        let definition = Self.digest(try await source.json(watch, at: Self.fixed))
        let known = watched.ready(definition)
        if let known, !watch.isDue(lookedAt: known.lookedAt, now: now) { return }
        let seq = known == nil ? try await given(watched) : journal.durableSeq
        try await store.waitForApplied(seq, timeout: .seconds(30))
        let began = ContinuousClock.now
        let found = try await ReportNumbers(source: source, store: store, limit: reportTime)
            .look(watch, at: now, asOf: seq)
        watched.nextAt = .now + (ContinuousClock.now - began) * Self.times
        var place = WatchPlace(version: watched.rule.version, since: watched.rule.since)
        (place.isReady, place.seq, place.lookedAt, place.definition) = (true, seq, now, definition)
        place.value = found.value
        var step = WatchStep(rule: watched.rule.number, place: place)
        step.beginsAnew = known == nil
        let before = known == nil ? nil : watched.kept[0]
        let next = WatchState.next(
            before, found.reading, now: now.microseconds, hold: watch.threshold.hold, isFirst: known == nil)
        if next.state != before || next.news != nil {
            var entry = WatchStep.Entry(person: 0, identity: "", state: next.state, news: next.news)
            (entry.old, entry.new) = (found.base ?? known?.value, found.value)
            step.entries = [entry]
        }
        try await write(step, watched, watches)
    }
}

/// Where a watched report is found.
struct ReportSource: Sendable {
    let definitions: WatchDefinitions

    /// The report as it is asked at a moment, with saved segments and columns in their places.
    func json(_ watch: ReportWatch, at now: Timestamp) async throws -> JSONValue {
        var json = watch.report
        if let id = json["report_id"]?.stringValue, case .object(let given) = json {
            guard let saved = try await definitions.control.report(id, project: definitions.project) else {
                throw WatchError("when.report.report_id: there is no report \(id.prefix(64))")
            }
            guard case .object(let members) = saved.report else { return saved.report }
            let changed = given.filter { $0.key != "report_id" }
            let names = Set(changed.map(\.key))
            json = .object(members.filter { !names.contains($0.key) } + changed)
        }
        return try await definitions.expansion(now).expanded(json, path: "when.report")
    }
}

/// What a watched report says.
struct ReportNumbers: Sendable {
    let source: ReportSource
    let store: EventStore
    let limit: Duration

    func look(
        _ watch: ReportWatch, at now: Timestamp, asOf seq: Int64
    ) async throws -> (value: JSONValue, base: JSONValue?, reading: WatchReading) {
        let json = try await source.json(watch, at: now)
        let value = try await number(watch, json, now, seq)
        guard watch.threshold.side == .dropPercent else {
            return (value, nil, watch.threshold.reading(TriggerWatcher.number(value)))
        }
        let then = Timestamp(microseconds: now.microseconds - (try length(watch, json, now)))
        var earlier = try await source.json(watch, at: then)
        if earlier["to"] ?? .null == .null, case .object(let members) = earlier {
            // A range without an end has everything that came since, too.
            earlier = .object(members.filter { $0.key != "to" } + [.init("to", .string(then.text))])
        }
        let base = try await number(watch, earlier, then, seq)
        guard let after = TriggerWatcher.number(value), let before = TriggerWatcher.number(base),
            before >= watch.leastBase, before > 0
        else { return (value, base, .between) }
        return (value, base, watch.threshold.reading((before - after) / before * 100))
    }

    private func number(
        _ watch: ReportWatch, _ json: JSONValue, _ now: Timestamp, _ seq: Int64
    ) async throws -> JSONValue {
        let answer = try await ReportRunner.run(json, on: store, asOfSeq: seq, now: now, limit: limit)
        return try AnswerPath(watch.value).number(in: answer.json(milliseconds: 0), of: json)
    }

    /// How long before is compared with: the length of the report's range, if nothing else is said.
    private func length(_ watch: ReportWatch, _ json: JSONValue, _ now: Timestamp) throws -> Int64 {
        if let against = watch.against { return against }
        let frame = try ReportRunner.check(json, now: now).frame
        guard let from = frame.from else {
            throw WatchError(
                "when.report.from: what drops is compared with the range before, so it begins somewhere: -1d")
        }
        return (frame.to ?? now).microseconds - from.microseconds
    }
}
