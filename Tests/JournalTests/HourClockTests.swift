import Model
import Testing

@testable import Journal

@Suite("A wall clock that jumps ahead makes nothing forgotten unless it stays there")
struct HourClockTests {
    private let minute: Int64 = 60_000_000_000

    private final class Watch {
        var clock = HourClock()
        func look(_ wall: Int64, _ now: Int64) -> Bool { clock.observe(wall, at: now) }
    }

    @Test("The hour follows the wall clock, however rarely it is looked at, and never goes back")
    func follows() {
        let watch = Watch()
        var now: Int64 = 0
        for (wall, minutes) in [(100, 0), (101, 30), (100, 5), (103, 60), (90, 600), (104, 10), (300, 60 * 200)] {
            now += Int64(minutes) * minute
            let before = watch.clock.hour
            #expect(!watch.look(Int64(wall), now))
            #expect(watch.clock.hour == max(Int64(wall), before) && watch.clock.stamp == watch.clock.hour)
        }
    }

    @Test("A jump counts when it has lasted for an hour; the ids of that hour are kept as if it did at once")
    func lasts() {
        let watch = Watch()
        _ = watch.look(100, 0)
        for minutes in [1, 20, 59, 60] as [Int64] {
            #expect(!watch.look(300, minutes * minute))
            #expect(watch.clock.hour == 100 && watch.clock.stamp == 300)
        }
        #expect(!watch.look(301, 61 * minute))
        #expect(watch.clock.hour == 301 && watch.clock.stamp == 301)
    }

    @Test("A jump that ends, or jumps on, does not count")
    func ends() {
        let watch = Watch()
        _ = watch.look(100, 0)
        #expect(!watch.look(300, minute))
        #expect(watch.look(100, 2 * minute))
        #expect(watch.clock.hour == 100 && watch.clock.stamp == 100)
        #expect(!watch.look(100, 3 * minute))
        // Each begins its hour anew.
        for (wall, minutes) in [(300, 5), (900, 60), (500, 119), (800, 178)] as [(Int64, Int64)] {
            #expect(!watch.look(wall, minutes * minute))
            #expect(watch.clock.hour == 100 && watch.clock.stamp == wall)
        }
        #expect(watch.look(103, 190 * minute))
        #expect(watch.clock.hour == 103)
    }

    @Test(
        "After one commit a week ahead everything is known as before, with a restart and without",
        arguments: [false, true])
    func oneCommit(restart: Bool) async throws {
        let folder = TemporaryFolder()
        let clock = FakeClock()
        var journal = try Journal.open(options(folder, clock: clock), logger: quiet)
        _ = try await journal.append(submission(["a"]))
        clock.advance(hours: 1)
        _ = try await journal.append(submission(["b"]))
        await journal.core.housekeeping.settle()
        clock.jump(hours: 400)
        #expect(try await journal.append(submission(["a", "b", "c"])).verdicts.last == .stored(3))
        await journal.core.housekeeping.settle()
        clock.jump(hours: -400)
        let known: [Verdict] = [.duplicate(of: 1), .duplicate(of: 2), .duplicate(of: 3)]
        #expect(try await journal.append(submission(["a", "b", "c"])).verdicts == known)
        await journal.core.housekeeping.settle()
        if restart {
            await journal.abandon()
            journal = try Journal.open(options(folder, clock: clock), logger: quiet)
        }
        _ = try await journal.append(submission(["d"]))
        clock.advance(hours: 168)
        #expect(try await journal.append(submission(["a"])).verdicts == [.stored(5)])
        #expect(try await journal.append(submission(["b", "d"])).verdicts == [.duplicate(of: 2), .duplicate(of: 4)])
        clock.advance(hours: 2)
        // What came after the jump does not stay for longer, what came in it does.
        let later = try await journal.append(submission(["b", "d", "c"])).verdicts
        #expect(later == [.stored(6), .stored(7), .duplicate(of: 3)])
        await journal.close()
    }

    @Test("A clock that was set right is believed an hour later, and what came meanwhile is known for seven days")
    func setRight() async throws {
        let folder = TemporaryFolder()
        let clock = FakeClock()
        let journal = try Journal.open(options(folder, clock: clock), logger: quiet)
        _ = try await journal.append(submission(["a"]))
        clock.jump(hours: 400)
        #expect(try await journal.append(submission(["a", "b"])).verdicts == [.duplicate(of: 1), .stored(2)])
        clock.advance(minutes: 61)
        #expect(try await journal.append(submission(["a", "b"])).verdicts == [.stored(3), .duplicate(of: 2)])
        clock.advance(hours: 167)
        #expect(try await journal.append(submission(["b", "a"])).verdicts == [.duplicate(of: 2), .duplicate(of: 3)])
        await journal.close()
    }
}
