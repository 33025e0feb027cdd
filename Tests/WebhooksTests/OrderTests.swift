import Connectors
import GRDB
import Model
import Testing

@testable import Webhooks

@Suite("Each person's messages one after another")
struct OrderTests {
    private static let (ann, bob) = (PersonID(1), PersonID(2))

    private static func message(
        _ name: String, _ person: PersonID?, identity: String, to endpoint: EndpointRecord, isOrdered: Bool
    ) -> OutboxMessage {
        let whose = OrderKey(person, identity: Array(identity.utf8))
        var message = OutboxMessage(
            id: "msg_\(name)", type: MessageBody.eventType, variant: "full", seq: nil, body: Array("{}".utf8),
            targets: [.init(endpoint: endpoint.number, orderKey: isOrdered ? whose.text : nil)])
        message.whose = whose
        return message
    }

    private static func put(
        _ messages: [OutboxMessage], _ outbox: Outbox, parks: Set<Int64> = []
    ) async throws -> LedgerAnswer {
        let change = try await outbox.store.read { db in try DeliveryStore.change(db) }
        var work = LedgerWork()
        work.parks = parks
        work.batches = [OutboxBatch(project: "p", change: change, messages: messages, checkpoint: nil)]
        return try await outbox.store.cycle(work, now: outbox.now)
    }

    @Test("It is so from the moment at which it is asked for, also of what waits already")
    func changed() async throws {
        let outbox = try Outbox()
        let described: JSONValue = ["url": "https://r.example/", "events": ["*"]]
        let endpoint = try await outbox.endpoint(described)
        func message(_ name: String, _ person: PersonID, isOrdered: Bool = false) -> OutboxMessage {
            Self.message(name, person, identity: "i\(person.number)", to: endpoint, isOrdered: isOrdered)
        }
        let parked = try await Self.put(
            [message("a1", Self.ann), message("b1", Self.bob), message("a2", Self.ann)], outbox,
            parks: [endpoint.number])
        #expect(parked.parked.count == 1)
        var parkedFrom = parked.parked
        func claim(_ count: Int, isOrdered: Bool = true) async throws -> [ClaimedDelivery] {
            var work = LedgerWork()
            work.rooms = [(endpoint.number, count, isOrdered)]
            work.parkedFrom = parkedFrom
            let answer = try await outbox.store.cycle(work, now: outbox.now)
            for (number, first) in answer.parkedFrom { parkedFrom[number] = first }
            return answer.claimed
        }
        let first = try await claim(1, isOrdered: false)
        #expect(first.map(\.message.id) == ["msg_a1"])
        _ = try await outbox.store.update(
            endpoint.id, try EndpointDefinition(["order": "person"], known: endpoint.definition), headers: nil,
            project: "p", now: outbox.now, durable: { 0 })
        _ = try await Self.put([message("a3", Self.ann, isOrdered: true)], outbox)
        // Until what waits has its place, nothing of it is claimed.
        #expect(try await claim(10).isEmpty)
        try await outbox.store.putInOrder(endpoint.number, most: 1)
        // Of hers the first one is under way, and then waits for its next attempt.
        #expect(try await claim(10).map(\.message.id) == ["msg_b1"])
        #expect(parkedFrom.isEmpty)
        let later = Timestamp(microseconds: outbox.now.microseconds + 60_000_000)
        _ = try await outbox.end(first[0], 500, .retry(at: later))
        #expect(try await claim(10).isEmpty)
        outbox.advance(60)
        for name in ["msg_a1", "msg_a2", "msg_a3"] {
            let claimed = try await claim(10)
            #expect(claimed.map(\.message.id) == [name])
            _ = try await outbox.end(try #require(claimed.first), 204, .delivered)
        }
    }

    @Test("What came before anybody knew whose it was is the person's")
    func known() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"], "order": "person"])
        let rows: [(String, PersonID?, String)] = [
            ("c1", nil, "cookie"), ("o1", nil, "other"), ("c2", Self.ann, "cookie"), ("a1", Self.ann, "ann"),
        ]
        for (name, person, identity) in rows {
            _ = try await Self.put(
                [Self.message(name, person, identity: identity, to: endpoint, isOrdered: true)], outbox)
        }
        let claimed = try await outbox.claim(endpoint)
        #expect(claimed.map(\.message.id) == ["msg_c1", "msg_o1"])
        _ = try await outbox.end(claimed[0], 204, .delivered)
        #expect(try await outbox.claim(endpoint).map(\.message.id) == ["msg_c2"])
    }

    @Test("What did not arrive and is sent again goes out in order where that is asked for since")
    func replayed() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"]])
        let messages = ["a1", "a2"].map {
            Self.message($0, Self.ann, identity: "ann", to: endpoint, isOrdered: false)
        }
        _ = try await Self.put(messages, outbox)
        for claimed in try await outbox.claim(endpoint) {
            _ = try await outbox.end(claimed, 500, .exhausted)
        }
        let ordered = try await outbox.store.update(
            endpoint.id, try EndpointDefinition(["order": "person"], known: endpoint.definition), headers: nil,
            project: "p", now: outbox.now, durable: { 0 })
        try await outbox.store.putInOrder(ordered.number)
        #expect(try await outbox.replay(ordered) == 2)
        #expect(try await outbox.claim(ordered).map(\.message.id) == ["msg_a1"])
    }

    @Test("Whose it was is forgotten with what it said")
    func pruned() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"], "order": "person"])
        let messages = [("a1", "ann"), ("b1", "bob")].map { name, who in
            Self.message(name, nil, identity: who, to: endpoint, isOrdered: true)
        }
        _ = try await Self.put(messages, outbox)
        let claimed = try await outbox.claim(endpoint)
        _ = try await outbox.end(try #require(claimed.first), 200, .delivered)
        outbox.advance(31 * 86_400)
        try await outbox.store.prune(now: outbox.now)
        let known = try await outbox.store.read { db in
            try Bool.fetchAll(
                db, sql: "SELECT whose IS NOT NULL AND order_key IS NOT NULL FROM deliveries ORDER BY number")
        }
        #expect(known == [false, true])
    }

    @Test("What was claimed without regard to it goes back")
    func claimedBefore() async throws {
        let outbox = try Outbox()
        let record = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"]])
        try await outbox.put(2, to: [record])
        var run = EndpointRun(try #require(try await outbox.store.live().endpoints.first), now: outbox.now)
        let claimed = try await outbox.claim(record)
        for one in claimed { run.add(one) }
        _ = try await outbox.store.update(
            record.id, try EndpointDefinition(["order": "person"], known: record.definition), headers: nil,
            project: "p", now: outbox.now, durable: { 0 })
        run.update(try #require(try await outbox.store.live().endpoints.first), now: outbox.now)
        #expect(run.start(now: outbox.now) == nil && run.holdsInVain(now: outbox.now))
        #expect(run.release().count == 2 && !run.holdsInVain(now: outbox.now))
        // Once all that waits has its place it is sent to again.
        try await outbox.store.putInOrder(record.number)
        run.update(try #require(try await outbox.store.live().endpoints.first), now: outbox.now)
        run.add(claimed[0])
        #expect(run.start(now: outbox.now) != nil)
        // By what was, nothing is claimed any more.
        var work = LedgerWork()
        work.change = 1
        work.rooms = [(record.number, 10, false)]
        let answer = try await outbox.store.cycle(work, now: outbox.now)
        #expect(answer.claimed.isEmpty && answer.hasChanged && answer.full == [record.number])
    }

    @Test("A message says that nobody knows its person yet")
    func unknown() throws {
        let event = RecordedEvent(
            seq: 1, eventID: [], identity: Array("new".utf8), name: Array("A".utf8), timestamp: .earliest,
            receivedAt: .earliest, properties: [])
        let definition = try EndpointDefinition(["url": "https://r.example/", "include": ["properties"]])
        let body = event.body(definition, id: "msg_x")
        #expect(try JSONValue(body.span)["data"]?["person"] == ["id": .null, "stale": true])
    }
}
