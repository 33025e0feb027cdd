import Connectors
import GRDB
import Logging
import Model
import Testing

@testable import Webhooks

@Suite("An endpoint comes to ask for order while much waits for it")
struct OrderingTests {
    private static let ann = PersonID(1)

    private static func put(
        _ name: String, _ person: PersonID?, identity: String, to endpoint: EndpointRecord, _ outbox: Outbox,
        parks: Set<Int64> = []
    ) async throws {
        let whose = OrderKey(person, identity: Array(identity.utf8))
        let isOrdered = endpoint.definition.order == .person
        var message = OutboxMessage(
            id: "msg_\(name)", type: MessageBody.eventType, variant: "full", seq: nil, body: Array("{}".utf8),
            targets: [.init(endpoint: endpoint.number, orderKey: isOrdered ? whose.text : nil)])
        message.whose = whose
        var work = LedgerWork()
        work.parks = parks
        let change = try await outbox.store.read { db in try DeliveryStore.change(db) }
        work.batches = [OutboxBatch(project: "p", change: change, messages: [message], checkpoint: nil)]
        _ = try await outbox.store.cycle(work, now: outbox.now)
    }

    private static func asked(_ order: JSONValue, _ known: EndpointRecord, _ outbox: Outbox) async throws
        -> EndpointRecord
    {
        try await outbox.store.update(
            known.id, try EndpointDefinition(["order": order], known: known.definition), headers: nil, project: "p",
            now: outbox.now, durable: { 0 })
    }

    private static func keyed(_ outbox: Outbox) async throws -> Int {
        try await outbox.store.read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM deliveries WHERE order_key IS NOT NULL") ?? 0
        }
    }

    @Test("The change itself writes none of it, nothing is claimed until it is done, and a start goes on with it")
    func pieces() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"]])
        for place in 0..<6 {
            try await Self.put(
                "m\(place)", Self.ann, identity: "ann", to: endpoint, outbox,
                parks: place < 3 ? [] : [endpoint.number])
        }
        let ordered = try await Self.asked("person", endpoint, outbox)
        #expect(ordered.isOrdering)
        #expect(try await Self.keyed(outbox) == 0)
        #expect(try await outbox.claim(ordered).isEmpty)
        let run = EndpointRun(try #require(try await outbox.store.live().endpoints.first), now: outbox.now)
        #expect(!run.isActive && run.isBlocked(now: outbox.now))
        // The server ends here; what it was at is on disk.
        let again = try DeliveryStore(path: outbox.path, box: try SecretBox(key: Array(repeating: 1, count: 32)))
        #expect(try await again.endpoint(endpoint.id, project: "p")?.isOrdering == true)
        try await again.putInOrder(endpoint.number, most: 2)
        try again.close()
        #expect(try await Self.keyed(outbox) == 6)
        #expect(try await outbox.store.endpoint(endpoint.id, project: "p")?.isOrdering == false)
        for place in 0..<6 {
            let claimed = try await outbox.claim(ordered)
            #expect(claimed.map(\.message.id) == ["msg_m\(place)"])
            _ = try await outbox.end(try #require(claimed.first), 204, .delivered)
        }
    }

    @Test("Who becomes known meanwhile has one order with what came before")
    func known() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"]])
        try await Self.put("c1", nil, identity: "cookie", to: endpoint, outbox)
        let ordered = try await Self.asked("person", endpoint, outbox)
        try await Self.put("c2", Self.ann, identity: "cookie", to: ordered, outbox)
        try await outbox.store.putInOrder(endpoint.number)
        #expect(try await outbox.claim(ordered).map(\.message.id) == ["msg_c1"])
    }

    @Test("Who had become known before has one order with what came when nobody knew them, also of what did not arrive")
    func knownBefore() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"]])
        try await Self.put("c0", nil, identity: "cookie", to: endpoint, outbox)
        for claimed in try await outbox.claim(endpoint) { _ = try await outbox.end(claimed, 500, .exhausted) }
        try await Self.put("c1", nil, identity: "cookie", to: endpoint, outbox)
        try await Self.put("c2", Self.ann, identity: "cookie", to: endpoint, outbox)
        let ordered = try await Self.asked("person", endpoint, outbox)
        try await outbox.store.putInOrder(endpoint.number)
        let claimed = try await outbox.claim(ordered)
        #expect(claimed.map(\.message.id) == ["msg_c1"])
        _ = try await outbox.end(try #require(claimed.first), 500, .exhausted)
        #expect(try await outbox.claim(ordered).map(\.message.id) == ["msg_c2"])
        #expect(try await outbox.replay(ordered) == 2)
        let keys = try await outbox.store.read { db in
            try String.fetchAll(db, sql: "SELECT DISTINCT coalesce(order_key, '') FROM deliveries")
        }
        #expect(keys == [Self.ann.text])
    }

    @Test("Where it is asked for no more, what waits is sent at once")
    func calledOff() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"]])
        for name in ["a", "b"] { try await Self.put(name, Self.ann, identity: "ann", to: endpoint, outbox) }
        let plain = try await Self.asked("none", try await Self.asked("person", endpoint, outbox), outbox)
        #expect(!plain.isOrdering)
        try await outbox.store.putInOrder(endpoint.number)
        #expect(try await outbox.claim(plain).count == 2)
    }

    @Test("A sender puts it in order by itself, and sends")
    func sent() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"]])
        for name in ["a", "b", "c"] { try await Self.put(name, Self.ann, identity: "ann", to: endpoint, outbox) }
        _ = try await Self.asked("person", endpoint, outbox)
        let done = Signal()
        let http = FakeHTTP { _ in
            done.raise()
            return OutboundResult(answer: .init(status: 204))
        }
        let sender = Sender(
            store: outbox.store, http: http, clock: { outbox.now }, chance: { 0.5 }, logger: .init(label: "test"))
        async let ran: Void = sender.run()
        await done.wait(above: 2)
        sender.stop()
        try await ran
        #expect(http.requests.compactMap { $0.header("webhook-id") } == ["msg_a", "msg_b", "msg_c"])
    }
}
