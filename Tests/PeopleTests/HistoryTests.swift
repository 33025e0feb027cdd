import DuckDB
import Model
import People
import Testing

@Suite("Histories are whole at any page size, and stay so while events arrive")
struct HistoryTests {
    /// 200 events of three identities, two of which are one person, with many equal times.
    private func busyWorld() throws -> World {
        let world = try World()
        try world.identity(1, "a")
        try world.identity(2, "b", person: 1)
        try world.identity(3, "c")
        for seq in Int64(1)...200 {
            try world.event(seq, Self.identity(seq), "e\(seq % 4)", at: Self.time(seq), properties: "{\"n\":\(seq)}")
            for name in ["x", "y", "z"].prefix(Int(seq % 4)) {
                try world.change(seq, Self.identity(seq), at: Self.time(seq), name, "\(seq)")
            }
        }
        return world
    }

    private static func identity(_ seq: Int64) -> Int64 { seq * 2_654_435_761 / 65_536 % 3 + 1 }
    private static func time(_ seq: Int64) -> Int64 { seq * 7_919 % 40 }

    /// The `seq`s of the person with two identities.
    private static let newestFirst: [Int64] = {
        var seqs: [Int64] = []
        for seq in Int64(1)...200 where identity(seq) < 3 { seqs.append(seq) }
        seqs.sort { a, b in time(a) == time(b) ? a > b : time(a) > time(b) }
        return seqs
    }()

    @Test("events, newest first", arguments: [1, 2, 7, 100, 1_000])
    func events(_ limit: Int) throws {
        let world = try busyWorld()
        let wanted = Self.newestFirst
        var seen: [PersonEvent] = []
        var cursor: String?
        repeat {
            let page = try world.reader.events(of: PersonID(1), limit: limit, cursor: cursor)
            seen += page.elements
            cursor = page.nextCursor
            // Both newer and older than what the next page shows; neither belongs to this walk.
            let new = 1_000 + Int64(seen.count)
            if new < 1_050 {
                try world.event(new, 1, at: 50)
                try world.event(new + 1_000, 2, at: -50)
            }
        } while cursor != nil
        #expect(seen.map(\.seq) == wanted)
        #expect(Set(seen.map(\.identity)) == ["a", "b"] && seen.allSatisfy { $0.personID == PersonID(1) })
    }

    @Test("property changes, newest first", arguments: [1, 2, 3, 5, 100, 1_000])
    func changes(_ limit: Int) throws {
        let world = try busyWorld()
        var wanted: [String] = []
        for seq in Self.newestFirst {
            wanted += ["x", "y", "z"].prefix(Int(seq % 4)).map { "\(seq)\($0)" }
        }
        for name in [nil, "y"] {
            var seen: [String] = []
            var cursor: String?
            repeat {
                let page = try world.reader.changes(of: PersonID(1), name: name, limit: limit, cursor: cursor)
                seen += page.elements.map { "\($0.seq)\($0.name)" }
                cursor = page.nextCursor
                if seen.count < 20 { try world.change(1_000 + Int64(seen.count), 1, at: -1, "y", "0") }
            } while cursor != nil
            #expect(seen == wanted.filter { name == nil || $0.hasSuffix("y") })
            try world.connection.execute("DELETE FROM property_changes_1 WHERE seq >= 1000")
            try world.connection.execute("UPDATE state SET value = 200")
        }
    }

    @Test func anEventWritesItself() throws {
        let world = try World()
        try world.identity(1, "a")
        try world.identity(2, "b \"2\"", person: 1)
        try world.event(5, 2, "Bought\n", at: 0, properties: "{\"n\":1.0e2,\"n\":2}")
        let page = try world.reader.events(of: PersonID(1))
        #expect(
            text(page.json) == """
                {"data":[{"seq":5,"event_id":"e5","identity":"b \\"2\\"","person_id":"p_b","event":"Bought\\n",\
                "timestamp":"1970-01-01T00:00:00.000000Z","received_at":"1970-01-01T00:00:00.000001Z",\
                "properties":{"n":1.0e2,"n":2}}],"next_cursor":null}
                """)
        #expect(text(try world.reader.events(of: PersonID(9)).json) == #"{"data":[],"next_cursor":null}"#)
    }

    @Test(
        "cursors of other lists and nonsense are refused",
        arguments: [
            "", "e", "e.a", "e.a.a.a.a", "c.a.a.a.a", "x.a.a.a", "e.a.a.A", "e..a.a", "e.a.a.zzzzzzzzzzzzzzz",
        ])
    func cursors(_ cursor: String) throws {
        let world = try World()
        let error = #expect(throws: PeopleError.self) { try world.reader.events(of: PersonID(1), cursor: cursor) }
        #expect(error?.code == .cursor)
    }

    @Test("limits are from 1 to 1,000", arguments: [0, -1, 1_001])
    func limits(_ limit: Int) throws {
        let world = try World()
        let error = #expect(throws: PeopleError.self) { try world.reader.events(of: PersonID(1), limit: limit) }
        #expect(error?.code == .limit)
    }
}
