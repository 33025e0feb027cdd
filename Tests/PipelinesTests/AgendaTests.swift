import Model
import Testing

@testable import Pipelines

@Suite("What becomes of scheduled times")
struct AgendaTests {
    private static func moment(_ text: String) -> Timestamp { WrittenTime(text)?.timestamp() ?? .earliest }

    private static func agenda(
        _ catchUp: Schedule.CatchUp, through: String, now: String, isWaiting: Bool = false, buffer: Int64 = 0
    ) throws -> Agenda {
        let schedule = Schedule(
            cron: try CronExpression("0 * * * *"), zone: try ZoneClock("UTC"), buffer: buffer, catchUp: catchUp)
        return Agenda(
            schedule, pipeline: "p", through: moment(through), isWaiting: isWaiting, now: moment(now))
    }

    @Test("Nothing is due before its time, and buffer puts it off")
    func notYet() throws {
        let before = try Self.agenda(.latest, through: "2026-01-01T00:00:00", now: "2026-01-01T00:59:59")
        #expect(before.entries.isEmpty)
        #expect(before.next == Self.moment("2026-01-01T01:00:00"))
        let buffered = try Self.agenda(
            .latest, through: "2026-01-01T00:00:00", now: "2026-01-01T01:29:59", buffer: 1_800_000_000)
        #expect(buffered.entries.isEmpty)
        #expect(buffered.next == Self.moment("2026-01-01T01:30:00"))
    }

    @Test("What is on time runs, whatever the policy", arguments: Schedule.CatchUp.allCases)
    func onTime(policy: Schedule.CatchUp) throws {
        let agenda = try Self.agenda(policy, through: "2026-01-01T00:00:00", now: "2026-01-01T01:00:01")
        #expect(agenda.entries.count == 1)
        #expect(agenda.entries.first?.skipped == nil)
        #expect(agenda.entries.first?.isCaughtUp == false)
        #expect(agenda.next == Self.moment("2026-01-01T02:00:00"))
    }

    @Test(
        "Of what was missed, the policy says what runs, and the rest is a record",
        arguments: [
            (Schedule.CatchUp.none, [false, false, false]), (.latest, [false, false, true]),
            (.all, [true, true, true]),
        ])
    func missed(policy: Schedule.CatchUp, runs: [Bool]) throws {
        let agenda = try Self.agenda(policy, through: "2026-01-01T00:00:00", now: "2026-01-01T03:30:00")
        #expect(agenda.entries.map { $0.skipped == nil } == runs)
        #expect(agenda.entries.allSatisfy { $0.isCaughtUp })
        #expect(
            agenda.entries.map(\.scheduled.text) == [
                "2026-01-01T01:00:00.000000Z", "2026-01-01T02:00:00.000000Z", "2026-01-01T03:00:00.000000Z",
            ])
    }

    @Test("Where a run waits already, another one would find nothing, and is a record")
    func waiting() throws {
        let agenda = try Self.agenda(
            .all, through: "2026-01-01T00:00:00", now: "2026-01-01T01:00:01", isWaiting: true)
        #expect(agenda.entries.first?.skipped != nil)
    }

    @Test("Years of missed minutes end in a bounded number of records")
    func bounded() throws {
        let agenda = try Self.agenda(.all, through: "2020-01-01T00:00:00", now: "2026-01-01T00:00:01")
        #expect(agenda.entries.count == Agenda.mostEntries)
        #expect(agenda.entries.last?.scheduled == Self.moment("2026-01-01T00:00:00"))
    }
}
