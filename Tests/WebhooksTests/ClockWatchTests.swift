import Connectors
import GRDB
import Logging
import Model
import Synchronization
import Testing
import Triggers

@testable import Webhooks

@Suite("A time of day that leaps ahead fires nothing by that")
struct ClockWatchTests {
    private static let minute: Int64 = 60_000_000

    /// Two clocks, of which somebody sets one.
    private struct Clocks {
        var wall: Int64 = 1_700_000_000_000_000
        var steady: Int64 = 0
        var watch = ClockWatch(hold: 5 * minute)

        mutating func pass(_ length: Int64, leaping step: Int64 = 0) -> ClockWatch.News? {
            (wall, steady) = (wall + length + step, steady + length)
            return watch.look(wall: Timestamp(microseconds: wall), steady: steady)
        }

        /// How far timers are behind the time of day, in minutes.
        var behind: Int64 { (wall - watch.time(Timestamp(microseconds: wall)).microseconds) / minute }
    }

    @Test("Timers go on as if it had not leapt, until it has stayed so for a while")
    func held() {
        var clocks = Clocks()
        #expect(clocks.pass(0) == nil && clocks.pass(Self.minute) == nil)
        #expect(clocks.pass(Self.minute, leaping: 60 * Self.minute) == .held(60 * Self.minute))
        #expect(clocks.behind == 60 && clocks.watch.isHolding)
        #expect(clocks.pass(4 * Self.minute) == nil && clocks.behind == 60)
        #expect(clocks.pass(Self.minute) == .over && clocks.behind == 0)
        #expect(clocks.pass(Self.minute) == nil)
    }

    @Test("Once it is put back nothing is held, and nothing had been due")
    func putBack() {
        var clocks = Clocks()
        _ = clocks.pass(0)
        _ = clocks.pass(0, leaping: 60 * Self.minute)
        #expect(clocks.pass(Self.minute, leaping: -60 * Self.minute) == .putBack && clocks.behind == 0)
    }

    @Test("A machine that slept, small steps and steps back hold nothing; two leaps are one")
    func others() {
        var clocks = Clocks()
        _ = clocks.pass(0)
        #expect(clocks.pass(600 * Self.minute) == nil)
        #expect(clocks.pass(0, leaping: 4 * Self.minute) == nil)
        #expect(clocks.pass(0, leaping: -90 * Self.minute) == nil && clocks.behind == 0)
        _ = clocks.pass(0, leaping: 10 * Self.minute)
        _ = clocks.pass(4 * Self.minute, leaping: 10 * Self.minute)
        #expect(clocks.behind == 20 && clocks.pass(4 * Self.minute) == nil)
        #expect(clocks.watch.accept() && clocks.behind == 0)
        let again = clocks.watch.accept()
        #expect(!again)
        clocks.watch = ClockWatch(hold: 0)
        _ = clocks.pass(0)
        #expect(clocks.pass(0, leaping: 600 * Self.minute) == nil && clocks.behind == 0)
    }

    @Test("A sender runs its timers by that, says so, and goes on once it is accepted")
    func sender() async throws {
        let outbox = try Outbox()
        let steady = Atomic<Int64>(0)
        let sender = Sender(
            store: outbox.store, http: FakeHTTP { _ in OutboundResult() }, clock: { outbox.now },
            steady: { steady.load(ordering: .relaxed) }, hold: 5 * Self.minute, logger: Logger(label: "test"))
        #expect(sender.timerClock() == outbox.now && sender.heldTimers() == nil)
        let before = outbox.now
        outbox.advance(3_600)
        #expect(sender.timerClock() == before)
        let held = try #require(sender.heldTimers())
        #expect(held.since == outbox.now && held.ahead == 60 * Self.minute)
        #expect(held.until.microseconds == outbox.now.microseconds + 5 * Self.minute)
        #expect(sender.resumeTimers() && sender.timerClock() == outbox.now)
        #expect(!sender.resumeTimers() && sender.heldTimers() == nil)
    }
}
