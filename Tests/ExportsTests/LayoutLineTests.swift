import EventStore
import Model
import Testing

@testable import Exports

@Suite("Lines of the KISSmetrics layout")
struct LayoutLineTests {
    private func event(
        _ properties: String, name: String = "Signed Up", at microseconds: Int64 = 5_000_000, sets: Bool = true,
        nth: Int = 1
    ) throws -> (line: String, counts: LayoutCounts) {
        var lines = LayoutLines()
        var out: [UInt8] = []
        let second = try lines.event(
            Array("\"ann\"".utf8).span, name: Array(name.utf8).span, time: Timestamp(microseconds: microseconds),
            properties: Array(properties.utf8).span, sets: sets, nth: nth, to: &out)
        #expect(second == Timestamp(microseconds: microseconds).secondsAndMicroseconds.seconds)
        return (String(decoding: out, as: UTF8.self), lines.counts)
    }

    @Test(arguments: [
        ("{}", ""),
        (#"{"Plan Name":"Pro","n":12}"#, #","plan name":"Pro","n":"12""#),
        // Every value is a text, with the digits that it has; nothing is nested.
        (
            #"{"a":1.50,"b":-0.0,"c":1E5,"d":true,"e":false}"#,
            #","a":"1.50","b":"-0.0","c":"1E5","d":"true","e":"false""#
        ),
        (#"{"a":[1,"x"],"o":{"k":"\"v\""}}"#, #","a":"[1,\"x\"]","o":"{\"k\":\"\\\"v\\\"\"}""#),
        // Nulls and names that are the system's have no place.
        (#"{"a":null,"_p":"x","_x":1,"b":"","":1}"#.replacing(#","":1"#, with: ""), #","b":"""#),
        // Names in lower case, with commas and colons as spaces; of those that become one the first stays.
        (#"{"A,b:C":1,"a b c":2,"É":3,"é":4}"#, #","a b c":"1","é":"3""#),
        // Escapes that readers disagree about are written out.
        (#"{"a":"\u00e9\/\ud800\u0000","b\"\\":"x\ny"}"#, ",\"a\":\"é/\u{fffd}\\u0000\",\"b\\\"\\\\\":\"x\\ny\""),
        (#"{"a":"日本 😀"}"#, #","a":"日本 😀""#),
    ])
    func properties(_ properties: String, _ wanted: String) throws {
        let line = try event(properties).line
        #expect(line == "{\"_p\":\"ann\",\"_t\":5,\"_n\":\"signed up\"\(wanted)}\n")
        let read = try JSONValue(text: line)
        #expect(read["_t"]?.intValue == 5)
    }

    @Test func whatIsCounted() throws {
        let (line, counts) = try event(
            #"{"a":null,"_b":1,":":2,"c":[1],"d":{},"e":true,"f":"12","g":"x","G":"y","h":"007"}"#, at: 5_500_000,
            sets: false,
            nth: 3)
        #expect(
            line
                == #"{"_p":"ann","_t":5,"_n":"signed up","c":"[1]","d":"{}","e":"true","f":"12","g":"x","h":"007","_nth":"3"}"#
                + "\n")
        var wanted = LayoutCounts()
        wanted.events = 1
        wanted.fractions = 1
        wanted.nested = 2
        wanted.booleans = 1
        wanted.numericTexts = 1
        wanted.eventProperties = 1
        wanted.repeats = 1
        wanted.nulls = 1
        wanted.reservedNames = 2
        wanted.sameNames = 1
        #expect(counts == wanted)
    }

    @Test func timesAreWholeSeconds() throws {
        #expect(try event("{}", at: 1_999_999).line.contains(#""_t":1,"#))
        #expect(try event("{}", at: -1).line.contains(#""_t":-1,"#))
        #expect(try event("{}", at: -1_000_000).line.contains(#""_t":-1,"#))
    }

    @Test func namesAreCutWhereLowerCaseIsLonger() throws {
        let (line, counts) = try event("{}", name: String(repeating: "\u{130}", count: 200))
        let name = try #require(JSONValue(text: line)["_n"]?.stringValue)
        #expect(name.unicodeScalars.count == 255 && counts.longNames == 1)
    }

    @Test func aliasesAndSets() throws {
        var lines = LayoutLines()
        var out: [UInt8] = []
        _ = lines.alias(
            Array("a\"b".utf8).span, Array("c\nd".utf8).span, time: Timestamp(microseconds: 7_000_000), to: &out)
        lines.beginMembers()
        #expect(lines.properties(Array("\"a\"".utf8).span, time: Timestamp(microseconds: 0), nth: 1, to: &out) == nil)
        lines.add(Array("Plan".utf8).span, Array("\"x\"".utf8).span)
        #expect(lines.properties(Array("\"a\"".utf8).span, time: Timestamp(microseconds: 0), nth: 2, to: &out) == 0)
        #expect(
            String(decoding: out, as: UTF8.self) == #"{"_p":"a\"b","_t":7,"_p2":"c\nd"}"# + "\n"
                + #"{"_p":"a","_t":0,"plan":"x","_nth":"2"}"# + "\n")
        #expect(lines.counts.aliases == 1 && lines.counts.properties == 1)
    }

    @Test func linesOfTheIndex() {
        // A line of a real index, with its revision's times.
        let revision = LayoutRevision(
            number: 140, lines: 1, bytes: 1, sha256: "", from: 1_351_187_402, to: 1_351_188_301)
        #expect(
            revision.indexLine
                == "revisions/140.json,1351187402,1351188301,2012-10-25 17:50 GMT,2012-10-25 18:05 GMT\n")
        #expect(LayoutRevision.minute(-1) == "1969-12-31 23:59 GMT")
    }
}
