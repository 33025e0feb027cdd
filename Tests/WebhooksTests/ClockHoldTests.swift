import Connectors
import GRDB
import Logging
import Model
import Synchronization
import Testing

@testable import Webhooks

@Suite("What a leap of the time of day leaves alone, and what of it is known after a start")
final class ClockHoldTests {
    private static let minute: Int64 = 60_000_000
    private static let day: Int64 = 86_400

    private let outbox: Outbox
    private let steady: Mutex<Int64>

    init() throws {
        outbox = try Outbox()
        steady = Mutex(0)
    }

    private func sender(_ boot: String? = nil) -> Sender {
        let now = steady.withLock { $0 }
        return Sender(
            store: outbox.store, http: FakeHTTP { _ in OutboundResult() }, clock: { [outbox] in outbox.now },
            steady: { now }, boot: boot, hold: 5 * Self.minute, logger: Logger(label: "test"))
    }

    @Test("What waits and what is kept is not old by a leap that is held, and is once it counts")
    func upkeep() async throws {
        let endpoint = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"]])
        try await outbox.put(2, to: [endpoint])
        let claimed = try await outbox.claim(endpoint, 1)
        _ = try await outbox.end(try #require(claimed.first), 200, .delivered)
        let sender = sender()
        var last = Sender.Upkeep(bounded: sender.timerClock())
        await sender.keepUp(&last)
        outbox.advance(31 * Self.day)
        // Whenever it looks.
        last = Sender.Upkeep(bounded: Timestamp(microseconds: 0))
        await sender.keepUp(&last)
        #expect(try await outbox.states(endpoint) == ["delivered", "pending"])
        #expect(try await bodies() == 2)
        #expect(sender.resumeTimers())
        last = Sender.Upkeep(bounded: Timestamp(microseconds: 0))
        await sender.keepUp(&last)
        #expect(try await outbox.states(endpoint) == ["delivered", "exhausted"])
        #expect(try await bodies() == 0)
    }

    private func bodies() async throws -> Int? {
        try await outbox.store.read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM messages WHERE body IS NOT NULL")
        }
    }

    @Test("Once the time of day was put back, what is done now and then goes on")
    func puttingBack() {
        let (before, after) = (Timestamp(microseconds: 10), Timestamp(microseconds: 20))
        #expect(Sender.Upkeep.isDue(after, before, every: 100) && !Sender.Upkeep.isDue(before, after, every: 10))
        #expect(Sender.Upkeep.isDue(before, after, every: 9))
    }

    @Test("A hold goes on after a start, with when it ends, and a leap meanwhile is one")
    func started() async throws {
        let first = sender("boot")
        let before = first.timerClock()
        await first.noteClock()
        // It leaps while the server is down.
        outbox.advance(3_600)
        let second = sender("boot")
        #expect(second.timerClock() == before)
        await second.noteClock()
        let third = sender("boot")
        #expect(third.timerClock() == before)
        #expect(third.heldTimers()?.until == second.heldTimers()?.until)
        // It is put back while the server is down.
        outbox.advance(-3_600)
        let fourth = sender("boot")
        #expect(fourth.timerClock() == before && fourth.heldTimers() == nil)
        await fourth.noteClock()
        #expect(try outbox.store.clockMark()?.ahead == 0)
    }

    @Test("After another boot a hold that was on goes on unless it was put back; to have been off holds nothing")
    func booted() async throws {
        let first = sender("one")
        _ = first.timerClock()
        await first.noteClock()
        outbox.advance(30 * Self.day)
        #expect(sender("two").timerClock() == outbox.now)
        let before = first.timerClock()
        #expect(before != outbox.now)
        await first.noteClock()
        steady.withLock { $0 = 7 * Self.minute }
        let second = sender("two")
        #expect(second.timerClock() == before)
        #expect(second.heldTimers()?.until.microseconds == outbox.now.microseconds + 5 * Self.minute)
        outbox.advance(-30 * Self.day)
        #expect(sender("three").heldTimers() == nil)
    }
}
