import Connectors
import Logging
import Model
import Synchronization
import Testing

@testable import Webhooks

@Suite("The sender")
struct SenderTests {
    private static let all: JSONValue = ["url": "https://r.example/", "events": ["*"]]
    private static let ok = OutboundResult(answer: OutboundAnswer(status: 200))

    /// Runs a sender while `body` runs.
    private func run(
        _ outbox: Outbox, _ http: FakeHTTP, _ body: @escaping @Sendable (Sender) async throws -> Void
    ) async throws {
        let sender = Sender(
            store: outbox.store, http: http, clock: { outbox.now }, chance: { 0.5 }, logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sender.run() }
            do { try await body(sender) } catch {
                sender.stop()
                throw error
            }
            sender.stop()
            try await group.waitForAll()
        }
    }

    /// Asks again and again until it is so: what is waited for is work, not time.
    private func until(_ isSo: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(120)
        while try await !isSo() {
            guard .now < end else { throw WebhookError(.conflict, "it never came") }
            await Task.yield()
        }
    }

    @Test("What is submitted is sent, signed, and written down")
    func sends() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(Self.all)
        let secret = try #require(try await outbox.store.secret(endpoint))
        let http = FakeHTTP { _ in Self.ok }
        try await run(outbox, http) { sender in
            #expect(try await sender.submit(outbox.batch(50, to: [endpoint])))
            try await until { try await outbox.states(endpoint).allSatisfy { $0 == "delivered" } }
        }
        #expect(http.requests.count == 50)
        for request in http.requests {
            let id = try #require(request.header("webhook-id"))
            let time = try #require(request.header("webhook-timestamp").flatMap { Int64($0) })
            #expect(
                request.header("webhook-signature") == secret.signature(id: id, timestamp: time, body: request.body))
            #expect(
                request.header("webhook-attempt") == "1" && request.method == "POST" && request.timeout == .seconds(15))
        }
        #expect(Set(http.requests.compactMap { $0.header("webhook-id") }).count == 50)
    }

    @Test("A failure is tried again at its time, under the same id with the same bytes")
    func retries() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(Self.all)
        let count = Atomic<Int>(0)
        let http = FakeHTTP { _ in
            count.add(1, ordering: .relaxed).newValue < 3
                ? OutboundResult(answer: OutboundAnswer(status: 500)) : Self.ok
        }
        try await run(outbox, http) { sender in
            _ = try await sender.submit(outbox.batch(1, to: [endpoint]))
            for (tries, seconds) in [(1, 4 as Int64), (2, 299)] {
                try await until { try await outbox.store.delivery(1, project: "p")?.attempts.count == tries }
                outbox.advance(seconds)
                sender.nudge()
                #expect(http.requests.count == tries)
                outbox.advance(1)
                sender.nudge()
            }
            try await until { try await outbox.states(endpoint) == ["delivered"] }
        }
        #expect(http.requests.map { $0.header("webhook-attempt") } == ["1", "2", "3"])
        #expect(
            Set(http.requests.map { $0.header("webhook-id") }).count == 1 && Set(http.requests.map(\.body)).count == 1)
        #expect(Set(http.requests.map { $0.header("webhook-timestamp") }).count == 3)
    }

    @Test("20: an endpoint that hangs harms no other, and has no more attempts at once than it may")
    func isolation() async throws {
        let outbox = try Outbox()
        let slow = try await outbox.endpoint(["url": "https://slow.example/", "events": ["*"], "concurrency": 2])
        let fast = try await outbox.endpoint(Self.all)
        let http = FakeHTTP { request in
            guard request.url.host == "slow.example" else { return Self.ok }
            try? await Task.sleep(for: .seconds(600))
            return OutboundResult(failure: OutboundFailure(.cancelled, ""))
        }
        try await run(outbox, http) { sender in
            for _ in 0..<20 { _ = try await sender.submit(outbox.batch(20, to: [slow, fast])) }
            try await until { try await outbox.states(fast).allSatisfy { $0 == "delivered" } }
            #expect(http.requests.count { $0.url.host == "slow.example" } == 2)
        }
        // What was cut off by the end is sent after the next start; what was claimed is as it was.
        #expect(try await outbox.states(slow).allSatisfy { $0 == "pending" })
        let attempts = try await outbox.store.deliveries(DeliveryFilter(), project: "p", before: nil, limit: 1_000)
        #expect(attempts.filter { $0.endpoint == slow.id && $0.attempts > 0 }.count == 2)
    }

    @Test("Order: no two messages of a person at once, each after the one before")
    func order() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(
            ["url": "https://r.example/", "events": ["*"], "order": "person", "concurrency": 8])
        let done = Mutex<[Int64]>([])
        let http = FakeHTTP { request in
            await Task.yield()
            let bytes = request.body
            let seq = (try? JSONValue(bytes.span))?["seq"]?.intValue ?? 0
            done.withLock { $0.append(seq) }
            return Self.ok
        }
        try await run(outbox, http) { sender in
            _ = try await sender.submit(outbox.batch(90, to: [endpoint], keys: ["a", "b", "c"]))
            try await until { try await outbox.states(endpoint).allSatisfy { $0 == "delivered" } }
        }
        let order = done.withLock { $0 }
        for person in 0..<3 as Range<Int64> {
            let own = order.filter { ($0 - 1) % 3 == person }
            #expect(own == own.sorted() && own.count == 30)
        }
    }

    @Test("21: 410 ends it: nothing more is sent")
    func gone() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"], "concurrency": 1])
        let http = FakeHTTP { _ in OutboundResult(answer: OutboundAnswer(status: 410)) }
        try await run(outbox, http) { sender in
            _ = try await sender.submit(outbox.batch(20, to: [endpoint]))
            try await until { try await outbox.store.endpoint(endpoint.id, project: "p")?.state == .disabled }
            _ = try await outbox.store.endpoints(project: "p")
        }
        #expect(http.requests.count == 1)
        #expect(try await outbox.states(endpoint) == Array(repeating: "pending", count: 20))
    }

    @Test("A rate is kept, and what waits for it burns no attempts")
    func rate() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"], "rate_limit": 5])
        let http = FakeHTTP { _ in Self.ok }
        try await run(outbox, http) { sender in
            _ = try await sender.submit(outbox.batch(12, to: [endpoint]))
            for sent in [5, 10, 12] {
                try await until {
                    try await outbox.states(endpoint).count { $0 == "delivered" } == sent
                }
                sender.nudge()
                #expect(http.requests.count == sent)
                outbox.advance(1)
                sender.nudge()
            }
        }
        let all = try await outbox.store.deliveries(DeliveryFilter(), project: "p", before: nil, limit: 100)
        #expect(all.allSatisfy { $0.attempts == 1 })
    }

    @Test("22: Retry-After holds back the whole endpoint")
    func throttle() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"], "concurrency": 1])
        let http = FakeHTTP { _ in
            OutboundResult(answer: OutboundAnswer(status: 429, headers: [("retry-after", "7")]))
        }
        try await run(outbox, http) { sender in
            _ = try await sender.submit(outbox.batch(9, to: [endpoint]))
            try await until { try await outbox.store.delivery(1, project: "p")?.attempts.count == 1 }
            outbox.advance(6)
            sender.nudge()
            try await until { try await outbox.states(endpoint).allSatisfy { $0 == "pending" } }
            #expect(http.requests.count == 1)
            outbox.advance(1)
            sender.nudge()
            try await until { http.requests.count > 1 }
        }
    }

    @Test("One endpoint that is held back keeps no other one's retry waiting")
    func heldBack() async throws {
        let outbox = try Outbox()
        let throttled = try await outbox.endpoint(["url": "https://slow.example/", "events": ["*"], "concurrency": 1])
        let failing = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"]])
        let failures = Mutex(1)
        let http = FakeHTTP { request in
            if request.url.host == "slow.example" {
                return OutboundResult(answer: OutboundAnswer(status: 429, headers: [("retry-after", "86400")]))
            }
            let fails = failures.withLock { left in
                defer { left -= 1 }
                return left > 0
            }
            return fails ? OutboundResult(answer: OutboundAnswer(status: 500)) : Self.ok
        }
        try await run(outbox, http) { sender in
            _ = try await sender.submit(outbox.batch(2, to: [throttled]))
            try await until { http.requests.count == 1 }
            _ = try await sender.submit(outbox.batch(1, to: [failing]))
            let first = try #require(
                try await outbox.store.deliveries(DeliveryFilter(), project: "p", before: nil, limit: 1).first)
            try await until { try await outbox.store.delivery(first.number, project: "p")?.attempts.count == 1 }
            outbox.advance(10)
            // Nobody nudges: the sender looks by itself.
            try await until { try await outbox.states(failing) == ["delivered"] }
        }
    }

    @Test("A sender that is cancelled while it sends ends, and has written down what it was told")
    func cancelled() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"], "concurrency": 2])
        let http = FakeHTTP { _ in
            while !Task.isCancelled { await Task.yield() }
            return OutboundResult(failure: OutboundFailure(.cancelled, "the server ends"))
        }
        let sender = Sender(
            store: outbox.store, http: http, clock: { outbox.now }, chance: { 0.5 }, logger: Logger(label: "test"))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await sender.run() }
            group.addTask {
                _ = try? await sender.submit(outbox.batch(5, to: [endpoint]))
                try? await until { http.requests.count == 2 }
                // Both at once, as a service is stopped whose time is over.
                sender.stop()
            }
            _ = await group.next()
            group.cancelAll()
        }
        #expect(sender.hasEnded)
        #expect(try await outbox.states(endpoint) == Array(repeating: "pending", count: 5))
    }
}
