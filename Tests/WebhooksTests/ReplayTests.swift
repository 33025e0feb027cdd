import Connectors
import GRDB
import Model
import Testing

@testable import Webhooks

@Suite("Many deliveries sent again together")
struct ReplayTests {
    private static func failed(_ count: Int) async throws -> (outbox: Outbox, endpoint: EndpointRecord) {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"]])
        try await outbox.put(count, to: [endpoint])
        for claimed in try await outbox.claim(endpoint) { _ = try await outbox.end(claimed, 500, .exhausted) }
        return (outbox, endpoint)
    }

    private static func replay(_ outbox: Outbox, _ endpoint: EndpointRecord) async throws -> ReplayRecord {
        let states: [DeliveryState] = [.exhausted]
        var filter = DeliveryFilter()
        filter.states = states
        let made = try await outbox.store.replay(filter, of: endpoint, by: "k", now: outbox.now)
        return try #require(made)
    }

    @Test("How far it is shows until all has arrived or failed")
    func progress() async throws {
        let (outbox, endpoint) = try await Self.failed(3)
        let made = try await Self.replay(outbox, endpoint)
        #expect(made.total == 3 && made.status == "running" && made.states == [.pending: 3])
        #expect(ReplayRecord.number(made.id) == made.number)
        let claimed = try await outbox.claim(endpoint)
        _ = try await outbox.end(claimed[0], 200, .delivered)
        _ = try await outbox.end(claimed[1], 500, .exhausted)
        let half = try await outbox.store.replay(made.number, project: "p")
        #expect(half?.states == [.delivered: 1, .exhausted: 1, .sending: 1] && half?.status == "running")
        _ = try await outbox.end(claimed[2], 200, .delivered)
        let done = try await outbox.store.replay(made.number, project: "p")
        #expect(done?.states == [.delivered: 2, .exhausted: 1] && done?.status == "done")
        await #expect(throws: WebhookError.self) {
            try await outbox.store.cancelReplay(made.number, project: "p", now: outbox.now)
        }
        // What there is nothing of is no replay, and another project sees none.
        #expect(try await outbox.replay(endpoint, [.skipped]) == 0)
        #expect(try await outbox.store.replays(project: "p", limit: 10).map(\.number) == [made.number])
        #expect(try await outbox.store.replays(project: "other", limit: 10).isEmpty)
    }

    @Test("What is called off is what it was before; what is under way arrives")
    func cancelled() async throws {
        let (outbox, endpoint) = try await Self.failed(4)
        let made = try await Self.replay(outbox, endpoint)
        let claimed = try await outbox.claim(endpoint, 1)
        // One of them is wanted whatever becomes of the others.
        let all: [Int64] = [1, 2, 3, 4]
        let wanted = try #require(all.first { $0 != claimed.first?.number })
        _ = try await outbox.store.replay(wanted, project: "p", now: outbox.now)
        let off = try await outbox.store.cancelReplay(made.number, project: "p", now: outbox.now)
        #expect(off.status == "cancelled" && off.putBack == 2 && off.states == [.sending: 1])
        _ = try await outbox.end(try #require(claimed.first), 200, .delivered)
        #expect(
            try await outbox.states(endpoint).sorted() == ["delivered", "exhausted", "exhausted", "pending"])
        #expect(try await outbox.claim(endpoint).map(\.number) == [wanted])
        // It can be asked for again.
        #expect(try await outbox.replay(endpoint) == 2)
    }

    @Test("Of what waited before, nothing is lost when it is called off")
    func waiting() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"]])
        try await outbox.put(2, to: [endpoint])
        var filter = DeliveryFilter()
        filter.states = [.pending]
        let made = try #require(try await outbox.store.replay(filter, of: endpoint, by: "k", now: outbox.now))
        _ = try await outbox.store.cancelReplay(made.number, project: "p", now: outbox.now)
        #expect(try await outbox.states(endpoint) == ["pending", "pending"])
        #expect(try await outbox.claim(endpoint).count == 2)
    }

    @Test("A server that ended before all were found says so")
    func partial() async throws {
        let (outbox, endpoint) = try await Self.failed(1)
        let made = try await Self.replay(outbox, endpoint)
        try await outbox.store.write { db in try db.execute(sql: "UPDATE replays SET is_taking = 1") }
        try await outbox.store.recover(now: outbox.now)
        #expect(try await outbox.store.replay(made.number, project: "p")?.isPartial == true)
    }

    @Test("What is sent again in bulk goes behind what is new")
    func bulk() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"]])
        try await outbox.put(2, to: [endpoint])
        for claimed in try await outbox.claim(endpoint) { _ = try await outbox.end(claimed, 500, .exhausted) }
        #expect(try await outbox.replay(endpoint) == 2)
        outbox.advance(1)
        try await outbox.put(1, to: [endpoint])
        let next = try await outbox.claim(endpoint, 1)
        #expect(next.map(\.message.id) == [MessageBody.eventID(project: "p", seq: 3)])
        #expect(try await outbox.claim(endpoint).map(\.cause) == ["bulk", "bulk"])
    }

    @Test("New messages go before those that are sent again in bulk, and what is due later is not looked at")
    func lanes() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"]])
        try await outbox.put(3, to: [endpoint])
        for claimed in try await outbox.claim(endpoint) { _ = try await outbox.end(claimed, 500, .exhausted) }
        _ = try await outbox.replay(endpoint)
        try await outbox.put(2, to: [endpoint])
        #expect(Set(try await outbox.claim(endpoint, 2).map(\.number)) == [4, 5])
        #expect(try await outbox.claim(endpoint, 2).count == 2)
    }
}
