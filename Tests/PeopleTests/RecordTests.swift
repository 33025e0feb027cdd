import DuckDB
import Model
import People
import Testing

@Suite("Aliases and rejects are listed, and aliases judged")
struct RecordTests {
    private func world() throws -> World {
        let world = try World()
        try world.connection.execute(
            """
            INSERT INTO aliases SELECT i, make_timestamp(i), 'a' || i, 'b' || i, i, i, i % 2 = 0,
                CASE WHEN i % 5 = 0 THEN 100 + i END FROM range(1, 31) r(i);
            INSERT INTO rejects SELECT i, make_timestamp(i), 'native', 'because ' || i, '{"raw":' || i FROM range(1, 31) r(i)
            """)
        return world
    }

    @Test("lists are whole at any page size", arguments: [1, 4, 29, 30, 31, 1_000])
    func lists(_ limit: Int) throws {
        let world = try world()
        var aliases: [AliasRecord] = []
        var cursor: String?
        repeat {
            let page = try world.reader.aliases(limit: limit, cursor: cursor)
            aliases += page.elements
            cursor = page.nextCursor
        } while cursor != nil
        var rejects: [RejectRecord] = []
        repeat {
            let page = try world.reader.rejects(limit: limit, cursor: cursor)
            rejects += page.elements
            cursor = page.nextCursor
        } while cursor != nil
        #expect(aliases.map(\.seq) == (1...30).reversed() && rejects.map(\.seq) == (1...30).reversed())
        #expect(
            text(aliases[0].json) == """
                {"seq":30,"timestamp":"1970-01-01T00:00:00.000030Z","identity":"a30","other":"b30","derived":true,\
                "undone_seq":130}
                """)
        #expect(aliases[1].undoneSeq == nil && !aliases[1].derived)
        #expect(
            text(rejects[0].json) == """
                {"seq":30,"received_at":"1970-01-01T00:00:00.000030Z","protocol":"native","reason":"because 30",\
                "raw":"{\\"raw\\":30"}
                """)
    }

    @Test func onlyALiveAliasIsTakenBack() throws {
        let world = try world()
        let now = Timestamp(microseconds: 77)
        guard case .write(let item) = AliasUndo(try world.reader.alias(7), at: now) else {
            Issue.record("alias 7 ties")
            return
        }
        #expect(item.kind == .undo && text(item.name) == "7" && item.timestamp == now && item.receivedAt == now)
        #expect(AliasUndo(try world.reader.alias(10), at: now) == .undone(by: 110))
        #expect(AliasUndo(try world.reader.alias(31), at: now) == .unknown)
    }
}
