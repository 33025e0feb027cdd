import Control
import Model
import NIOHTTP1
import Testing

@testable import Server

@Suite("A key with a limit makes so many requests and no more")
struct RateLimitTests {
    @Test("A bucket gives its burst at once, then its rate, and never more than its burst")
    func bucket() {
        let limit = RateLimit(perSecond: 2, burst: 3)
        var bucket = TokenBucket(limit, at: 1_000)
        func take(_ now: Int64) -> [Int64?] {
            let state = bucket.take(at: now)
            return [state.remaining, state.reset, state.retryAfter]
        }
        #expect(take(1_000) == [2, 1, nil])
        #expect(take(1_000) == [1, 1, nil])
        #expect(take(1_000) == [0, 2, nil])
        #expect(take(1_000) == [0, 2, 1])
        #expect(take(500_999) == [0, 2, 1])
        #expect(take(501_000) == [0, 2, nil])
        #expect(take(501_000) == [0, 2, 1])
        // A clock that stands or goes back gives nothing.
        #expect(take(0) == [0, 2, 1])
        #expect(take(.max / 2) == [2, 1, nil])
        var slow = TokenBucket(RateLimit(perSecond: 1, burst: 100_000), at: 0)
        for _ in 0..<100_000 { _ = slow.take(at: 0) }
        #expect(slow.take(at: 0).reset == 100_000)
        #expect(slow.take(at: 1_000_000).retryAfter == nil)
    }

    @Test("Beyond it the answer is 429 with what is left; KISSmetrics' senders are told to send again")
    func answers() async throws {
        try await withServer { server in
            func make(_ scope: String, _ rate: Int, key: String? = nil) async throws -> TestServer.Answer {
                let body: JSONValue = [
                    "name": "k", "scopes": [.string(scope)], "rate_limit": JSONValue(rate), "rate_burst": 2,
                ]
                return try await server.send(
                    .POST, "/v1/keys", key: key ?? server.secretKey, body: Array(body.text.utf8))
            }
            let made = try await make("people:read", 1)
            #expect(made.status == 201 && made.json["rate_limit"] == 1 && made.json["rate_burst"] == 2)
            let key = made.json["key"]?.stringValue ?? ""
            var answers: [TestServer.Answer] = []
            // The clock may give a request or two back meanwhile.
            for _ in 0..<200 {
                answers.append(try await server.send(.GET, "/v1/people", key: key))
                if answers.last?.status == 429 { break }
            }
            #expect(answers[0].status == 200 && answers[0].headers.first(name: "RateLimit-Limit") == "1")
            #expect(answers[0].headers.first(name: "RateLimit-Remaining") == "1")
            let refused = try #require(answers.last)
            #expect(refused.status == 429 && refused.json["code"] == "rate_limited")
            #expect(refused.headers.first(name: "Retry-After") == "1")
            #expect(refused.headers.first(name: "RateLimit-Remaining") == "0")
            #expect(refused.headers.first(name: "RateLimit-Reset") == "2")
            // Another key has a limit of its own, or none.
            let free = try await server.send(.GET, "/v1/people", key: server.secretKey)
            #expect(free.status == 200 && free.headers.first(name: "RateLimit-Limit") == nil)

            let sender = try await make("collect", 1).json["key"]?.stringValue ?? ""
            var statuses: [Int] = []
            for number in 0..<200 {
                statuses.append(try await server.send(.GET, "/e?_k=\(sender)&_p=ann&_n=A\(number)").status)
                if statuses.last != 200 { break }
            }
            #expect(statuses.last == 503)
            let native = try await server.send(.POST, "/v1/events", key: sender, body: Array("{}".utf8))
            #expect(native.status == 429 || native.status == 400)

            // What a limited key hands out is limited, too.
            let admin = try await make("admin", 50_000).json["key"]?.stringValue ?? ""
            #expect(try await make("people:read", 50_001, key: admin).status == 403)
        }
    }

    @Test("What is no limit is refused")
    func refusals() async throws {
        try await withServer { server in
            for bad: JSONValue in [0, -1, 100_001, "5", true, .number("1.5")] {
                let body: JSONValue = ["name": "k", "scopes": ["collect"], "rate_limit": bad]
                let answer = try await server.send(
                    .POST, "/v1/keys", key: server.secretKey, body: Array(body.text.utf8))
                #expect(answer.status == 400 && answer.json["code"] == "invalid_key", "\(bad)")
            }
            let body: JSONValue = ["name": "k", "scopes": ["collect"], "rate_burst": 5]
            let answer = try await server.send(.POST, "/v1/keys", key: server.secretKey, body: Array(body.text.utf8))
            #expect(answer.status == 400)
        }
    }
}
