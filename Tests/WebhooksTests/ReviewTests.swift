import Connectors
import GRDB
import Model
import Testing

@testable import Webhooks

@Suite("What reviews of the sender found")
struct ReviewTests {
    private static func live(_ outbox: Outbox, _ json: JSONValue) async throws -> LiveEndpoint {
        let record = try await outbox.endpoint(json)
        return try #require(try await outbox.store.live().endpoints.first { $0.record.id == record.id })
    }

    private static func claimed(_ endpoint: LiveEndpoint, _ number: Int64) -> ClaimedDelivery {
        ClaimedDelivery(
            number: number, endpoint: endpoint.record.number, message: OutboundMessage(id: "m", type: "t", body: []),
            attempt: 1, forgiven: 0, cause: "auto")
    }

    @Test("Endpoints that hang leave places for those that answer")
    func fairShare() async throws {
        let outbox = try Outbox()
        var endpoints: [LiveEndpoint] = []
        for _ in 0..<12 {
            endpoints.append(
                try await Self.live(outbox, ["url": "https://r.example/", "events": ["*"], "concurrency": 100]))
        }
        let fast = try await Self.live(outbox, ["url": "https://fast.example/", "events": ["*"]])
        var state = DispatchState()
        state.update(endpoints + [fast], now: outbox.now)
        var number: Int64 = 0
        func feed(_ endpoint: LiveEndpoint, _ count: Int) {
            var answer = LedgerAnswer()
            for _ in 0..<count {
                number += 1
                answer.claimed.append(Self.claimed(endpoint, number))
            }
            #expect(state.claimed(answer, asked: []).isEmpty)
        }
        for endpoint in endpoints { feed(endpoint, 400) }
        let hanging = state.start(now: outbox.now)
        #expect(hanging.count < state.mostInFlight)
        feed(fast, 8)
        #expect(state.start(now: outbox.now).filter { $0.endpoint == fast.record.number }.count >= 4)
    }

    @Test("A definition that cannot be read stops no other endpoint")
    func unreadable() async throws {
        let outbox = try Outbox()
        let broken = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"]])
        let whole = try await outbox.endpoint(["url": "https://b.example/", "events": ["*"]])
        try await outbox.store.write { db in
            try db.execute(
                sql: "UPDATE endpoints SET definition = '{\"events\": 7}' WHERE id = ?", arguments: [broken.id])
        }
        let all = try await outbox.store.endpoints(project: "p")
        #expect(all.map(\.state) == [.disabled, .active] && all[0].reason?.contains("cannot be read") == true)
        try await outbox.put(1, to: [whole])
        #expect(try await outbox.claim(whole).count == 1)
        try await outbox.store.recover(now: outbox.now)
        #expect(try await outbox.store.live().endpoints.count == 2)
        #expect(try await outbox.store.remove(broken.id, project: "p"))
    }

    @Test("No queue grows without bounds: the oldest become dead letters that can be sent again")
    func bounds() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"]])
        let other = try await outbox.endpoint(["url": "https://b.example/", "events": ["message.exhausted"]])
        try await outbox.put(10, to: [endpoint])
        #expect(try await outbox.store.bound(now: outbox.now, most: 10).dropped == 0)
        #expect(try await outbox.store.bound(now: outbox.now, most: 7).dropped == 3)
        #expect(
            try await outbox.states(endpoint)
                == Array(repeating: "exhausted", count: 3) + Array(repeating: "pending", count: 7))
        #expect(try await outbox.states(other) == ["pending"])
        outbox.advance(15 * 86_400)
        #expect(try await outbox.store.bound(now: outbox.now).dropped == 8)
        var filter = DeliveryFilter()
        filter.endpoint = endpoint.id
        filter.states = [.exhausted]
        #expect(try await outbox.store.replay(filter, project: "p", now: outbox.now) == 10)
    }

    @Test("New messages go before those that are sent again in bulk, and what is due later is not looked at")
    func lanes() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"]])
        try await outbox.put(3, to: [endpoint])
        for claimed in try await outbox.claim(endpoint) { _ = try await outbox.end(claimed, 500, .exhausted) }
        var filter = DeliveryFilter()
        filter.endpoint = endpoint.id
        _ = try await outbox.store.replay(filter, project: "p", now: outbox.now)
        try await outbox.put(2, to: [endpoint])
        #expect(Set(try await outbox.claim(endpoint, 2).map(\.number)) == [4, 5])
        #expect(try await outbox.claim(endpoint, 2).count == 2)
    }

    @Test("Headers that came twice are kept")
    func doubledHeaders() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"]])
        try await outbox.put(1, to: [endpoint])
        let claimed = try #require(try await outbox.claim(endpoint).first)
        var work = LedgerWork()
        let answer = OutboundAnswer(status: 200, headers: [("Set-Cookie", "a"), ("set-cookie", "b"), ("x", "1")])
        work.outcomes = [
            AttemptOutcome(
                claimed: claimed, at: outbox.now, url: "", result: OutboundResult(answer: answer), verdict: .delivered,
                health: nil, notice: nil, isHook: false)
        ]
        _ = try await outbox.store.cycle(work, now: outbox.now)
        let log = try #require(try await outbox.store.delivery(claimed.number, project: "p")?.attempts.first)
        let text = try #require(log.responseHeaders)
        #expect(try JSONValue(text: text) == ["set-cookie": "a, b", "x": "1"])
    }
}
