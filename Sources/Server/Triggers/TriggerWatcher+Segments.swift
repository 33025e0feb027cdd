internal import Control
internal import EventStore
internal import Model
internal import People
internal import Triggers
internal import Webhooks

/// Saved segments: all who are in one, now and then, against those who were.
extension TriggerWatcher {
    /// How long it waits between two looks, and how many times as long as a look takes.
    private static let pace = (least: Duration.milliseconds(500), times: 4)
    /// The same where nothing was stored since.
    private static let slowPace = (least: Duration.seconds(2), times: 20)

    func look(segment id: String, _ watched: WatchedRule, _ watches: Watches) async throws {
        guard let record = try await control.segment(id, project: project) else {
            throw WatchError("when.segment: there is no segment \(id)")
        }
        let definition = Self.digest(try await condition(of: record, at: Self.fixed).json)
        guard let place = watched.ready(definition) else {
            return try await begin(record, watched, watches, definition)
        }
        let (seq, now) = (store.appliedSeq, SystemClock.now())
        let question = try await condition(of: record, at: now)
        let asked = WatchedRule.Asked(seq: seq, digest: Self.hash(question.json), epoch: store.erasureEpoch)
        guard asked != watched.asked else { return }
        if asked.seq == watched.asked?.seq, asked.epoch == watched.asked?.epoch, watched.nextTimeAt > .now { return }
        let began = ContinuousClock.now
        let found = try await store.ask { connection, pinned in
            try PeopleReader(connection, pinned, asOf: seq).matching(question.tree)
        }
        let took = ContinuousClock.now - began
        try await compare(found, watched, watches, place, seq)
        watched.asked = asked
        watched.nextAt = .now + max(Self.pace.least, took * Self.pace.times)
        watched.nextTimeAt = .now + max(Self.slowPace.least, took * Self.slowPace.times)
    }

    /// A segment as it is asked, and its JSON with no time in it that is not fixed.
    private func condition(
        of record: SegmentRecord, at now: Timestamp
    ) async throws -> (tree: Condition, json: JSONValue) {
        let expanded = try await definitions.expansion(now).expanded(
            try JSONValue(text: record.draft.tree), path: "segment", within: [record.id])
        let found = try await store.condition(expanded, path: "segment", timezone: record.draft.timezone, now: now)
        return (found.tree, found.fixed)
    }

    private func begin(
        _ record: SegmentRecord, _ watched: WatchedRule, _ watches: Watches, _ definition: String
    ) async throws {
        let seq = try await given(watched)
        let now = SystemClock.now()
        let question = try await condition(of: record, at: now)
        let found = try await store.ask { connection, pinned in
            try PeopleReader(connection, pinned, asOf: seq).matching(question.tree)
        }
        var place = WatchPlace(version: watched.rule.version, since: watched.rule.since)
        (place.seq, place.lookedAt, place.definition) = (seq, now, definition)
        watched.asked = nil
        try await begin(watched, watches, place, found, asOf: seq)
    }

    private func compare(
        _ found: [PersonID], _ watched: WatchedRule, _ watches: Watches, _ known: WatchPlace, _ seq: Int64
    ) async throws {
        let members = Set(found.lazy.map(\.number))
        var entered = found.map(\.number).filter { watched.kept[$0] == nil }
        let missing = watched.kept.keys.filter { !members.contains($0) }.sorted()
        if entered.isEmpty, missing.isEmpty {
            var place = known
            (place.seq, place.lookedAt) = (seq, SystemClock.now())
            return watched.move(to: place)
        }
        var left: [(person: Int64, isThere: Bool)] = []
        var moves: [(from: Int64, to: Int64)] = []
        var heirs: Set<Int64> = []
        for (person, standing) in try await standings(of: missing) {
            switch standing {
            case .here: left.append((person, true))
            case .unknown: left.append((person, false))
            case .moved(let to):
                moves.append((person, to.number))
                // Who was in it goes on being it; what the two are together may be out of it.
                guard watched.kept[to.number] == nil, heirs.insert(to.number).inserted else { continue }
                if !members.contains(to.number) { left.append((to.number, true)) }
            }
        }
        entered.removeAll { heirs.contains($0) }
        var place = known
        place.seq = seq
        for start in stride(from: 0, to: moves.count, by: Self.piece) {
            let part = moves[start..<min(start + Self.piece, moves.count)]
            let names = try await names(of: part.map { $0.to })
            place.lookedAt = SystemClock.now()
            var step = WatchStep(rule: watched.rule.number, place: place)
            step.moves = part.map { (from: $0.from, to: $0.to, identity: names[$0.to] ?? "") }
            try await write(step, watched, watches)
        }
        typealias Change = (person: Int64, isIn: Bool, isThere: Bool)
        var all = entered.map { person -> Change in (person, true, true) }
        all += left.map { one -> Change in (one.person, false, one.isThere) }
        for start in stride(from: 0, to: all.count, by: Self.piece) {
            let part = all[start..<min(start + Self.piece, all.count)]
            let names = try await names(of: part.map { $0.person })
            place.lookedAt = SystemClock.now()
            var step = WatchStep(rule: watched.rule.number, place: place)
            step.entries = part.map { one in
                let next = WatchState.next(
                    watched.kept[one.person], one.isIn ? .beyond : .back, now: place.lookedAt.microseconds, hold: 0)
                var entry = WatchStep.Entry(
                    person: one.person, identity: names[one.person] ?? "", state: next.state,
                    news: one.isThere ? next.news : nil)
                (entry.old, entry.new) = (.bool(!one.isIn), .bool(one.isIn))
                return entry
            }
            try await write(step, watched, watches)
        }
    }

    private func standings(of persons: [Int64]) async throws -> [(Int64, PersonStanding)] {
        var found: [(Int64, PersonStanding)] = []
        for start in stride(from: 0, to: persons.count, by: 200) {
            let part = persons[start..<min(start + 200, persons.count)]
            let all = try await store.readPinned { connection, pinned in
                let reader = PeopleReader(connection, pinned)
                return try part.map { ($0, try reader.standing(PersonID($0))) }
            }
            found += all
        }
        return found
    }
}
