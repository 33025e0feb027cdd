internal import Control
internal import EventStore
internal import Journal
internal import Logging
internal import Model
internal import People
internal import Reports
internal import Triggers
internal import Webhooks

/// Watches for a project what no item of the journal tells: who is in a segment, what columns say of people, numbers of reports. It asks
/// the store beside everything else; what it saw is written in one transaction with what fires of it.
struct TriggerWatcher: Sendable {
    /// What one watcher is for, so that a long report keeps no column waiting.
    enum Subject: String, Sendable, CaseIterable {
        case columns, segments, reports

        func has(_ rule: TriggerRule) -> Bool {
            guard case .watched(let watch) = rule.when else { return false }
            return switch watch {
            case .column: self == .columns
            case .segment: self == .segments
            case .report: self == .reports
            }
        }
    }

    let subject: Subject
    let project: String
    let journal: Journal
    let store: EventStore
    let columns: ColumnBook
    let control: ControlStore
    let sender: Sender
    let outbox: DeliveryStore
    /// How long a report may take.
    let reportTime: Duration
    let logger: Logger

    /// The most that is written in one transaction.
    static let piece = 1_000
    private static let pause = Duration.milliseconds(250)
    /// How long what was seen may be further than what is written.
    private static let unwritten = Duration.seconds(2)

    /// Watches until the task is cancelled or the server ends.
    func run() async {
        var known: [Int64: WatchedRule] = [:]
        var change: Int64 = -1
        while !Task.isCancelled {
            let watches = sender.watches(of: project)
            let rules = watches.rules.filter(subject.has)
            // By a clock that leapt ahead and may be put back, nobody has left anything.
            if sender.heldTimers() != nil {
                guard await sender.rest(.seconds(1)) else { return }
                continue
            }
            if rules.isEmpty {
                (known, change) = ([:], -1)
                guard await sender.waitForWatches(after: watches) else { return }
                continue
            }
            do {
                if change != watches.change {
                    try await take(rules, &known)
                    change = watches.change
                }
                for rule in rules {
                    guard let watched = known[rule.number], watched.nextAt <= .now else { continue }
                    try await look(watched, watches)
                }
            } catch is WatchesChanged {
                change = -1
            } catch {
                if Task.isCancelled || error is CancellationError { return }
                logger.error("what is watched cannot be read, and is tried again", metadata: ["error": "\(error)"])
                guard await sender.rest(.seconds(2)) else { return }
            }
            guard await sender.rest(Self.pause) else { return }
            // Timers of other triggers may wake it often.
            guard (try? await Task.sleep(for: Self.pause / 4)) != nil else { return }
        }
    }

    /// Takes over what is kept of the rules; of those that did not change it is known.
    private func take(_ rules: [TriggerRule], _ known: inout [Int64: WatchedRule]) async throws {
        let places = try await outbox.watchPlaces(project: project)
        var found: [Int64: WatchedRule] = [:]
        for rule in rules {
            let stored = places[rule.number]
            if let before = known[rule.number], let stored, stored.generation == before.generation,
                before.rule.version == rule.version, before.rule.since == rule.since
            {
                before.rule = rule
                found[rule.number] = before
                continue
            }
            found[rule.number] = WatchedRule(
                rule, stored?.place, generation: stored?.generation ?? 0,
                kept: try await outbox.watched(trigger: rule.number))
        }
        known = found
    }

    private func look(_ watched: WatchedRule, _ watches: Watches) async throws {
        guard case .watched(let watch) = watched.rule.when else { return }
        do {
            switch watch {
            case .column(let name, let threshold): try await look(name, threshold, watched, watches)
            case .segment(let id, _): try await look(segment: id, watched, watches)
            case .report(let report): try await look(report, watched, watches)
            }
            // What went wrong is over, or nothing fires of what was seen: it is written all the same.
            let isBehind = watched.isBehind && watched.writtenAt + Self.unwritten < .now
            if watched.failures > 0 || isBehind, let place = watched.place {
                try await write(WatchStep(rule: watched.rule.number, place: place), watched, watches)
            }
        } catch {
            if Task.isCancelled || error is CancellationError || error is WatchesChanged { throw error }
            watched.failures += 1
            watched.nextAt = .now + min(Duration.seconds(1 << min(watched.failures, 6)), Duration.seconds(60))
            let text = Self.text(error)
            logger.warning(
                "a trigger could not be looked at",
                metadata: ["trigger": "\(watched.rule.id)", "error": "\(text)"])
            try await outbox.noteWatch(of: watched.rule, error: text, now: SystemClock.now())
        }
    }

    func write(_ step: WatchStep, _ watched: WatchedRule, _ watches: Watches) async throws {
        guard try await sender.watch([step], project: project, watches: watches) else { throw WatchesChanged() }
        watched.apply(step)
    }

    // MARK: Questions

    /// A rule that is looked at for the first time, or asks something else by now: who is beyond the bound then has not crossed it.
    ///
    /// - Parameter seq: what was collected until then is taken as given.
    func begin(
        _ watched: WatchedRule, _ watches: Watches, _ place: WatchPlace, _ persons: [PersonID], asOf seq: Int64
    ) async throws {
        watched.place = nil
        var step = WatchStep(rule: watched.rule.number, place: place)
        step.beginsAnew = true
        step.place.isReady = false
        for start in stride(from: 0, to: persons.count, by: Self.piece) {
            let part = persons[start..<min(start + Self.piece, persons.count)].map(\.number)
            let names = try await store.readPinned { connection, pinned in
                try PeopleReader(connection, pinned, asOf: seq).identities(of: part)
            }
            step.entries = part.map { person in
                WatchStep.Entry(
                    person: person, identity: names[person] ?? "",
                    state: WatchState(.crossed, since: place.lookedAt.microseconds))
            }
            try await write(step, watched, watches)
            step.beginsAnew = false
        }
        step.entries = []
        step.place.isReady = true
        try await write(step, watched, watches)
    }

    /// The `seq` up to which all is taken as given: that of the rule, or where it asks something else since, what is stored now.
    func given(_ watched: WatchedRule) async throws -> Int64 {
        let isAnother = watched.place.map { $0.isReady && watched.isOfRule($0) } ?? false
        let seq = isAnother ? store.appliedSeq : watched.rule.since
        try await store.waitForApplied(seq, timeout: .seconds(30))
        return seq
    }

    var definitions: WatchDefinitions {
        WatchDefinitions(control: control, store: store, project: project, columns: columns)
    }

    /// A moment as of which definitions are compared: what they say of time does not change by it.
    static let fixed = Timestamp(microseconds: 1_000_000_000_000_000)

    static func digest(_ json: JSONValue) -> String {
        let hash = hash(json)
        return Base32.encode(hash.high) + Base32.encode(hash.low)
    }

    static func hash(_ json: JSONValue) -> Hash128 {
        let bytes = Array(json.text.utf8)
        return Hash128(bytes.span)
    }

    private static func text(_ error: any Error) -> String {
        switch error {
        case let error as QueryError: error.message
        case let error as StoreError: error.message
        case let error as ReportError: error.message
        case let error as TriggerError: error.message
        case let error as WatchError: error.message
        default: "it could not be asked: \(type(of: error))"
        }
    }
}
