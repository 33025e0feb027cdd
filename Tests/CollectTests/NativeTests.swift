import Collect
import Model
import Testing

@testable import Journal

@Suite("The native protocol")
struct NativeTests {
    private let ids = IDGenerator(seed: 1)

    private func parse(_ body: String) throws -> ParsedRequest {
        try NativeRequest.parse(json: Array(body.utf8), receivedAt: receivedAt, ids: ids)
    }

    private func parseLines(_ body: String) throws -> ParsedRequest {
        try NativeRequest.parse(ndjson: Array(body.utf8), receivedAt: receivedAt, ids: ids)
    }

    /// One item's JSON and what is stored of it.
    @Test(arguments: [
        (#"{"identity":"a","event":"E"}"#, "event | a | E | {}"),
        (#"{"identity":"a","event":"E","properties":null,"type":null,"timestamp":null}"#, "event | a | E | {}"),
        (
            #"{ "event" : "E" , "identity" : "a" , "properties" : { "a b" : [ 1 , {"c" : 1.50e3} ] , "t" : "x  y\" z" } }"#,
            #"event | a | E | {"a b":[1,{"c":1.50e3}],"t":"x  y\" z"}"#
        ),
        (
            #"{"identity":"a","event":"E","timestamp":"2024-01-02T03:04:05+02:00"}"#,
            "event | a | E | 2024-01-02T01:04:05.000000Z | {}"
        ),
        (
            #"{"identity":"a","event":"E","timestamp":"2024-01-02 03:04:05.5"}"#,
            "event | a | E | 2024-01-02T03:04:05.500000Z | {}"
        ),
        (#"{"identity":"a","event":"E","timestamp":1349161501}"#, "event | a | E | 2012-10-02T07:05:01.000000Z | {}"),
        (
            #"{"identity":"a","event":"E","timestamp":"1349161501.25"}"#,
            "event | a | E | 2012-10-02T07:05:01.250000Z | {}"
        ),
        (
            #"{"identity":"a","event":"E","timestamp":1.349161501E9}"#,
            "event | a | E | 2012-10-02T07:05:01.000000Z | {}"
        ),
        (#"{"type":"set","identity":"a","properties":{"plan":"pro"}}"#, #"set | a | {"plan":"pro"}"#),
        (#"{"type":"alias","identity":"a","other":"b"}"#, "alias | a | b | names"),
        (#"{"identity":"undefined","event":"E"}"#, "event | undefined | E | {}"),
        (#"{"identity":"\u00e9\ud83d\ude00","event":"a\"b\nc"}"#, "event | é😀 | a\"b\nc | {}"),
        (#"{"\u0069dentity":"a","event":"E","more":{"x":[1]},"identity2":3}"#, "event | a | E | {}"),
    ])
    func items(_ body: String, _ expected: String) throws {
        #expect(try lines(parse("{\"events\":[\(body)]}")) == [expected])
        #expect(try lines(parse("[\(body)]")) == [expected])
        #expect(try lines(parseLines(body)) == [expected])
    }

    /// One item's JSON and what its reason must say.
    @Test(arguments: [
        (#"{"event":"E"}"#, "identity is missing"), (#"{"identity":null,"event":"E"}"#, "identity is missing"),
        (#"{"identity":42,"event":"E"}"#, "identity must be a text, but it is a number"),
        (#"{"identity":"","event":"E"}"#, "identity is empty"), (#"{"identity":"a"}"#, "event is missing"),
        (#"{"identity":"a","event":" \u0001"}"#, "event holds only white space or control"),
        (#"{"identity":"a","event":"E","type":"page"}"#, "type must be"),
        (#"{"identity":"a","event":"E","type":1}"#, "type must be"),
        (#"{"identity":"a","event":"E","properties":[1]}"#, "properties must be an object, but it is an array"),
        (#"{"identity":"a","event":"E","properties":"x"}"#, "properties must be an object"),
        (#"{"identity":"a","event":"E","properties":{"":1}}"#, "property name \"\" is empty"),
        (#"{"identity":"a","event":"E","timestamp":"yesterday"}"#, "timestamp cannot be read"),
        (#"{"identity":"a","event":"E","timestamp":1795540315337}"#, "milliseconds"),
        (#"{"identity":"a","event":"E","timestamp":"2024-02-30"}"#, "timestamp cannot be read"),
        (#"{"identity":"a","event":"E","timestamp":true}"#, "timestamp must be"),
        (#"{"identity":"a","event":"E","id":7}"#, "id must be a text"),
        (#"{"identity":"a","event":"E","id":""}"#, "id is empty"),
        (#"{"identity":"a","identity":"b","event":"E"}"#, "identity is given twice"),
        (#"{"type":"set","identity":"a"}"#, "properties is missing"),
        (#"{"type":"alias","identity":"a"}"#, "other is missing"),
        (#"{"type":"alias","identity":"a","other":"a"}"#, "both identities are the same"),
        (#"{"type":"alias","identity":"a","other":" NULL "}"#, "names nobody"),
        (#"{"type":"alias","identity":"undefined","other":"a"}"#, "names nobody"),
        ("7", "an item must be an object, but this is a number"), ("[]", "but this is an array"), ("null", "is null"),
    ])
    func rejects(_ body: String, _ reason: String) throws {
        for parsed in [try parse("{\"events\":[\(body)]}"), try parseLines(body)] {
            let rejection = try #require(parsed.outcomes.first?.rejection)
            #expect(rejection.contains(reason), "\(rejection)")
            let item = try #require(decoded(parsed.submission)?.first)
            #expect(item.kind == .reject && text(item.name) == rejection && text(item.properties) == body)
            #expect(parsed.rejectCount == 1 && parsed.outcomes.count == 1)
        }
    }

    @Test func limits() throws {
        func event(name: Int = 1, identity: Int = 1, id: Int = 1, property: Int = 1, value: Int = 1) -> String {
            func x(_ count: Int) -> String { String(repeating: "x", count: count) }
            return "{\"identity\":\"\(x(identity))\",\"event\":\"\(x(name))\",\"id\":\"\(x(id))\","
                + "\"properties\":{\"\(x(property))\":\"\(x(value))\"}}"
        }
        let good = [event(name: 255), event(identity: 255), event(id: 255), event(property: 255), event(value: 65_000)]
        #expect(try reasons(parse("[\(good.joined(separator: ","))]")) == [nil, nil, nil, nil, nil])
        let bad = [event(name: 256), event(identity: 256), event(id: 256), event(property: 256), event(value: 66_000)]
        let found = try reasons(parse("[\(bad.joined(separator: ","))]"))
        for (reason, word) in zip(found, ["event", "identity", "id", "property name", "65536"]) {
            #expect(reason?.contains(word) == true)
        }
        let exact = event()
        let padding = CollectLimits.itemBytes - exact.utf8.count + 1
        #expect(try reasons(parse("[\(event(value: padding))]")) == [nil])
        #expect(try reasons(parseLines(event(value: padding))) == [nil])
        #expect(try reasons(parse("[\(event(value: padding + 1))]")) != [nil])
        #expect(try reasons(parseLines(event(value: padding + 1))) != [nil])
    }

    @Test(arguments: [
        "", " ", "{", "{}", #"{"events":{}}"#, #"{"events":null}"#, #"{"event":[]}"#, #"{"events":[]"#,
        #"{"events":[{"identity":"a","event":"E"},]}"#, #"{"events":[{"identity":"a" "event":"E"}]}"#,
        #"{"events":[]} x"#, #"{"events":[],"events":[]}"#, "\u{0}", #"[{"identity":"\q"}]"#, #"[{"a":01}]"#, "42",
        #"{"identity":"a","event":"E"}"#,
    ])
    func brokenBodies(_ body: String) {
        #expect(throws: CollectError.self) { try parse(body) }
    }

    @Test func deepBodiesAreRefused() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: CollectError.self) {
            try parse("{\"events\":[{\"identity\":\"a\",\"properties\":{\"x\":\(deep)")
        }
        #expect(throws: CollectError.self) { try parse(deep) }
    }

    /// An item that nests too deep is refused alone, whatever stands around it.
    @Test(arguments: [61, 64, 600, 20_000])
    func deepItemsAreRejects(_ levels: Int) throws {
        let open = String(repeating: "[", count: levels)
        let close = String(repeating: "]", count: levels)
        let good = #"{"identity":"a","event":"E"}"#
        for bad in [
            "{\"identity\":\"a\",\"event\":\"E\",\"properties\":{\"x\":\(open)\(close)}}",
            "{\"more\":\(open){\"y\":1}\(close),\"identity\":\"a\",\"event\":\"E\"}", "[\(open)[1]\(close)]",
        ] {
            for parsed in [
                try parse("{\"events\":[\(good),\(bad),\(good)],\"more\":\(open)\(close)}"),
                try parse("[\(good), \(bad) ,\(good)]"), try parseLines("\(good)\n\(bad)\n\(good)"),
            ] { #expect(reasons(parsed) == [nil, "nested deeper than 64 levels", nil]) }
            #expect(throws: CollectError.self) { try parse("[\(good),\(bad)") }
            #expect(throws: CollectError.self) { try parse("[\(good),\(bad.dropLast())]") }
        }
    }

    @Test func itemsOfTheDeepestLevelAreTaken() throws {
        let value = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        let body = "{\"identity\":\"a\",\"event\":\"E\",\"properties\":{\"x\":\(value)}}"
        #expect(try lines(parse("[\(body)]")) == ["event | a | E | {\"x\":\(value)}"])
    }

    @Test func tooManyItemsAreTooLarge() throws {
        let error = #expect(throws: CollectError.self) {
            try parse("[" + String(repeating: "1,", count: CollectLimits.itemsPerRequest) + "1]")
        }
        #expect(error?.code == .tooLarge)
        let second = #expect(throws: CollectError.self) {
            try parseLines(String(repeating: "1\n", count: CollectLimits.itemsPerRequest + 1))
        }
        #expect(second?.code == .tooLarge)
    }

    @Test func linesAreJudgedOneByOne() throws {
        let good = #"{"identity":"a","event":"E"}"#
        let parsed = try parseLines("\u{feff}\(good)\r\n\n  \t\n{broken\n\(good)\(good)\n\(good)\n\u{0}\n\(good)")
        #expect(parsed.outcomes.map(\.index) == [0, 3, 4, 5, 6, 7])
        #expect(reasons(parsed).map { $0 == nil } == [true, false, false, true, false, true])
        #expect(try parseLines("").outcomes.isEmpty)
        #expect(try parseLines("\n\n").outcomes.isEmpty)
    }

    @Test func linesThatAreNotUTF8AreKeptAsTextThatIs() throws {
        let body = Array("{\"identity\":\"".utf8) + [0xff, 0xc3] + Array("\"}".utf8)
        let parsed = try NativeRequest.parse(ndjson: body, receivedAt: receivedAt, ids: ids)
        let item = try #require(decoded(parsed.submission)?.first)
        #expect(text(item.properties) == "{\"identity\":\"\u{fffd}\u{fffd}\"}")
        #expect(text(item.name).contains("UTF-8"))
    }

    @Test func longRejectsAreCutBetweenCharacters() throws {
        for lead in 0..<4 {
            let body = String(repeating: "x", count: lead) + String(repeating: "é☃😀", count: 2_000)
            let item = try #require(decoded(parseLines(body).submission)?.first)
            #expect(
                item.properties.count <= CollectLimits.rawBytes && item.properties.count > CollectLimits.rawBytes - 4)
            #expect(body.hasPrefix(text(item.properties)))
        }
        let wrong = [UInt8](repeating: 0xff, count: 9_000)
        let parsed = try NativeRequest.parse(ndjson: wrong, receivedAt: receivedAt, ids: ids)
        let item = try #require(decoded(parsed.submission)?.first)
        #expect(item.properties.count <= CollectLimits.rawBytes)
        #expect(text(item.properties).allSatisfy { $0 == "\u{fffd}" })
    }

    @Test func idsAreKeptAsSentAndHashed() throws {
        let parsed = try parse(
            #"[{"id":"Ab \u00e9","identity":"a","event":"E"},{"id":"Ab é","type":"set","identity":"b","properties":{}},{"identity":"a","event":"E"}]"#
        )
        let found = try #require(decoded(parsed.submission))
        #expect(text(found[0].id) == "Ab é" && found[0].dedupID == hash("Ab é"))
        #expect(found[1].dedupID == found[0].dedupID)
        #expect(found[2].id.count == 36 && found[2].dedupID == .none)
    }

    @Test func reply() throws {
        let event = #"{"identity":"a","event":"E"}"#
        let parsed = try parse("[\(event),{},\(event)]")
        let receipt = Receipt(verdicts: [.stored(7), .stored(8), .duplicate(of: 3)], watermark: 8)
        let reason = try #require(parsed.outcomes[1].rejection)
        #expect(
            text(NativeReply.json(parsed, receipt))
                == #"{"accepted":1,"duplicates":1,"rejected":[{"index":1,"reason":"\#(reason)"}],"watermark":8}"#)
        let none = try parse("[]")
        #expect(
            text(NativeReply.json(none, Receipt(verdicts: [], watermark: 5)))
                == #"{"accepted":0,"duplicates":0,"rejected":[],"watermark":5}"#)
    }
}
