import Model
import People
import Testing

@Suite("People are found by any of their identities")
struct PersonTests {
    @Test func aPersonHasAllThatItsIdentitiesHave() throws {
        let world = try World()
        try world.identity(1, "anon-1")
        try world.identity(2, "other")
        try world.identity(3, "ann@example.com", person: 1)
        try world.event(1, 1, at: 2_000_000)
        try world.event(2, 3, at: -5)
        try world.event(3, 3, at: 1_700_000_000_123_456)
        try world.event(4, 2, at: 9_000_000_000_000_000)
        try world.change(5, 1, at: 10, "plan", "\"free\"")
        try world.change(6, 3, at: 20, "plan", "\"pro\"")
        try world.change(7, 3, at: 5, "amount", "12.50")
        try world.change(8, 3, at: 5, "Zeta \"quoted\"", "[1, 2]")
        try world.change(9, 1, at: 30, "gone", "1")
        try world.change(10, 3, at: 40, "gone", "null")
        let wanted = """
            {"id":"p_b","identities":["anon-1","ann@example.com"],"properties":{"Zeta \\"quoted\\"":[1, 2],\
            "amount":12.50,"plan":"pro"},"first_seen":"1969-12-31T23:59:59.999995Z",\
            "last_seen":"2023-11-14T22:13:20.123456Z","events_total":3}
            """
        for identity in ["anon-1", "ann@example.com"] {
            #expect(try world.reader.person(identity: identity).map { text($0.json) } == wanted)
        }
        #expect(try world.reader.person(identity: "ANON-1") == nil)
        #expect(try world.reader.person(identity: "") == nil)
    }

    @Test func aPersonWithoutEventsWasNeverSeen() throws {
        let world = try World()
        try world.identity(7, "quiet 😀 \"x\"\0")
        #expect(
            try world.reader.person(identity: "quiet 😀 \"x\"\0").map { text($0.json) } == """
                {"id":"p_h","identities":["quiet 😀 \\"x\\"\\u0000"],"properties":{},"first_seen":null,"last_seen":null,\
                "events_total":0}
                """)
    }

    @Test func anIDLeadsToThePersonThatStands() throws {
        let world = try World()
        try world.identity(1, "a")
        try world.identity(2, "b", person: 1)
        try world.identity(3, "c")
        #expect(try world.reader.person(PersonID(2)) == .moved(to: PersonID(1)))
        guard case .person(let person) = try world.reader.person(PersonID(1)) else {
            Issue.record("no person")
            return
        }
        #expect(person.identities == ["a", "b"] && person.id.text == "p_b")
        #expect(try world.reader.person(PersonID(4)) == .unknown)
        #expect(try world.reader.person(PersonID(-1)) == .unknown)
    }

    @Test(
        "the current value is the latest by time, then by commit order",
        arguments: [
            // (seq, time, value)…, current
            ([(1, 10, "1"), (2, 20, "2")], "2"), ([(1, 20, "1"), (2, 10, "2")], "1"),
            ([(1, 10, "1"), (2, 10, "2")], "2"), ([(1, 10, "1"), (2, 10, "null")], nil),
            ([(1, 10, "null"), (2, 10, "2")], "2"), ([(2, 10, "1"), (1, 10, "2")], "1"),
        ] as [([(Int64, Int64, String)], String?)])
    func current(_ changes: [(Int64, Int64, String)], _ value: String?) throws {
        let world = try World()
        try world.identity(1, "a")
        try world.identity(2, "b", person: 1)
        for (i, change) in changes.enumerated() {
            try world.change(change.0, Int64(i % 2 + 1), at: change.1, "p", change.2)
        }
        let person = try #require(try world.reader.person(identity: "a"))
        #expect(text(person.properties) == (value.map { "{\"p\":\($0)}" } ?? "{}"))
    }

    @Test("all people are listed once at any page size", arguments: [1, 2, 3, 7, 1_000])
    func people(_ limit: Int) throws {
        let world = try World()
        for id in Int64(1)...20 {
            try world.identity(id, "i\(id)", person: id % 3 == 0 ? id - 1 : id)
            try world.event(id, id, at: id)
        }
        var seen: [Person] = []
        var cursor: String?
        repeat {
            let page = try world.reader.people(limit: limit, cursor: cursor)
            #expect(page.elements.count <= limit)
            seen += page.elements
            cursor = page.nextCursor
        } while cursor != nil
        #expect(seen.map(\.id.number) == (1...20).filter { $0 % 3 != 0 })
        #expect(seen.map(\.eventsTotal).reduce(0, +) == 20 && seen[1].identities == ["i2", "i3"])
    }
}
