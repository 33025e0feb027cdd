internal import Connectors
internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Model
internal import People
internal import Triggers
internal import Webhooks

/// What a trigger did, why it did not, what it would have done, and a sample of what it says.
enum TriggerReads {
    private static let path = "/v1/triggers/{id}"

    static let routes = [
        Route(.get, "\(path)/health", .scope(.webhooksRead), audit: .none, health),
        Route(
            .get, "\(path)/explain", .scope(.webhooksWrite), audit: .read("triggers.explain", of: "events"),
            TriggerExplanation.explain),
        Route(
            .post, "\(path)/dry-run", .scope(.webhooksWrite), audit: .read("triggers.dry_run", of: "events"), dryRun),
        Route(.post, "\(path)/test", .scope(.webhooksWrite), audit: .act("triggers.test"), test),
    ]

    private static func health(_ exchange: Exchange) async throws -> Response {
        let record = try await exchange.trigger()
        return .json(try await exchange.app.webhooks.store.health(record, now: SystemClock.now()))
    }

    // MARK: What it would have done

    /// How many events and ties a dry run looks at.
    private static let mostItems = 200_000
    /// How many bytes of them it keeps at once.
    private static let mostBytes = 64 << 20

    private static func dryRun(_ exchange: Exchange) async throws -> Response {
        let record = try await exchange.trigger()
        let body = try await TriggerRoutes.optional(exchange, fields: ["from", "to", "when"])
        let when = body["when"] ?? record.when
        let to = try time(body, "to") ?? exchange.receivedAt
        let from = try time(body, "from") ?? Timestamp(microseconds: to.microseconds - 7 * 86_400_000_000)
        guard from < to else { throw RequestDocument.problem("\"from\" is before \"to\"") }
        switch try await TriggerRoutes.check(when, exchange) {
        case .property, .newPerson:
            throw Problem.badRequest(
                "what a property was, and who was known, at each moment of the past is not kept: a property's change and a new person cannot be run over it",
                code: "not_an_event")
        case .watched(let watch):
            return .json(try shown(try await WatchDryRun(watch, exchange, from: from, to: to).result(), exchange))
        case .event, .count, .absence, .silence: break
        }
        let runtime = try exchange.project()
        let seq = try await runtime.pin(exchange)
        let run = try await Blocking.run { DryRunBox(try TriggerDryRun(when, record: record, project: runtime.name)) }
        let filter = EventFilter(names: run.run.names, window: TimeWindow(from: from, to: to))
        let ties = try await self.ties(runtime.store, upTo: seq)
        var (events, bytes, after, isCut, isOld) = ([TriggerItem](), 0, Int64(0), false, false)
        while true {
            let start = after
            let piece = try await runtime.store.ask { connection, pinned in
                try PeopleReader(connection, pinned, asOf: seq).events(
                    filter, after: start, through: seq, limit: 5_000)
            }
            for event in piece {
                let item = TriggerItem(past: event)
                isOld = isOld || item.receivedAt != event.receivedAt
                bytes += item.properties.count + 200
                events.append(item)
                if bytes > mostBytes { break }
            }
            if bytes > mostBytes {
                isCut = true
                break
            }
            guard let last = piece.last, piece.count == 5_000 else { break }
            after = last.seq
            isCut = events.count >= mostItems
            if isCut { break }
        }
        let count = events.count
        var items = events + ties
        if isOld {
            // What was imported is in no order of coming: that of its times, among persons as they are now.
            items.sort { ($0.receivedAt, $0.seq) < ($1.receivedAt, $1.seq) }
        } else {
            items.sort { $0.seq < $1.seq }
        }
        let all = items
        try await Blocking.run {
            try run.run.begin(at: from)
            try run.run.take(all)
        }
        // What lies behind the cut is not known, so nothing is said of what comes due there.
        let reached = isCut ? all.last?.receivedAt ?? from : to
        let now = exchange.receivedAt
        let result = try await Blocking.run {
            try run.run.advance(to: min(reached, now))
            return try run.run.result()
        }
        exchange.note.rows(count)
        guard case .object(var members) = result else { return .json(result) }
        if run.run.asksStill {
            members.append(.init("note", "\"still\" is taken for so: what persons were at each moment is not asked"))
        }
        let document = JSONValue.object(
            [
                .init("from", .string(from.text)), .init("to", .string(reached.text)),
                .init("events", JSONValue(count)),
                .init("is_cut", .bool(isCut)),
            ] + members)
        return .json(try shown(document, exchange))
    }

    /// Whom it would have fired for is for those who may see what messages say.
    private static func shown(_ document: JSONValue, _ exchange: Exchange) throws -> JSONValue {
        try exchange.seesMessages() ? document : AttemptDocument.hiding(["identity", "person_id"], in: document)
    }

    private static func time(_ body: RequestDocument, _ name: String) throws -> Timestamp? {
        guard let text = try body.time(name) else { return nil }
        if text.hasPrefix("-"), let length = Durations.microseconds(text.dropFirst()) {
            return Timestamp(microseconds: SystemClock.now().microseconds - length)
        }
        guard let time = WrittenTime(text)?.timestamp() ?? Timestamp(epochSeconds: text) else {
            throw RequestDocument.problem("\"\(name)\" is a time, such as 2026-01-31, 2026-01-31T12:00:00Z or -7d")
        }
        return time
    }

    /// Ties and what took them back, in the order of `seq`.
    private static func ties(_ store: EventStore, upTo seq: Int64) async throws -> [TriggerItem] {
        var (items, cursor): ([TriggerItem], String?) = ([], nil)
        repeat {
            let at = cursor
            let page = try await store.readPinned { connection, pinned in
                try PeopleReader(connection, pinned, asOf: seq).aliases(limit: 1_000, cursor: at)
            }
            for alias in page.elements {
                items.append(
                    TriggerItem(
                        kind: .alias(other: alias.other, isDerived: alias.derived), seq: alias.seq,
                        identity: alias.identity, at: alias.timestamp, receivedAt: .earliest))
                guard let undone = alias.undoneSeq, undone != alias.seq else { continue }
                items.append(
                    TriggerItem(
                        kind: .undo(other: alias.other), seq: undone, identity: alias.identity, at: alias.timestamp,
                        receivedAt: .earliest))
            }
            cursor = items.count < mostItems ? page.nextCursor : nil
        } while cursor != nil
        return items.sorted { $0.seq < $1.seq }
    }

    // MARK: A sample

    /// Sends a sample to everything that the trigger's `then` names and tells what came of it. It is no firing: nothing is tried again.
    private static func test(_ exchange: Exchange) async throws -> Response {
        let record = try await exchange.trigger()
        let service = exchange.app.webhooks
        let id = WebhookSigning.messageID(["test", record.id, exchange.requestID])
        let message = SampleMessage.firing(record, at: exchange.receivedAt, id: id)
        var results: [JSONValue] = []
        for target in try await service.store.testTargets(record) {
            var result = OutboundResult()
            do throws(ConnectorError) {
                switch target.way {
                case .connector(let kind, let settings):
                    result = await (try await service.actions.make(kind, settings)).deliver(message)
                case .endpoint(let webhook):
                    result = await service.client.send(
                        webhook.request(message, seconds: exchange.receivedAt.microseconds / 1_000_000))
                case .closed(let why): result.failure = OutboundFailure(.notSent, why)
                }
            } catch {
                // The others are sent to all the same.
                result.failure = OutboundFailure(.notSent, error.message)
            }
            guard case .object(let members) = AttemptDocument.document(result, id: id, at: exchange.receivedAt) else {
                continue
            }
            results.append(.object([.init("endpoint", .string(target.id))] + members))
        }
        return .json(["results": .array(results)])
    }
}

/// A dry run is used by one job after the other.
private final class DryRunBox: @unchecked Sendable {
    // Each job is waited for before the next one begins.
    let run: TriggerDryRun

    init(_ run: TriggerDryRun) { self.run = run }
}

extension TriggerItem {
    /// As it would have come: what was imported, or is of long before it came, as if it had come when it happened.
    init(past event: PersonEvent) {
        let isOld = event.receivedAt.microseconds - event.timestamp.microseconds > 3_600_000_000
        self.init(
            kind: .event, seq: event.seq, identity: event.identity, eventID: event.eventID, name: event.event,
            at: event.timestamp, receivedAt: isOld ? event.timestamp : event.receivedAt, properties: event.properties)
        person = event.personID.number
    }
}
