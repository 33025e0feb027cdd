internal import EventStore
internal import Model
internal import People
internal import Synchronization

/// Finds whose identities are. Most are known; for those that nobody has met before it waits a moment for the store.
final class PersonFinder: Sendable {
    /// How long is waited for the store where an identity is new.
    private static let patience = Duration.milliseconds(100)
    /// The same where a message says more of the person than who it is.
    private static let includePatience = Duration.seconds(1)
    /// How long that may be looked up. Everybody else's events wait meanwhile.
    private static let includeLimit = Duration.seconds(1)
    /// For so long nothing is looked up after it took too long.
    private static let includeRest = Duration.seconds(20)
    private static let mostKept = 50_000

    private struct Kept: Sendable {
        var epoch: Int64 = 0
        /// Identities that are a person by themselves, with that person.
        var singles: [ExactText: PersonID] = [:]
        var ties: PersonTies?
    }

    private let store: EventStore
    private let segments: any SegmentSource
    private let kept = Mutex(Kept())
    private let hurdle = Mutex(Hurdle())

    /// What stood in the way of telling more of persons.
    private struct Hurdle: Sendable {
        /// Was waited for in vain: until the store has it, nothing is waited for.
        var awaited: Int64 = 0
        /// Nothing is looked up before.
        var until = ContinuousClock.now
    }

    init(store: EventStore, segments: any SegmentSource = NoSegments()) {
        self.store = store
        self.segments = segments
    }

    /// Notes of each event whose it is.
    func find(
        _ wanted: inout [WantedEvent], upTo seq: Int64, include: Set<EndpointDefinition.Include>
    ) async throws {
        if !include.isEmpty { await waitToTell(seq) }
        let identities = wanted.map { String(decoding: $0.event.identity, as: UTF8.self) }
        let found = try await persons(of: identities, upTo: seq, isPatient: true)
        for (place, identity) in identities.enumerated() {
            wanted[place].event.person = found[ExactText(identity)]
        }
        if !include.isEmpty { try await tellInTime(&wanted, upTo: seq, include) }
    }

    /// Waits until the store has what is to be told of persons; an endpoint that asks for it does not hold up the others time and again
    /// where the store is behind.
    private func waitToTell(_ seq: Int64) async {
        guard store.appliedSeq < seq, hurdle.withLock({ store.appliedSeq >= $0.awaited }) else { return }
        do { try await store.waitForApplied(seq, timeout: Self.includePatience) } catch {
            hurdle.withLock { $0.awaited = seq }
        }
    }

    /// Adds what is to be told of the persons, and says where that is not all, or of a moment before.
    private func tellInTime(
        _ wanted: inout [WantedEvent], upTo seq: Int64, _ include: Set<EndpointDefinition.Include>
    ) async throws {
        let isRested = hurdle.withLock { $0.until <= .now }
        if isRested {
            let asked = wanted
            do {
                let (told, asOf) = try await withThrowingTaskGroup(of: (events: [WantedEvent], asOf: Int64)?.self) {
                    group in
                    group.addTask {
                        var events = asked
                        let asOf = try await self.tell(&events, include)
                        return (events, asOf)
                    }
                    group.addTask {
                        try await Task.sleep(for: Self.includeLimit)
                        return nil
                    }
                    defer { group.cancelAll() }
                    guard let first = try await group.next(), let found = first else { throw TellingTookLong() }
                    return found
                }
                wanted = told
                guard asOf < seq else { return }
                for place in wanted.indices { wanted[place].event.isStale = true }
                return
            } catch {
                // Whatever it was, it is no reason to keep back what happened.
                if Task.isCancelled { throw error }
                hurdle.withLock { $0.until = .now + Self.includeRest }
            }
        }
        for place in wanted.indices {
            wanted[place].event.isStale = true
            guard let id = wanted[place].event.person else { continue }
            wanted[place].event.included = ["id": .string(id.text)]
        }
    }

    /// Whose identities are, of those of which it is known.
    func persons(of identities: [String], upTo seq: Int64, isPatient: Bool) async throws -> [ExactText: PersonID] {
        var found = known(among: identities)
        var missing = Self.missing(identities, found)
        if !missing.isEmpty {
            found.merge(try await look(missing)) { $1 }
            missing = Self.missing(identities, found)
        }
        if !missing.isEmpty, isPatient, store.appliedSeq < seq {
            // A message says null rather than wait for long.
            try? await store.waitForApplied(seq, timeout: Self.patience)
            found.merge(try await look(missing)) { $1 }
        }
        return found
    }

    private static func missing(_ identities: [String], _ found: [ExactText: PersonID]) -> [String] {
        Set(identities.lazy.map { ExactText($0) }.filter { found[$0] == nil }).map(\.text)
    }

    /// Those that were looked up before and are tied to nobody since.
    private func known(among identities: [String]) -> [ExactText: PersonID] {
        let epoch = store.erasureEpoch
        return kept.withLock { kept in
            guard kept.epoch == epoch, let ties = kept.ties else {
                kept = Kept(epoch: epoch)
                return [:]
            }
            var found: [ExactText: PersonID] = [:]
            for identity in identities {
                let text = ExactText(identity)
                if let person = kept.singles[text], !ties.isTied(person.number) { found[text] = person }
            }
            return found
        }
    }

    private func look(_ identities: [String]) async throws -> [ExactText: PersonID] {
        let epoch = store.erasureEpoch
        let (found, ties) = try await store.readPinned { connection, pinned in
            (try PeopleReader(connection, pinned).persons(of: identities), pinned.ties)
        }
        kept.withLock { kept in
            if kept.epoch != epoch || kept.singles.count + found.count > Self.mostKept { kept = Kept(epoch: epoch) }
            kept.ties = ties
            guard let ties else { return }
            for (identity, person) in found where !ties.isTied(person.number) { kept.singles[identity] = person }
        }
        return found
    }

    /// The computed columns as of the newest of the events.
    private func columns(_ wanted: [WantedEvent]) async throws -> [ComputedColumn] {
        guard let moment = wanted.map(\.event.receivedAt).max() else { return [] }
        let set = store.computedSet
        return set.columns(on: try await store.day(of: moment, in: set.timezone))
    }

    /// The saved segments, likewise.
    private func segments(_ wanted: [WantedEvent]) async throws -> [NamedSegment] {
        guard let moment = wanted.map(\.event.receivedAt).max() else { return [] }
        return try await segments.segments(at: moment)
    }

    /// Adds what is to be told of the persons. As of which `seq` it is.
    private func tell(_ wanted: inout [WantedEvent], _ include: Set<EndpointDefinition.Include>) async throws -> Int64 {
        let ids = Array(Set(wanted.compactMap(\.event.person)))
        guard !ids.isEmpty else { return store.appliedSeq }
        let columns = include.contains(.computed) ? try await columns(wanted) : []
        let segments = include.contains(.segments) ? try await segments(wanted) : []
        let (people, computed, held, seq) = try await store.readPinned { connection, pinned in
            let reader = PeopleReader(connection, pinned)
            var held: [PersonID: [JSONValue]] = [:]
            for id in ids where !segments.isEmpty {
                let found = try reader.explain(segments.map { ($0.tree, $0.json) }, of: id)
                held[id] = zip(segments, found).filter { $1.holds }.map { segment, _ in segment.document }
            }
            let computed = columns.isEmpty ? [:] : try reader.computed(columns, of: ids)
            return (try reader.people(ids), computed, held, pinned.seq)
        }
        let documents = Dictionary(people.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for place in wanted.indices {
            guard let id = wanted[place].event.person, let person = documents[id] else { continue }
            var members: [JSONValue.Member] = [.init("id", .string(id.text))]
            let forms = wanted[place].listeners.flatMap(\.definition.include)
            if forms.contains(.identities) {
                members.append(.init("identities", .array(person.identities.map { .string($0) })))
            }
            if forms.contains(.properties) {
                let properties = person.properties
                members.append(.init("properties", (try? JSONValue(properties.span)) ?? .object([])))
            }
            if forms.contains(.segments) { members.append(.init("segments", .array(held[id] ?? []))) }
            if forms.contains(.computed) { members.append(.init("computed", computed[id] ?? .object([]))) }
            wanted[place].event.included = .object(members)
        }
        return seq
    }
}

/// What is to be told of persons was not found in time.
private struct TellingTookLong: Error {}
