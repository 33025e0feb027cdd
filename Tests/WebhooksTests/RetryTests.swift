import Connectors
import Model
import Testing

@testable import Webhooks

@Suite("When a delivery is tried again")
struct RetryTests {
    private static let now = Timestamp(microseconds: 1_700_000_000_000_000)

    private func answer(_ status: Int, _ headers: [(name: String, value: String)] = []) -> OutboundResult {
        OutboundResult(answer: OutboundAnswer(status: status, headers: headers))
    }

    private func verdict(
        _ result: OutboundResult, attempt: Int64 = 1, final: Bool = false, chance: Double = 0.5
    ) -> Verdict {
        Verdict(
            result, attempt: attempt, schedule: .standard, finalClientErrors: final, now: Self.now, chance: chance)
    }

    private func after(_ seconds: Double) -> Timestamp {
        Timestamp(microseconds: Self.now.microseconds + Int64(seconds * 1_000_000))
    }

    @Test("The standard schedule: ten attempts in 75 hours, 35 minutes and 5 seconds")
    func standard() {
        #expect(RetrySchedule.standard.attempts == 10)
        let total: Int64 = RetrySchedule.standard.delays.reduce(0, +)
        #expect(total == 272_105 * 1_000_000)
        #expect(RetrySchedule.standard.next(after: 10, now: Self.now, asked: nil, chance: 0.5) == nil)
    }

    @Test("A fifth to either side, and never beyond", arguments: [(0.0, 4.0), (0.5, 5.0), (1.0, 6.0)])
    func jitter(_ chance: Double, _ seconds: Double) {
        #expect(verdict(answer(500), chance: chance) == .retry(at: after(seconds)))
    }

    @Test("Statuses", arguments: [200, 201, 202, 204, 299])
    func success(_ status: Int) { #expect(verdict(answer(status)) == .delivered) }

    @Test(
        "What fails is tried again, a redirect and a wrong deploy too",
        arguments: [301, 302, 307, 400, 401, 404, 408, 422, 425, 429, 500, 502, 503, 504])
    func failure(_ status: Int) { #expect(verdict(answer(status)) == .retry(at: after(5))) }

    @Test("The tenth failure is the last")
    func last() { #expect(verdict(answer(500), attempt: 10) == .exhausted) }

    @Test("An answer that ends things")
    func ends() {
        #expect(verdict(answer(410)) == .ends("the receiver answered 410 Gone"))
        #expect(
            verdict(answer(200, [("Webhook-Delivery", "Disable")]))
                == .ends("the receiver answered webhook-delivery: disable"))
        #expect(
            verdict(answer(500, [("webhook-delivery", "abort-message")]))
                == .aborted("the receiver answered webhook-delivery: abort-message"))
        #expect(verdict(answer(200, [("webhook-delivery", "abort-message")])) == .delivered)
        #expect(
            verdict(answer(404), final: true) == .aborted("the receiver answered 404, which is final for this endpoint")
        )
        #expect(verdict(answer(408), final: true) == .retry(at: after(5)))
    }

    @Test(
        "No answer is tried again, whatever the reason",
        arguments: OutboundFailure.Code.allCases.filter { $0 != .refused })
    func noAnswer(_ code: OutboundFailure.Code) {
        #expect(verdict(OutboundResult(failure: OutboundFailure(code, ""))) == .retry(at: after(5)))
    }

    @Test(
        "The receiver may ask for more time, and no more than a day",
        arguments: [
            ("7", 7.0), ("0.5", 5.0), ("30.5", 30.5), ("100000000", 86_400.0), ("-5", 5.0), ("soon", 5.0), ("", 5.0),
            ("NaN", 5.0),
            ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0), ("Tue, 14 Nov 2023 22:13:10 GMT", 5.0), ("Tue, 14 Nov 2023", 5.0),
        ])
    func retryAfter(_ text: String, _ seconds: Double) {
        #expect(verdict(answer(503, [("Retry-After", text)])) == .retry(at: after(seconds)))
    }

    @Test(
        "What throttles the whole endpoint",
        arguments: [(429, true), (502, true), (503, true), (504, true), (500, false), (404, false), (200, false)])
    func throttle(_ status: Int, _ does: Bool) {
        let until = Verdict.throttle(answer(status, [("retry-after", "9")]), now: Self.now)
        #expect(until == (does ? after(9) : nil))
    }

    @Test(
        "Schedules are read and written",
        arguments: [
            (#"["5s","5m","2h"]"#, #"["5s","5m","2h"]"#), (#"[]"#, #"[]"#),
            (#"{"attempts":4,"base":"10s"}"#, #"["10s","20s","40s"]"#),
            (#"{"attempts":5,"base":"1m","factor":10,"cap":"1h"}"#, #"["1m","10m","1h","1h"]"#),
        ])
    func read(_ text: String, _ written: String) throws {
        let schedule = try RetrySchedule(try JSONValue(text: text))
        #expect(schedule.json.text == written)
        #expect(try RetrySchedule(schedule.json) == schedule)
    }

    @Test(
        "Schedules that are refused",
        arguments: [
            #"["5"]"#, #"["0s"]"#, #"["15d"]"#, #"5"#, #"{"attempts":31}"#, #"{"attempts":0}"#,
            #"{"attempts":3,"x":1}"#,
            #"{"attempts":3,"factor":0.5}"#, "[\(Array(repeating: "\"1s\"", count: 30).joined(separator: ","))]",
        ])
    func refused(_ text: String) throws {
        let json = try JSONValue(text: text)
        #expect(throws: WebhookError.self) { try RetrySchedule(json) }
    }
}

@Suite("Retry-After")
struct RetryAfterTests {
    private static let now = Timestamp(microseconds: 784_111_770_000_000)  // 1994-11-06T08:49:30Z

    @Test("A receiver can write what it likes")
    func read() {
        #expect(RetryAfter.read("Sun, 06 Nov 1994 08:49:37 GMT", now: Self.now) == 7_000_000)
        for year in ["0", "-1", "10000", "300000", "9000000000000000000", "\(Int64.max)", "\(Int64.min)", "1e9"] {
            #expect(RetryAfter.read("Sun, 06 Nov \(year) 08:49:37 GMT", now: Self.now) == nil, "\(year)")
        }
        for text in ["", "-5", "nan", "inf", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 \(Int64.max):0:0 GMT"] {
            #expect(RetryAfter.read(text, now: Self.now) == nil, "\(text)")
        }
        #expect(RetryAfter.read("1e300", now: Self.now) == 1_000_000_000_000_000)
    }
}

@Suite("Receivers that are down are left alone")
struct BreakerTests {
    private func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

    @Test("Half of ten in a minute open it; a probe a pause, ever longer; a success closes it")
    func opens() {
        var breaker = Breaker()
        for n in 0..<9 { breaker.came(ok: n % 2 == 0, now: at(100)) }
        #expect(breaker.room(now: at(100)) == nil)
        breaker.came(ok: false, now: at(101))
        #expect(breaker.room(now: at(130)) == 0)
        var (start, pause): (Int64, Int64) = (101, 30)
        for _ in 0..<8 {
            #expect(breaker.room(now: at(start + pause - 1)) == 0 && breaker.room(now: at(start + pause)) == 1)
            start += pause
            breaker.sends(now: at(start))
            #expect(breaker.room(now: at(start + 5_000)) == 0)
            breaker.came(ok: false, now: at(start))
            pause = min(pause * 2, 900)
        }
        breaker.sends(now: at(start + pause))
        breaker.came(ok: true, now: at(start + pause))
        #expect(breaker == Breaker())
    }

    @Test("Few attempts, and old ones, open nothing")
    func fewOrOld() {
        var breaker = Breaker()
        for n in 0..<100 { breaker.came(ok: false, now: at(Int64(n) * 10)) }
        // Six in a minute are no ten.
        #expect(breaker.room(now: at(1_000)) == nil)
    }

    @Test("A probe that was never sent is made again")
    func withdrawn() {
        var breaker = Breaker()
        for _ in 0..<10 { breaker.came(ok: false, now: at(0)) }
        breaker.sends(now: at(30))
        breaker.withdraws(now: at(31))
        #expect(breaker.room(now: at(31)) == 1)
    }

    @Test("An endpoint is disabled after five days and ten failures, after notices; one success resets it")
    func health() {
        let hour: Int64 = 3_600
        var health = EndpointHealth()
        var notices: [String] = []
        for n in 0...120 {
            if let notice = health.came(ok: false, now: at(Int64(n) * hour)) { notices.append("\(n): \(notice)") }
        }
        #expect(notices == ["60: failing(50)", "84: failing(70)", "108: failing(90)", "120: disabled"])
        var well = EndpointHealth()
        for n in 0..<70 { _ = well.came(ok: false, now: at(Int64(n) * hour)) }
        #expect(well.came(ok: true, now: at(70 * hour)) == .recovered && well == EndpointHealth())
        #expect(well.came(ok: true, now: at(71 * hour)) == nil)
        // Nine failures in a year are no reason.
        var seldom = EndpointHealth()
        for n in 0..<9 { #expect(seldom.came(ok: false, now: at(Int64(n) * 1_000 * hour)) == nil) }
    }

    @Test("A rate: so many at once, then so many a second, and a clock that goes back gives nothing twice")
    func rate() {
        var bucket = RateBucket(EndpointRate(count: 10, seconds: 1, burst: 3), now: at(100))
        #expect(bucket.room(now: at(100)) == 3)
        bucket.take(3)
        #expect(bucket.room(now: at(100)) == 0)
        #expect(bucket.room(now: Timestamp(microseconds: 100_200_000)) == 2)
        #expect(bucket.room(now: at(50)) == 2)
        #expect(bucket.room(now: Timestamp(microseconds: 100_200_000)) == 2)
        #expect(bucket.room(now: at(200)) == 3)
    }
}
