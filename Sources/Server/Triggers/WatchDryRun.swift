internal import Control
internal import EventStore
internal import Model
internal import People
internal import Reports
internal import Triggers

/// What a watched trigger would have done: looks at the past at even distances, each as of what had been received by then, and the same
/// state machine. What came and went between two looks is not seen, and what was imported counts from when it was.
struct WatchDryRun {
    private static let mostLooks: Int64 = 48
    private static let mostSamples = 20
    /// How long it may take; then it ends where it is.
    private static let limit = Duration.seconds(45)

    private let watch: TriggerWatch
    private let exchange: Exchange
    private let from: Timestamp
    private let to: Timestamp
    private let runtime: ProjectRuntime

    init(_ watch: TriggerWatch, _ exchange: Exchange, from: Timestamp, to: Timestamp) throws {
        (self.watch, self.exchange, self.from) = (watch, exchange, from)
        self.to = min(to, exchange.receivedAt)
        runtime = try exchange.project()
    }

    func result() async throws -> JSONValue {
        _ = try await runtime.pin(exchange)
        var step = max(1, (to.microseconds - from.microseconds) / Self.mostLooks)
        if case .report(let report) = watch { step = max(step, report.every) }
        let began = ContinuousClock.now
        var (at, looks, fires, recovered) = (from, Int64(0), Int64(0), Int64(0))
        var kept: [Int64: WatchState] = [:]
        // Who had a value before: what begins beyond the bound has not crossed it.
        var known: Set<Int64>? = []
        var samples: [(person: Int64, at: Timestamp)] = []
        let reports = ReportNumbers(
            source: ReportSource(definitions: definitions), store: runtime.store,
            limit: exchange.app.configuration.reportTime)
        while at <= to, began + Self.limit > .now {
            let seq = try await runtime.store.seq(at: at)
            let found = try await readings(reports, at, seq, kept)
            for (person, reading) in found.readings {
                let next = WatchState.next(
                    kept[person], reading, now: at.microseconds, hold: watch.hold,
                    isFirst: looks == 0 || known.map { !$0.contains(person) } ?? false)
                kept[person] = next.state
                guard let news = next.news else { continue }
                if news == .recovered { recovered += 1 }
                guard isFiring(news) else { continue }
                fires += 1
                if samples.count < Self.mostSamples { samples.append((person, at)) }
            }
            known = found.known
            looks += 1
            at.microseconds += step
        }
        exchange.note.rows(Int(fires))
        let names = try await names(samples.map { $0.person })
        return [
            "from": .string(from.text), "to": .string(min(at, to).text), "events": 0, "is_cut": .bool(at <= to),
            "fires": JSONValue(fires),
            "samples": .array(
                samples.map { sample in
                    [
                        "identity": JSONValue(names[sample.person]),
                        "person_id": sample.person == 0 ? .null : .string(PersonID(sample.person).text),
                        "fired_at": .string(sample.at.text),
                    ]
                }),
            "counts": ["fired": JSONValue(fires), "recovered": JSONValue(recovered)],
            "looks": JSONValue(looks), "seconds_between": .number("\(Double(step / 1_000) / 1_000)"),
            "note":
                "what came and went between two looks is not seen; definitions are those of now, and what was imported counts from when it was",
        ]
    }

    private func isFiring(_ news: WatchNews) -> Bool {
        if case .segment(_, .left) = watch { news == .recovered } else { news == .crossed }
    }

    private var definitions: WatchDefinitions {
        WatchDefinitions(
            control: exchange.app.control, store: runtime.store, project: runtime.name, columns: runtime.columns)
    }

    private static func all(_ persons: some Sequence<Int64>, _ reading: WatchReading) -> [(Int64, WatchReading)] {
        persons.map { ($0, reading) }
    }

    /// Of all who are beyond the bound at a moment, and of those who were, what they say; and who has a value, where that matters.
    private func readings(
        _ reports: ReportNumbers, _ at: Timestamp, _ seq: Int64, _ kept: [Int64: WatchState]
    ) async throws -> (readings: [(Int64, WatchReading)], known: Set<Int64>?) {
        switch watch {
        case .report(let report):
            let found = try await reports.look(report, at: at, asOf: seq)
            return ([(0, found.reading)], nil)
        case .segment(let id, _):
            guard let record = try await exchange.app.control.segment(id, project: runtime.name) else {
                return ([], nil)
            }
            let members = try await matching(
                try JSONValue(text: record.draft.tree), record.draft.timezone, at, seq, within: [id])
            let gone = kept.keys.filter { !members.contains($0) }
            return (Self.all(members, .beyond) + Self.all(gone, .back), nil)
        case .column(let name, let threshold):
            let beyond = try await matching(threshold.condition(on: name), "UTC", at, seq)
            let others = threshold.otherConditions(on: name)
            let within = try await matching(others.within, "UTC", at, seq)
            let back = others.back == others.within ? within : try await matching(others.back, "UTC", at, seq)
            let rest = kept.keys.filter { !beyond.contains($0) }.map { person -> (Int64, WatchReading) in
                (person, back.contains(person) ? .back : .between)
            }
            return (Self.all(beyond, .beyond) + rest, beyond.union(within))
        }
    }

    private func matching(
        _ json: JSONValue, _ timezone: String, _ at: Timestamp, _ seq: Int64, within: [String] = []
    ) async throws -> Set<Int64> {
        let expanded = try await definitions.expansion(at).expanded(json, path: "when", within: within)
        let tree = try await runtime.store.condition(expanded, path: "when", timezone: timezone, now: at).tree
        let found = try await runtime.store.ask { connection, pinned in
            try PeopleReader(connection, pinned, asOf: seq).matching(tree)
        }
        return Set(found.map(\.number))
    }

    private func names(_ persons: [Int64]) async throws -> [Int64: String] {
        let asked = persons.filter { $0 != 0 }
        return try await runtime.store.readPinned { connection, pinned in
            try PeopleReader(connection, pinned).identities(of: asked)
        }
    }
}
