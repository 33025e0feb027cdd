import Connectors
import Model
import Testing

@testable import Webhooks

@Suite("The outbox")
struct StoreTests {
    private static let all: JSONValue = ["url": "https://r.example/", "events": ["*"]]

    @Test("A batch that was looked at by other endpoints is refused, with its checkpoint")
    func changed() async throws {
        let outbox = try Outbox()
        let first = try await outbox.endpoint(Self.all)
        let batch = try await outbox.batch(2, to: [first])
        _ = try await outbox.endpoint(Self.all, durable: 1)
        var work = LedgerWork()
        work.batches = [batch]
        #expect(try await outbox.store.cycle(work, now: outbox.now).written == [false])
        #expect(try await outbox.store.checkpoint(project: "p") == 0)
        #expect(try await outbox.states(first) == [])
    }

    @Test("The same batch twice makes each message once")
    func twice() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(Self.all)
        var work = LedgerWork()
        work.batches = [try await outbox.batch(3, to: [endpoint])]
        work.batches.append(work.batches[0])
        _ = try await outbox.store.cycle(work, now: outbox.now)
        #expect(try await outbox.states(endpoint) == ["pending", "pending", "pending"])
        #expect(try await outbox.store.checkpoint(project: "p") == 3)
    }

    @Test("An endpoint that begins to listen hears of what is collected from then on")
    func beginsToListen() async throws {
        let outbox = try Outbox()
        var known = try await outbox.endpoint(["url": "https://r.example/", "events": []], durable: 7)
        known = try await outbox.store.update(
            known.id, EndpointDefinition(Self.all), headers: nil, project: "p", now: outbox.now, durable: { 5_000 })
        #expect(known.sinceSeq == 5_000)
        #expect(try await outbox.store.checkpoint(project: "p") == 5_000)
        // One that listens already goes on where it was.
        known = try await outbox.store.update(
            known.id, EndpointDefinition(Self.all), headers: nil, project: "p", now: outbox.now, durable: { 9_000 })
        #expect(known.sinceSeq == 5_000)
    }

    @Test("What an erasure took is known as not to be sent, and 410 to it still ends the endpoint")
    func erasedWhileClaimed() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(Self.all)
        try await outbox.put(2, to: [endpoint])
        let claimed = try await outbox.claim(endpoint)
        _ = try await outbox.store.erase(seqs: [1], project: "p", now: outbox.now)
        #expect(try await outbox.store.notClaimed(claimed.map(\.number)) == [claimed[0].number])
        let answer = try await outbox.end(claimed[0], 410, .ends("gone"))
        #expect(answer.hasChanged)
        let now = try #require(try await outbox.store.endpoint(endpoint.id, project: "p"))
        #expect(now.state == .disabled)
    }

    @Test("A delivery is claimed once, and counted before it is sent")
    func claim() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(Self.all)
        try await outbox.put(3, to: [endpoint])
        let first = try await outbox.claim(endpoint, 2)
        #expect(first.map(\.attempt) == [1, 1])
        #expect(try await outbox.claim(endpoint).count == 1)
        #expect(try await outbox.claim(endpoint).isEmpty)
        #expect(try await outbox.states(endpoint) == ["sending", "sending", "sending"])
    }

    @Test("A retry waits for its time; the last failure leaves a dead letter that can be sent again under its id")
    func retry() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(Self.all)
        try await outbox.put(1, to: [endpoint])
        let first = try #require(try await outbox.claim(endpoint).first)
        let at = Timestamp(microseconds: outbox.now.microseconds + 5_000_000)
        _ = try await outbox.end(first, 500, .retry(at: at))
        #expect(try await outbox.claim(endpoint).isEmpty)
        outbox.advance(5)
        let second = try #require(try await outbox.claim(endpoint).first)
        #expect(second.attempt == 2 && second.message == first.message && second.cause == "auto")
        _ = try await outbox.end(second, 500, .exhausted)
        #expect(try await outbox.states(endpoint) == ["exhausted"])
        _ = try await outbox.store.replay(first.number, project: "p", now: outbox.now)
        let third = try #require(try await outbox.claim(endpoint).first)
        #expect(third.attempt == 3 && third.forgiven == 2 && third.message == first.message && third.cause == "manual")
        _ = try await outbox.end(third, 200, .delivered)
        let log = try #require(try await outbox.store.delivery(first.number, project: "p"))
        #expect(log.attempts.map(\.status) == [500, 500, 200] && log.record.state == .delivered)
        #expect(log.body == first.message.body)
    }

    @Test("A person's messages go one after another, other persons' beside them")
    func ordered() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"], "order": "person"])
        try await outbox.put(6, to: [endpoint], keys: ["a", "b"])
        let first = try await outbox.claim(endpoint)
        #expect(first.map(\.number) == [1, 2])
        let at = Timestamp(microseconds: outbox.now.microseconds + 1_000_000)
        _ = try await outbox.end(first[0], 500, .retry(at: at))
        _ = try await outbox.end(first[1], 200, .delivered)
        // The one that waits for its retry holds up its person, and nobody else.
        #expect(try await outbox.claim(endpoint).map(\.number) == [4])
        outbox.advance(1)
        #expect(try await outbox.claim(endpoint).map(\.number) == [1])
    }

    @Test("410 disables: what waits is parked, what comes is skipped, and both can be had again")
    func gone() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(Self.all)
        try await outbox.put(2, to: [endpoint])
        let first = try await outbox.claim(endpoint, 1)
        #expect(try await outbox.end(first[0], 410, .ends("gone")).hasChanged)
        #expect(try await outbox.claim(endpoint).isEmpty)
        try await outbox.put(1, to: [endpoint])
        #expect(try await outbox.states(endpoint) == ["pending", "pending", "skipped"])
        let disabled = try #require(try await outbox.store.endpoint(endpoint.id, project: "p"))
        #expect(disabled.state == .disabled && disabled.reason == "gone" && disabled.changedBy == "sluice")
        await #expect(throws: WebhookError.self) { try await outbox.store.replay(3, project: "p", now: outbox.now) }
        _ = try await outbox.store.setState(endpoint.id, .active, reason: nil, by: "k", project: "p", now: outbox.now)
        #expect(try await outbox.claim(endpoint).map(\.number) == [1, 2])
        _ = try await outbox.store.replay(3, project: "p", now: outbox.now)
        #expect(try await outbox.claim(endpoint).map(\.number) == [3])
    }

    @Test("410 removes a subscription")
    func hook() async throws {
        let outbox = try Outbox()
        let hook = try await outbox.endpoint(Self.all, kind: .hook)
        try await outbox.put(1, to: [hook])
        let claimed = try await outbox.claim(hook)
        #expect(try await outbox.end(claimed[0], 410, .ends("gone"), isHook: true).hasChanged)
        #expect(try await outbox.store.endpoint(hook.id, project: "p") == nil)
        #expect(try await outbox.states(hook) == [])
    }

    @Test("Others are told of what happens to an endpoint, and it is not")
    func notices() async throws {
        let outbox = try Outbox()
        let failing = try await outbox.endpoint(["url": "https://a.example/", "events": ["*", "endpoint.*"]])
        let told = try await outbox.endpoint([
            "url": "https://b.example/", "events": ["endpoint.*", "message.exhausted"],
        ])
        try await outbox.put(2, to: [failing])
        let claimed = try await outbox.claim(failing)
        _ = try await outbox.end(claimed[0], 500, .exhausted)
        _ = try await outbox.end(claimed[1], 410, .ends("gone"))
        let messages = try await outbox.claim(told).map(\.message)
        #expect(messages.map(\.type) == ["message.exhausted", "endpoint.disabled"])
        let bytes = messages[1].body
        let body = try JSONValue(bytes.span)
        #expect(
            body["data"]?["endpoint"]?["id"]?.stringValue == failing.id && body["id"]?.stringValue == messages[1].id)
        #expect(try await outbox.states(failing).count == 2)
    }

    @Test("8: after a crash what was being sent is sent again, counted, and never left unsent")
    func crash() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"], "retry": []])
        try await outbox.put(1, to: [endpoint])
        _ = try await outbox.claim(endpoint)
        try await outbox.store.recover(now: outbox.now)
        let again = try #require(try await outbox.claim(endpoint).first)
        // The one attempt that it has is still to be made.
        #expect(again.attempt == 2 && again.attempt - again.forgiven == 1)
        let log = try #require(try await outbox.store.delivery(again.number, project: "p"))
        #expect(log.attempts.map(\.error) == ["unknown"] && log.attempts.map(\.cause) == ["lost"])
    }

    @Test("An erasure takes bodies and answers out and ends what waits; the counts stay")
    func erase() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(Self.all)
        try await outbox.put(3, to: [endpoint])
        let claimed = try await outbox.claim(endpoint, 1)
        _ = try await outbox.end(claimed[0], 200, .delivered)
        let receipt = try await outbox.store.erase(seqs: [1, 2], project: "p", now: outbox.now)
        #expect(receipt.rows == 2 && receipt.isGone)
        #expect(try await outbox.states(endpoint) == ["delivered", "aborted", "pending"])
        let first = try #require(try await outbox.store.delivery(1, project: "p"))
        #expect(first.body == nil && first.attempts.first?.responseHeaders == nil)
        await #expect(throws: WebhookError.self) { try await outbox.store.replay(1, project: "p", now: outbox.now) }
        #expect(try await outbox.store.erase(seqs: [1, 2], project: "p", now: outbox.now).rows == 0)
    }

    @Test("What is old is forgotten, but for what still waits")
    func prune() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(Self.all)
        try await outbox.put(2, to: [endpoint])
        let claimed = try await outbox.claim(endpoint, 1)
        _ = try await outbox.end(claimed[0], 200, .delivered)
        outbox.advance(31 * 86_400)
        try await outbox.store.prune(now: outbox.now)
        #expect(try await outbox.store.delivery(1, project: "p")?.body == nil)
        #expect(try await outbox.store.delivery(2, project: "p")?.body != nil)
        outbox.advance(60 * 86_400)
        try await outbox.store.prune(now: outbox.now)
        #expect(try await outbox.states(endpoint) == ["pending"])
    }

    @Test("23: secrets rotate with an overlap; only those that hold sign")
    func rotate() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(Self.all)
        let second = WebhookSecret.make()
        let rotated = try await outbox.store.rotate(
            endpoint.id, to: second, overlap: 3_600_000_000, project: "p", now: outbox.now)
        #expect(rotated.secrets == 2 && rotated.overlapEnds != nil)
        let live = try #require(try await outbox.store.live().endpoints.first)
        #expect(live.secrets(now: outbox.now).count == 2 && live.secrets(now: outbox.now).first == second)
        outbox.advance(3_601)
        #expect(live.secrets(now: outbox.now) == [second])
    }
}
