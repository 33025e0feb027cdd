internal import Connectors
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import People
internal import Triggers
internal import Webhooks

/// Why a trigger fired because of somebody, and why it did not.
enum TriggerExplanation {
    /// How many of somebody's events are looked at.
    private static let mostEvents = 200

    /// Somebody with what they did of late, the newest last.
    private struct Subject: Sendable {
        let person: Person?
        let events: [PersonEvent]

        /// Whether more is known than events of one identity.
        var isKnown: Bool {
            guard let person else { return false }
            if person.identities.count > 1 { return true }
            let bytes = person.properties
            guard let tree = try? JSONValue(bytes.span), case .object(let members) = tree else { return false }
            return !members.isEmpty
        }
    }

    static func explain(_ exchange: Exchange) async throws -> Response {
        let record = try await exchange.trigger()
        guard let identity = exchange.query["identity"], !identity.isEmpty else {
            throw Problem.parameter("identity", "is missing: of whom")
        }
        let subject = try await subject(identity, exchange)
        let found = try await exchange.app.webhooks.store.explain(record, identity: identity)
        let (instances, watch) = (found.instances, found.watch)
        var (firings, seen) = (found.firings, found.seen)
        exchange.note.rows(instances.count + firings.count)
        let (when, policy) = try TriggerWhen.read(record.when)
        var why: String?
        let hasFired = !firings.isEmpty && instances.first.map { $0.state == .fired } ?? true
        if case .watched(let watched) = when {
            firings = firings.map { withEvent($0, subject.events) }
            if firings.isEmpty {
                why = try await WatchWhy.text(watched, record, kept: watch, person: subject.person?.id, exchange)
            }
        } else if !hasFired {
            let rule = TriggerRule(
                number: record.number, id: record.id, project: record.project, name: record.name,
                version: record.version, when: when, policy: policy, state: record.state, since: record.sinceSeq)
            seen.wasKnown = subject.isKnown
            why = rule.whyNot(
                events: instances.isEmpty ? subject.events.map { TriggerItem($0) } : [], instances: instances,
                seen: seen)
        }
        if subject.person == nil, firings.isEmpty, instances.isEmpty, isAboutPersons(when) {
            why =
                "nobody is known by \"\(identity.prefix(128))\": nothing that is stored has this identity (identities are told apart by every letter)"
        }
        let document: JSONValue = [
            "identity": .string(identity), "person_id": JSONValue(subject.person?.id.text),
            "instances": .array(try instances.map { try shown($0, exchange) }), "firings": .array(firings),
            "watch": watch,
            "why_not": JSONValue(why),
        ]
        return .json(try exchange.seesMessages() ? document : AttemptDocument.hiding(personal, in: document))
    }

    /// What is told of the person besides what the trigger did.
    private static let personal: Set<String> = [
        "person_id", "change", "preceded_by", "correlation", "value", "why_not",
    ]

    /// A wait as the key may see it: what "still" came to is told of the person.
    private static func shown(_ instance: TriggerInstance, _ exchange: Exchange) throws -> JSONValue {
        guard instance.endedBy?.hasPrefix(StillAnswer.word) == true, try !exchange.seesMessages() else {
            return instance.json
        }
        return AttemptDocument.hiding(["ended_by"], in: instance.json)
    }

    private static func isAboutPersons(_ when: TriggerWhen) -> Bool {
        switch when {
        case .silence, .watched(.report): false
        default: true
        }
    }

    private static func subject(_ identity: String, _ exchange: Exchange) async throws -> Subject {
        let runtime = try exchange.project()
        let seq = try await runtime.pin(exchange)
        let most = mostEvents
        return try await runtime.store.readPinned { connection, pinned in
            let reader = PeopleReader(connection, pinned, asOf: seq)
            guard let person = try reader.person(identity: identity) else { return Subject(person: nil, events: []) }
            let events = try reader.events(of: person.id, limit: most).elements
            return Subject(person: person, events: events.sorted { $0.seq < $1.seq })
        }
    }

    /// A firing that no event tells, with the last thing that the person did before it.
    private static func withEvent(_ firing: JSONValue, _ events: [PersonEvent]) -> JSONValue {
        guard case .object(let members) = firing, let text = firing["fired_at"]?.stringValue,
            let at = WrittenTime(text)?.timestamp(), let last = events.last(where: { $0.receivedAt <= at })
        else { return firing }
        return .object(
            members + [
                .init(
                    "preceded_by",
                    [
                        "event": .string(last.event), "event_id": .string(last.eventID), "seq": JSONValue(last.seq),
                        "received_at": .string(last.receivedAt.text),
                    ])
            ])
    }
}

extension TriggerItem {
    init(_ event: PersonEvent) {
        self.init(
            kind: .event, seq: event.seq, identity: event.identity, eventID: event.eventID, name: event.event,
            at: event.timestamp, receivedAt: event.receivedAt, properties: event.properties)
        person = event.personID.number
    }
}
