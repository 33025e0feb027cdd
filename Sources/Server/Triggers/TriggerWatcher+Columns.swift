internal import EventStore
internal import Model
internal import People
internal import Triggers
internal import Webhooks

/// Computed columns, by the feed of the table of people: whoever changed is looked at, and nobody else.
extension TriggerWatcher {
    private static let page = 2_000

    func look(_ name: String, _ threshold: Threshold, _ watched: WatchedRule, _ watches: Watches) async throws {
        guard let column = store.computedSet.column(name, on: 0) else {
            throw WatchError("when.column: there is no computed column \"\(name)\"")
        }
        let definition = Self.digest(column.json)
        guard let place = watched.ready(definition) else {
            return try await begin(name, threshold, watched, watches, definition)
        }
        guard try await isOfToday(watched) else { return }
        if store.peopleSnapshot.changeSeq > place.changeSeq {
            try await walk(name, threshold, watched, watches, place)
        }
        if !watched.pending.isEmpty { try await end(name, threshold, watched, watches) }
    }

    /// Whether the table of people is of a day that has come. Where the time of day was put back, it is not until the keeper has looked at
    /// everybody again, and nobody has crossed anything by what it says meanwhile.
    private func isOfToday(_ watched: WatchedRule) async throws -> Bool {
        let snapshot = store.peopleSnapshot
        guard let known = snapshot.day else { return true }
        let today = try await store.day(of: sender.timerClock(), in: known.timezone)
        if known.number != today { store.wakePeople() }
        if known.number > today {
            watched.awaitsDay = true
        } else if snapshot.pending == 0 {
            watched.awaitsDay = false
        }
        return !watched.awaitsDay
    }

    private func begin(
        _ name: String, _ threshold: Threshold, _ watched: WatchedRule, _ watches: Watches, _ definition: String
    ) async throws {
        let seq = try await given(watched)
        guard await store.waitForPeople(seq, timeout: .seconds(60)) else {
            throw WatchError("the table of people is behind, and is waited for")
        }
        let snapshot = store.peopleSnapshot
        let now = SystemClock.now()
        let expanded = try await definitions.expansion(now).expanded(threshold.condition(on: name), path: "when")
        let tree = try await store.condition(expanded, path: "when", timezone: "UTC", now: now).tree
        let found = try await store.ask { connection, pinned in
            try PeopleReader(connection, pinned, asOf: seq).matching(tree)
        }
        var place = WatchPlace(version: watched.rule.version, since: watched.rule.since)
        (place.seq, place.lookedAt, place.definition) = (seq, now, definition)
        // What the table has had for longer than that changes nothing; else everybody is looked at once.
        place.changeSeq = snapshot.seq <= seq ? snapshot.changeSeq : 0
        try await begin(watched, watches, place, found, asOf: seq)
    }

    /// Takes the changes since the last look, page by page.
    private func walk(
        _ name: String, _ threshold: Threshold, _ watched: WatchedRule, _ watches: Watches, _ known: WatchPlace
    ) async throws {
        var place = known
        while true {
            let after = place.changeSeq
            let (rows, snapshot) = try await store.readPinned { connection, _ in
                try PeopleFeed.values(connection, after: after, limit: Self.page)
            }
            let isLast = rows.count < Self.page
            place.changeSeq = isLast ? max(after, snapshot.changeSeq) : rows.last?.change.changeSeq ?? after
            if isLast { place.seq = max(place.seq, snapshot.seq) }
            place.lookedAt = SystemClock.now()
            var step = WatchStep(rule: watched.rule.number, place: place)
            try await fill(&step, rows, name, threshold, watched, known)
            if step.entries.isEmpty, step.moves.isEmpty {
                watched.move(to: place)
            } else {
                try await write(step, watched, watches)
            }
            if isLast { return }
        }
    }

    private func fill(
        _ step: inout WatchStep, _ rows: [PeopleValues], _ name: String, _ threshold: Threshold,
        _ watched: WatchedRule, _ known: WatchPlace
    ) async throws {
        let now = step.place.lookedAt.microseconds
        // Who was merged keeps what is kept of them under the number that stands, before that one is looked at.
        var heirs: [Int64: WatchState] = [:]
        var moves: [(from: Int64, to: Int64)] = []
        for row in rows {
            guard let to = row.change.mergedInto, let state = watched.kept[row.change.person] else { continue }
            moves.append((row.change.person, to))
            if watched.kept[to] == nil, heirs[to] == nil { heirs[to] = state }
        }
        typealias Found = (person: Int64, state: WatchState?, value: JSONValue, reading: WatchReading)
        var found: [Found] = []
        for row in rows where row.change.mergedInto == nil {
            let person = row.change.person
            let state = watched.kept[person] ?? heirs[person]
            var value = JSONValue.null
            if !row.change.isErased, let text = row.computed {
                value = try JSONValue(text: text)[name] ?? .null
            }
            let reading = row.change.isErased ? .between : threshold.reading(Self.number(value))
            if row.change.isErased, state != nil {
                step.entries.append(WatchStep.Entry(person: person, identity: "", state: nil))
            } else if state == nil ? reading == .beyond : reading != .beyond || state?.phase == .pending {
                found.append((person, state, value, reading))
            }
        }
        guard !found.isEmpty || !moves.isEmpty else { return }
        let olds = try await values(of: found.filter { $0.state == nil }.map { $0.person }, name, known)
        let names = try await names(of: found.map { $0.person } + moves.map { $0.to })
        step.moves = moves.map { (from: $0.from, to: $0.to, identity: names[$0.to] ?? "") }
        for one in found {
            let old = olds[one.person]
            let next = WatchState.next(
                one.state, one.reading, now: now, hold: threshold.hold,
                isFirst: one.state == nil && Self.number(old ?? .null) == nil)
            guard next.state != one.state || next.news != nil else { continue }
            var entry = WatchStep.Entry(
                person: one.person, identity: names[one.person] ?? "", state: next.state, news: next.news)
            (entry.old, entry.new) = (one.state == nil ? old : nil, one.value)
            step.entries.append(entry)
        }
    }

    /// Fires for those who have stayed beyond the bound for long enough, by what is stored now.
    private func end(
        _ name: String, _ threshold: Threshold, _ watched: WatchedRule, _ watches: Watches
    ) async throws {
        guard var place = watched.place else { return }
        let now = SystemClock.now()
        let due = watched.pending.filter { person in
            watched.kept[person].map { $0.since + threshold.hold <= now.microseconds } ?? false
        }.sorted()
        for start in stride(from: 0, to: due.count, by: Self.piece) {
            let part = Array(due[start..<min(start + Self.piece, due.count)])
            let values = try await values(of: part, name, nil)
            let names = try await names(of: part)
            place.lookedAt = SystemClock.now()
            var step = WatchStep(rule: watched.rule.number, place: place)
            for person in part {
                let value = values[person] ?? .null
                let next = WatchState.next(
                    watched.kept[person], threshold.reading(Self.number(value)), now: place.lookedAt.microseconds,
                    hold: threshold.hold)
                var entry = WatchStep.Entry(
                    person: person, identity: names[person] ?? "", state: next.state, news: next.news)
                entry.new = value
                entry.lateBy = now.microseconds - (watched.kept[person]?.since ?? 0) - threshold.hold
                step.entries.append(entry)
            }
            try await write(step, watched, watches)
        }
    }

    /// A column's value of persons, as of the last look, or of now.
    private func values(
        of persons: [Int64], _ name: String, _ known: WatchPlace?
    ) async throws -> [Int64: JSONValue] {
        guard !persons.isEmpty else { return [:] }
        let set = store.computedSet
        let day = try await store.day(of: known?.lookedAt ?? SystemClock.now(), in: set.timezone)
        guard let column = set.column(name, on: day) else { return [:] }
        let found = try await store.readPinned { connection, pinned in
            try PeopleReader(connection, pinned, asOf: known?.seq).computed([column], of: persons.map { PersonID($0) })
        }
        return Dictionary(
            found.map { ($0.key.number, $0.value[name] ?? .null) }, uniquingKeysWith: { first, _ in first })
    }

    func names(of persons: [Int64]) async throws -> [Int64: String] {
        guard !persons.isEmpty else { return [:] }
        return try await store.readPinned { connection, pinned in
            try PeopleReader(connection, pinned).identities(of: persons)
        }
    }

    static func number(_ value: JSONValue) -> Double? {
        if case .number(let text) = value { Double(text) } else { nil }
    }
}
