import Model
import Testing

@testable import Pipelines

@Suite("Schedules by the clock on the wall")
struct CronTests {
    private static func seconds(_ text: String) -> Int64 {
        (WrittenTime(text)?.timestamp().microseconds ?? 0) / 1_000_000
    }

    private static func text(_ seconds: Int64) -> String {
        String(Timestamp(microseconds: seconds * 1_000_000).text.prefix(16))
    }

    static func schedule(_ cron: String, _ zone: String = "UTC") throws -> Schedule {
        Schedule(cron: try CronExpression(cron), zone: try ZoneClock(zone))
    }

    @Test(
        "The next times are these",
        arguments: [
            ("0 6 * * *", "UTC", "2026-01-31T05:59:59", ["2026-01-31T06:00", "2026-02-01T06:00"]),
            ("0 6 * * *", "UTC", "2026-01-31T06:00:00", ["2026-02-01T06:00"]),
            ("*/15 9-10 * * 1-5", "UTC", "2026-01-30T10:40:00", ["2026-01-30T10:45", "2026-02-02T09:00"]),
            ("0 0 29 2 *", "UTC", "2026-01-01", ["2028-02-29T00:00", "2032-02-29T00:00"]),
            // Either a day of the month or a day of the week.
            ("0 0 13 * 5", "UTC", "2026-02-06T01:00", ["2026-02-13T00:00", "2026-02-20T00:00"]),
            ("0 12 * * SUN", "UTC", "2026-01-31", ["2026-02-01T12:00", "2026-02-08T12:00"]),
            ("0 12 * * 7", "UTC", "2026-01-31", ["2026-02-01T12:00"]),
            (
                "5/20 0 1 JAN,JUL *", "UTC", "2026-01-01T00:06",
                ["2026-01-01T00:25", "2026-01-01T00:45", "2026-07-01T00:05"]
            ),
            ("@hourly", "UTC", "2026-12-31T23:30", ["2027-01-01T00:00"]),
            ("0 6 * * *", "America/New_York", "2026-01-01", ["2026-01-01T11:00", "2026-01-02T11:00"]),
            ("0 6 * * *", "+05:30", "2026-01-01", ["2026-01-01T00:30"]),
            // New York puts its clock forward over 02:00-03:00 on 8 March: once, at the first moment after.
            ("30 2 * * *", "America/New_York", "2026-03-07T12:00", ["2026-03-08T07:00", "2026-03-09T06:30"]),
            ("*/20 2 * * *", "America/New_York", "2026-03-08T05:00", ["2026-03-08T07:00", "2026-03-09T06:00"]),
            ("0 2,3 * * *", "America/New_York", "2026-03-08T05:00", ["2026-03-08T07:00", "2026-03-09T06:00"]),
            // And back on 1 November: 01:30 comes twice, and is meant once.
            ("30 1 * * *", "America/New_York", "2026-11-01T00:00", ["2026-11-01T05:30", "2026-11-02T06:30"]),
            ("30 1 * * *", "America/New_York", "2026-11-01T05:30", ["2026-11-02T06:30"]),
            ("30 1 * * *", "America/New_York", "2026-11-01T06:10", ["2026-11-02T06:30"]),
            ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
            ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
            // Half an hour on Lord Howe: 02:00-02:30 is not there on 4 October.
            ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00", ["2026-10-03T15:30", "2026-10-04T15:15"]),
        ])
    func nextTimes(cron: String, zone: String, after: String, wanted: [String]) throws {
        let schedule = try Self.schedule(cron, zone)
        var moment = Timestamp(microseconds: Self.seconds(after) * 1_000_000)
        for time in wanted {
            let next = try #require(schedule.next(after: moment))
            #expect(String(next.text.prefix(16)) == time)
            moment = next
        }
    }

    /// A clock that is looked at every minute: what it passes over fires when it is passed, what it shows again does not.
    private static func oracle(_ schedule: Schedule, from: Int64, minutes: Int64) -> [Int64] {
        var fired: [Int64] = []
        var seen = schedule.zone.wall(at: from) / 60
        // The clock may be in an hour that it shows for the second time.
        for back in 0..<300 { seen = max(seen, schedule.zone.wall(at: from - Int64(back) * 60) / 60) }
        for step in 1...minutes {
            let moment = from + step * 60
            let shown = schedule.zone.wall(at: moment) / 60
            guard shown > seen else { continue }
            if (seen + 1...shown).contains(where: { schedule.cron.matches(minute: $0) }) { fired.append(moment) }
            seen = shown
        }
        return fired
    }

    @Test("A clock that is looked at every minute says the same, around changes of all kinds", arguments: 0..<60)
    func sameAsOracle(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let zones = [
            "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC", "Asia/Kolkata",
        ]
        let changes = [
            "2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2026-10-04", "2026-04-05", "2018-11-04",
        ]
        func field(_ range: ClosedRange<Int>, _ random: inout SeededRandom) -> String {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: return "*"
            case 1: return "*/\(Int.random(in: 1...max(2, range.upperBound / 3), using: &random))"
            case 2: return "\(Int.random(in: range, using: &random)),\(Int.random(in: range, using: &random))"
            default:
                let low = Int.random(in: range, using: &random)
                return "\(low)-\(Int.random(in: low...range.upperBound, using: &random))"
            }
        }
        let cron = "\(field(0...59, &random)) \(field(0...4, &random)) * * \(Bool.random(using: &random) ? "*" : "0-3")"
        let zone = zones.randomElement(using: &random) ?? "UTC"
        let day = changes.randomElement(using: &random) ?? ""
        let schedule = try Self.schedule(cron, zone)
        let from = Self.seconds(day) - Int64.random(in: 0..<2_000, using: &random) * 60
        let minutes: Int64 = 4_000
        var found: [Int64] = []
        var moment = Timestamp(microseconds: from * 1_000_000)
        while let next = schedule.next(after: moment), next.microseconds / 1_000_000 <= from + minutes * 60 {
            found.append(next.microseconds / 1_000_000)
            moment = next
        }
        #expect(
            found == Self.oracle(schedule, from: from, minutes: minutes), "\(cron) in \(zone) from \(Self.text(from))")
    }

    @Test(
        "What is no schedule is refused, and it is said why",
        arguments: [
            ("0 6 * *", "has 4 fields"), ("60 * * * *", "is no minute"), ("* 24 * * *", "is no hour"),
            ("* * 0 * *", "is no day of the month"), ("* * * 13 *", "is no month"),
            ("* * * * 8", "is no day of the week"),
            ("5-1 * * * *", "is no minute"), ("*/0 * * * *", "is no minute"), ("0 0 30 2 *", "never comes"),
            ("a * * * *", "is no minute"), ("1,,2 * * * *", "is no minute"), ("", "has 0 fields"),
        ])
    func refused(cron: String, reason: String) {
        let error = #expect(throws: PipelineError.self) { try CronExpression(cron) }
        #expect(error?.message.contains(reason) ?? false, "\(error?.message ?? "")")
    }

    @Test("The share of the jitter is the same each time, within it, and another one for another name")
    func jitter() throws {
        var schedule = try Self.schedule("0 6 * * *")
        schedule = Schedule(cron: schedule.cron, zone: schedule.zone, buffer: 60_000_000, jitter: 600_000_000)
        let delays = ["a", "b", "c", "crm", "warehouse"].map { schedule.delay(of: $0) }
        #expect(delays == ["a", "b", "c", "crm", "warehouse"].map { schedule.delay(of: $0) })
        #expect(delays.allSatisfy { (0..<600_000_000).contains($0) })
        #expect(Set(delays).count == 5)
        let due = schedule.due(Timestamp(microseconds: 0), pipeline: "a")
        #expect(due.microseconds == 60_000_000 + delays[0])
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
