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
        #expect(try await outbox.replay(endpoint) == 10)
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

    @Test("Where much waits already, an endpoint gets its next message and no more")
    func heldBytes() async throws {
        let outbox = try Outbox()
        let endpoint = try await Self.live(outbox, ["url": "https://a.example/", "events": ["*"]])
        let other = try await Self.live(outbox, ["url": "https://b.example/", "events": ["*"]])
        var state = DispatchState()
        state.update([endpoint, other], now: outbox.now)
        #expect(state.rooms(now: outbox.now).map(\.count) == [32, 32])
        var answer = LedgerAnswer()
        let body = [UInt8](repeating: 0, count: DispatchState.mostBytes)
        for number: Int64 in 1...2 {
            answer.claimed.append(
                ClaimedDelivery(
                    number: number, endpoint: endpoint.record.number,
                    message: OutboundMessage(id: "m", type: "t", body: body), attempt: 1, forgiven: 0, cause: "auto"))
        }
        _ = state.claimed(answer, asked: [])
        state.sweep()
        let rooms = state.rooms(now: outbox.now)
        #expect(rooms.map(\.endpoint) == [other.record.number] && rooms.map(\.count) == [1])
        _ = state.start(now: outbox.now)
        state.sweep()
        #expect(state.rooms(now: outbox.now).map(\.count) == [30, 32])
    }

    @Test("Dead letters are told of once in ten minutes, whatever the reason; all of them are listed")
    func toldOnce() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"]])
        let told = try await outbox.endpoint(["url": "https://b.example/", "events": ["message.exhausted"]])
        try await outbox.put(6, to: [endpoint])
        let claimed = try await outbox.claim(endpoint)
        for place in 0..<4 {
            _ = try await outbox.end(claimed[place], 500, place % 2 == 0 ? .exhausted : .aborted("no"))
        }
        #expect(try await outbox.states(told).count == 1)
        outbox.advance(601)
        _ = try await outbox.end(claimed[4], 500, .aborted("no"))
        #expect(try await outbox.states(told).count == 2)
        // What tells of others is not told of.
        let notice = try #require(try await outbox.claim(told).first)
        outbox.advance(601)
        _ = try await outbox.end(notice, 500, .exhausted)
        #expect(try await outbox.states(told).count == 2)
    }

    @Test("What is old goes, and what is sent again, piece by piece")
    func chunks() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"]])
        let count = DeliveryStore.chunk + 7
        try await outbox.put(count, to: [endpoint])
        var filter = DeliveryFilter()
        filter.endpoint = endpoint.id
        #expect(try await outbox.store.replayable(filter, of: endpoint) == count)
        #expect(try await outbox.replay(endpoint, [.pending]) == count)
        try await outbox.store.write { db in try db.execute(sql: "UPDATE deliveries SET state = 2") }
        outbox.advance(31 * 86_400)
        try await outbox.store.prune(now: outbox.now)
        #expect(try await outbox.store.replayable(filter, of: endpoint) == 0)
        outbox.advance(60 * 86_400)
        try await outbox.store.prune(now: outbox.now)
        let left = try await outbox.store.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM messages") }
        #expect(left == 0)
    }

    @Test("An erasure finds what is of no event by whose it is, and takes out the receiver's words")
    func erasedByIdentity() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint([
            "url": "https://a.example/", "events": [], "body": "{\"a\": \"ann\"}",
        ])
        var batch = try await outbox.batch(0, to: [])
        let messages = ["ann", "bob"].map { identity in
            OutboxMessage(
                id: "msg_\(identity)", type: "trigger.fired", variant: "full", seq: nil, body: Array(identity.utf8),
                targets: [.init(endpoint: endpoint.number, orderKey: "i_\(identity)")], identity: identity)
        }
        batch = OutboxBatch(project: "p", change: batch.change, messages: messages, checkpoint: nil)
        var work = LedgerWork()
        work.batches = [batch]
        _ = try await outbox.store.cycle(work, now: outbox.now)
        for claimed in try await outbox.claim(endpoint) {
            _ = try await outbox.end(
                claimed, 422, .aborted("550 no \(String(decoding: claimed.message.body, as: UTF8.self))"))
        }
        let found = try await outbox.store.eraseTriggers(
            identities: ["ann"], seqs: [], project: "p", now: outbox.now)
        #expect(found.isGone)
        try await outbox.store.rewrite(project: "p", { $0 }, description: { $0 == "" ? "" : "{}" })
        var filter = DeliveryFilter()
        filter.endpoint = endpoint.id
        let rows = try await outbox.store.deliveries(filter, project: "p", before: nil, limit: 10)
        #expect(rows.map(\.reason) == ["550 no bob", "the receiver refused it"])
        let bodies = try await outbox.store.read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM messages WHERE body IS NULL AND identity IS NULL")
        }
        #expect(bodies == 1)
        let definition = try #require(try await outbox.store.endpoint(endpoint.id, project: "p")).definition
        #expect(definition.body == "{}")
    }

    @Test("Where a stream stands, no event gets a number below")
    func streamFloor() async throws {
        let outbox = try Outbox()
        let stream = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"], "mode": "stream"])
        try await outbox.store.seek(stream, to: 70)
        #expect(try outbox.store.start(project: "p").checkpoint == 70)
        #expect(try outbox.store.start(project: "q").checkpoint == 0)
    }

    @Test("A body of one's own that would be many times as long is made of the message's ids")
    func amplified() throws {
        let marks = String(repeating: "{{data.properties}},", count: 800)
        let definition = try EndpointDefinition([
            "url": "https://a.example/", "events": ["*"], "body": .string("[\(marks){{data.data_url}}]"),
        ])
        let event = RecordedEvent(
            seq: 5, eventID: Array("e".utf8), identity: Array("ann".utf8), name: Array("A".utf8),
            timestamp: Timestamp(microseconds: 1), receivedAt: Timestamp(microseconds: 1),
            properties: Array("{\"x\":\"\(String(repeating: "y", count: 60_000))\"}".utf8))
        let body = event.body(definition, id: "msg_a")
        #expect(body.count < 10_000)
        let json = try JSONValue(body.span)
        #expect(json.arrayValue?.last == "/v1/events?seq_from=4&as_of_seq=5" && json.arrayValue?.first == .null)
    }

    @Test("Behind a person whose first message is refused others are found, however much waits for it")
    func blockedPerson() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"], "order": "person"])
        try await outbox.put(OrderedClaim.most + 500, to: [endpoint], keys: ["ann"])
        #expect(try await outbox.claim(endpoint).map(\.number) == [1])
        outbox.advance(1)
        try await outbox.put(6, to: [endpoint], keys: ["bob", "cleo", "abe"])
        let first = Int64(OrderedClaim.most + 501)
        // Ann's first is under way: the others' first ones go, and only those.
        #expect(try await outbox.claim(endpoint).map(\.number) == [first, first + 1, first + 2])
        #expect(try await outbox.claim(endpoint).isEmpty)
    }
}
