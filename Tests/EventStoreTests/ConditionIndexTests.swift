import Model
import Testing

@testable import EventStore

@Suite struct ConditionIndexTests {
    private static func index(_ conditions: String...) throws -> ConditionIndex {
        ConditionIndex(
            try conditions.map { text in
                try text.isEmpty ? nil : Condition(try JSONValue(text: text), times: absoluteTimes)
            })
    }

    private static func places(_ index: ConditionIndex, _ object: String) -> [Int] {
        let bytes = Array(object.utf8)
        return index.places(bytes.span)
    }

    @Test func onlyThoseWhosePropertyIsThereMayHold() throws {
        let index = try Self.index(
            #"{"property":"plan","is":"pro"}"#, "", #"{"property":"amount","gt":10}"#,
            #"{"property":"plan","exists":true}"#)
        #expect(Self.places(index, "{}") == [1])
        #expect(Self.places(index, #"{"plan":"free"}"#) == [0, 1, 3])
        #expect(Self.places(index, #"{"amount":1,"plan":2,"other":{"x":[1]}}"#) == [0, 1, 2, 3])
        #expect(Self.places(index, #"{"other":{"plan":"pro"}}"#) == [1])
    }

    /// What passes without a value, or asks for the name alone, may hold of any event.
    @Test(arguments: [
        #"{"property":"plan","is_not":"pro"}"#, #"{"property":"plan","exists":false}"#, #"{"event":"Viewed"}"#,
        #"{"not":{"property":"plan","is":"pro"}}"#, #"{"any":[{"property":"a","is":1},{"event":"Viewed"}]}"#,
    ])
    func whatHoldsOfNothing(_ condition: String) throws {
        #expect(Self.places(try Self.index(condition), "{}") == [0])
    }

    @Test func ofSeveralPartsTheFewestAreDemanded() throws {
        let index = try Self.index(
            #"{"all":[{"any":[{"property":"a","is":1},{"property":"b","is":1}]},{"property":"c","is":1},{"event":"E"}]}"#,
            #"{"any":[{"property":"a","is":1},{"property":"b","is":1}]}"#)
        #expect(Self.places(index, #"{"a":1}"#) == [1])
        #expect(Self.places(index, #"{"b":1}"#) == [1])
        #expect(Self.places(index, #"{"c":1}"#) == [0])
    }

    /// Names are compared as they are meant, and long ones share a bit.
    @Test func escapesAndLongNames() throws {
        let long = String(repeating: "x", count: 80)
        let index = try Self.index(#"{"property":"plän","is":1}"#, #"{"property":"\#(long)","is":1}"#)
        #expect(Self.places(index, #"{"pl\u00e4n":1}"#) == [0])
        #expect(Self.places(index, #"{"\#(long)":1}"#) == [1])
        #expect(Self.places(index, #"{"\#(long)y":1}"#).isEmpty)
    }
}
