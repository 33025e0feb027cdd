import Model
import People
import Testing

@Suite("A property's history is read as first, last, or at a time")
struct PropertyHistoryTests {
    /// (seq, identity, time, value)
    private static let history: [(Int64, Int64, Int64, String)] = [
        (1, 1, 100, "null"), (2, 1, 200, "\"late start\""), (3, 2, 300, "\"b\""), (4, 1, 300, "\"later commit\""),
        (5, 2, 400, "null"), (6, 1, 600, "\"back\""), (7, 3, 150, "\"somebody else\""), (8, 1, 200, "\"same time\""),
        (9, 1, 500, "1"), (10, 1, 500, "null"),
    ]

    private func world() throws -> World {
        let world = try World()
        try world.identity(1, "a")
        try world.identity(2, "b", person: 1)
        try world.identity(3, "c")
        for (seq, identity, time, value) in Self.history { try world.change(seq, identity, at: time, "p", value) }
        try world.change(20, 1, at: 1, "q", "true")
        return world
    }

    @Test(
        "golden readings",
        arguments: [
            // The first value that is one, in the order of time and then of commits.
            (.first, "\"late start\""), (.last, "\"back\""), (.at(Timestamp(microseconds: 99)), nil),
            (.at(Timestamp(microseconds: 100)), nil), (.at(Timestamp(microseconds: 199)), nil),
            (.at(Timestamp(microseconds: 200)), "\"same time\""), (.at(Timestamp(microseconds: 299)), "\"same time\""),
            (.at(Timestamp(microseconds: 300)), "\"later commit\""), (.at(Timestamp(microseconds: 400)), nil),
            (.at(Timestamp(microseconds: 500)), nil), (.at(Timestamp(microseconds: 600)), "\"back\""),
            (.at(.latest), "\"back\""), (.at(.earliest), nil),
        ] as [(PropertyMoment, String?)])
    func reading(_ moment: PropertyMoment, _ value: String?) throws {
        let world = try world()
        #expect(try world.reader.property("p", of: PersonID(1), moment).map { text($0.value) } == value)
    }

    @Test func whatNeverWasHasNoValue() throws {
        let world = try world()
        for moment: PropertyMoment in [.first, .last, .at(.latest)] {
            #expect(try world.reader.property("P", of: PersonID(1), moment) == nil)
            #expect(try world.reader.property("p", of: PersonID(2), moment) == nil)
        }
    }

    @Test func aChangeWritesItself() throws {
        let world = try world()
        let change = try #require(try world.reader.property("p", of: PersonID(1), .at(Timestamp(microseconds: 300))))
        #expect(
            text(change.json) == """
                {"seq":4,"timestamp":"1970-01-01T00:00:00.000300Z","identity":"a","property":"p","value":"later commit"}
                """)
        #expect(
            try world.reader.changes(of: PersonID(1), name: "p").elements.filter(\.isUnset).map(\.seq) == [10, 5, 1])
    }
}
