import Collect
import Model
import Testing

@Suite("Segment's calls")
struct SegmentTests {
    private let ids = IDGenerator(seed: 3)

    private func parse(_ path: String, _ body: String) throws -> ParsedRequest {
        try SegmentRequest.parse(path: path, body: Array(body.utf8), receivedAt: receivedAt, ids: ids)
    }

    @Test func capturedFromSegment() throws {
        let parsed = try parse("/v1/batch", CapturedBodies.segment)
        let at = "2026-11-24T17:11:57.588000Z"
        let later = "2026-11-24T17:11:57.589000Z"
        #expect(
            try lines(parsed) == [
                #"set | u1 | \#(at) | {"email":"bob@bob.com","plan":"Pro","logins":3} | names"#,
                "alias | u1 | anon-1 | \(at) | names | derived",
                "event | u1 | Signed Up | 2024-01-02T03:04:05.000000Z | "
                    + #"{"Plan":"Pro","revenue":99.95,"nested":{"a":[1,2]},"na\u00efve":"\u2603"}"#,
                "event | anon-2 | Viewed | \(later) | {}",
                #"event | u1 | Viewed Home Page | \#(later) | {"url":"https://x.test/a?b=c","category":"Docs"}"#,
                #"event | u1 | Viewed Main Screen | \#(later) | {"k":"v","category":"App"}"#,
                #"set | u1 | \#(later) | {"Group - id":"g1","Group - name":"Acme"}"#,
                "alias | u1 | anon-1 | \(later) | names",
            ])
        let found = try #require(decoded(parsed.submission))
        #expect(text(found[0].id) == "ea272ec2-c3f7-402b-9d8a-5e35fb87c7a1")
        #expect(found[0].dedupID == hash("ea272ec2-c3f7-402b-9d8a-5e35fb87c7a1"))
        #expect(Set(found.map(\.dedupID)).count == 8)
        #expect(parsed.outcomes.map(\.index) == Array(0..<7))
        #expect(parsed.outcomes.map(\.item) == [0, 2, 3, 4, 5, 6, 7])
        #expect(SegmentRequest.writeKey(in: Array(CapturedBodies.segment.utf8)) == "WRITEKEY")
    }

    @Test func capturedFromRudderStack() throws {
        let parsed = try parse("/v1/batch", CapturedBodies.rudder)
        #expect(
            try lines(parsed) == [
                #"set | u1 | 2026-11-24T17:12:03.688551Z | {"email":"bob@bob.com","plan":"Pro"} | names"#,
                "alias | u1 | anon-1 | 2026-11-24T17:12:03.688551Z | names | derived",
                "event | u1 | Signed Up | 2024-01-02T03:04:05.000000Z | "
                    + #"{"Plan":"Pro","revenue":99.95,"na\u00efve":"\u2603"}"#,
                "event | u1 | Viewed Home Page | 2026-11-24T17:12:03.688869Z | "
                    + #"{"url":"https://x.test/","category":"Docs"}"#,
                #"event | u1 | Viewed Main Screen | 2026-11-24T17:12:03.688928Z | {"k":"v","category":"App"}"#,
                #"set | u1 | 2026-11-24T17:12:03.688985Z | {"Group - id":"g1","Group - name":"Acme"}"#,
                "alias | u1 | anon-1 | 2026-11-24T17:12:03.689031Z | names",
            ])
        #expect(SegmentRequest.writeKey(in: Array(CapturedBodies.rudder.utf8)) == nil)
    }

    /// A call, its body, and what is stored of it.
    @Test(arguments: [
        ("track", #"{"userId":"u","anonymousId":"a","event":"E"}"#, ["event | u | E | {}"]),
        ("track", #"{"userId":"","anonymousId":"a","event":"E"}"#, ["event | a | E | {}"]),
        ("track", #"{"userId":42,"event":"E","properties":null}"#, ["event | 42 | E | {}"]),
        ("track", #"{"userId":"null","event":"E"}"#, ["event | null | E | {}"]),
        (
            "track", #"{"userId":"u","event":"E","context":{"traits":{"x":1}},"timestamp":null,"originalTimestamp":5}"#,
            ["event | u | E | 1970-01-01T00:00:05.000000Z | {}"]
        ),
        (
            "track", #"{"userId":"u","event":"E","sentAt":"2020-01-01","timestamp":"2021-01-01T00:00:00Z"}"#,
            ["event | u | E | 2021-01-01T00:00:00.000000Z | {}"]
        ),
        ("identify", #"{"userId":"u"}"#, ["set | u | {} | names"]),
        ("identify", #"{"anonymousId":"a","traits":{"x":1}}"#, [#"set | a | {"x":1}"#]),
        ("identify", #"{"userId":"u","anonymousId":"u"}"#, ["set | u | {} | names"]),
        (
            "identify",
            #"{"userId":"u","traits":{"a":{"b":1}},"context":{"ip":"1.1.1.1","traits":{"a":2,"\u0063":3}}}"#,
            [#"set | u | {"a":{"b":1},"\u0063":3} | names"#]
        ),
        (
            "identify", #"{"userId":"u","traits":{},"context":{"traits":{"a":2}}}"#, [#"set | u | {"a":2} | names"#]
        ),
        ("page", #"{"userId":"u"}"#, ["event | u | Viewed Page | {}"]),
        ("page", #"{"userId":"u","name":"Home"}"#, ["event | u | Viewed Home Page | {}"]),
        (
            "page", #"{"userId":"u","name":"","category":"Docs"}"#,
            [#"event | u | Viewed Docs Page | {"category":"Docs"}"#]
        ),
        (
            "page", #"{"userId":"u","name":"Home","category":"Docs","properties":{"category":"Own"}}"#,
            [#"event | u | Viewed Home Page | {"category":"Own"}"#]
        ),
        ("screen", #"{"anonymousId":"a","name":"Main"}"#, ["event | a | Viewed Main Screen | {}"]),
        ("group", #"{"userId":"u","groupId":7}"#, [#"set | u | {"Group - id":7}"#]),
        (
            "group", #"{"userId":"u","groupId":"g","traits":{"id":"other","plan":{"a":1},"\u0078":2}}"#,
            [#"set | u | {"Group - id":"g","Group - plan":{"a":1},"Group - \u0078":2}"#]
        ),
        ("group", #"{"userId":"u","traits":{"id":"other"}}"#, [#"set | u | {"Group - id":"other"}"#]),
        ("alias", #"{"userId":"u","previousId":"p"}"#, ["alias | u | p | names"]),
        ("alias", #"{"userId":"u","anonymousId":"a"}"#, ["alias | u | a | names"]),
        ("alias", #"{"userId":"u","anonymousId":"a","previousId":"p"}"#, ["alias | u | p | names"]),
    ])
    func mapping(_ call: String, _ body: String, _ expected: [String]) throws {
        #expect(try lines(parse("/v1/\(call)", body)) == expected)
        let typed = "{\"type\":\"\(call)\"," + body.dropFirst()
        #expect(try lines(parse("/v1/batch", "{\"batch\":[\(typed)]}")) == expected)
    }

    @Test(arguments: [
        ("track", #"{"event":"E"}"#, "userId and anonymousId are missing"),
        ("track", #"{"userId":"u"}"#, "event is missing"),
        ("track", #"{"userId":true,"event":"E"}"#, "userId must be a text, but it is true or false"),
        ("track", #"{"userId":"u","event":7}"#, "event must be a text"),
        ("track", #"{"userId":"u","event":"E","properties":[]}"#, "properties must be an object"),
        ("track", #"{"userId":"u","event":"E","timestamp":"soon"}"#, "timestamp cannot be read"),
        ("track", #"{"userId":"u","event":"E","messageId":{}}"#, "messageId must be a text"),
        ("identify", #"{"userId":"u","traits":"x"}"#, "traits must be an object"),
        ("identify", #"{"userId":"u","context":{"traits":7}}"#, "context.traits must be an object"),
        ("identify", #"{"userId":"u","traits":{"":1}}"#, "property name \"\" is empty"),
        ("alias", #"{"userId":"u"}"#, "previousId is missing"),
        ("alias", #"{"userId":"u","previousId":"u"}"#, "both identities are the same"),
        ("alias", #"{"userId":"u","previousId":"Null"}"#, "names nobody"),
        ("group", #"{"userId":"u"}"#, "groupId and traits are missing"), ("track", "7", "a message must be an object"),
    ])
    func rejects(_ call: String, _ body: String, _ reason: String) throws {
        let parsed = try parse("/v1/\(call)", body)
        let rejection = try #require(parsed.outcomes.first?.rejection)
        #expect(rejection.contains(reason), "\(rejection)")
        let item = try #require(decoded(parsed.submission)?.first)
        #expect(item.kind == .reject && item.wire == .segment && text(item.properties) == body)
    }

    @Test func identifyWithAnUnsafeIdSetsAndDoesNotTie() throws {
        let parsed = try parse("/v1/identify", #"{"userId":"undefined","anonymousId":"a","traits":{"x":1}}"#)
        let found = try #require(decoded(parsed.submission))
        #expect(line(found[0]) == #"set | undefined | {"x":1}"#)
        #expect(found[1].kind == .reject && text(found[1].name).contains("names nobody"))
        #expect(parsed.outcomes.count == 1 && parsed.rejectCount == 1)
    }

    @Test(arguments: [
        ("/v1/batch", "{}"), ("/v1/batch", #"{"batch":{}}"#), ("/v1/batch", #"{"batch":[{"type":"track"]}"#),
        ("/v1/track", "{"), ("/v1/track", ""), ("/v1/track", "{} {}"), ("/v1/other", "{}"),
    ])
    func brokenBodies(_ path: String, _ body: String) {
        #expect(throws: CollectError.self) { try parse(path, body) }
    }

    /// A message that nests too deep is refused alone, and hides neither its neighbours nor the key.
    @Test func deepMessagesAreRejects() throws {
        let value = String(repeating: "[", count: 600) + String(repeating: "]", count: 600)
        let good = #"{"type":"track","userId":"u","event":"E"}"#
        let deep = "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"E\",\"context\":{\"x\":\(value)}}"
        let body = "{\"batch\":[\(good),\(deep),\(value),\(good)],\"writeKey\":\"wk\"}"
        let reason = "nested deeper than 64 levels"
        #expect(try reasons(parse("/v1/batch", body)) == [nil, reason, reason, nil])
        #expect(try reasons(parse("/v1/track", deep)) == [reason])
        #expect(SegmentRequest.writeKey(in: Array(body.utf8)) == "wk")
        #expect(throws: CollectError.self) { try parse("/v1/batch", "{\"batch\":[\(deep),\(value)x]}") }
    }

    @Test func unknownTypesAreRejects() throws {
        let parsed = try parse("/v1/batch", #"{"batch":[{"type":"delete","userId":"u"},{"userId":"u"},3]}"#)
        #expect(parsed.outcomes.map(\.index) == [0, 1, 2])
        #expect(parsed.rejectCount == 3)
        #expect(reasons(parsed)[0]?.contains("type must be track") == true)
    }
}
