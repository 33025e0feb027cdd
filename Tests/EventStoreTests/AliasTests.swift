import DuckDB
import Model
import Testing

@testable import EventStore

/// A history of aliases and what must come of it.
struct AliasCase: Sendable, CustomTestStringConvertible {
    let title: String
    let items: [Item]
    /// The groups by their identities, in the order of the ids: `a b, c`.
    let persons: String
    /// The rows of `aliases`: seq and undone_seq.
    let rows: [String]
    /// The rejects: seq and reason.
    var rejects: [String] = []

    var testDescription: String { title }

    static let all = [
        AliasCase(title: "one pair", items: [alias("a", "b")], persons: "a b", rows: ["1|-"]),
        AliasCase(title: "the other order", items: [alias("b", "a")], persons: "b a", rows: ["1|-"]),
        AliasCase(
            title: "a repeat in either order changes nothing",
            items: [alias("a", "b"), alias("a", "b"), alias("b", "a")],
            persons: "a b", rows: ["1|-", "2|-", "3|-"]),
        AliasCase(
            title: "a chain is one person", items: [alias("a", "b"), alias("b", "c"), alias("d", "c")],
            persons: "a b c d", rows: ["1|-", "2|-", "3|-"]),
        AliasCase(
            title: "two groups become one", items: [event("z"), alias("a", "b"), alias("c", "d"), alias("d", "a")],
            persons: "z, a b c d", rows: ["2|-", "3|-", "4|-"]),
        AliasCase(
            title: "the person keeps its earliest identity", items: [event("old"), event("new"), alias("new", "old")],
            persons: "old new", rows: ["3|-"]),
        AliasCase(title: "an undone pair is two", items: [alias("a", "b"), undo(1)], persons: "a, b", rows: ["1|2"]),
        AliasCase(
            title: "an undo takes back all repeats of its pair", items: [alias("a", "b"), alias("b", "a"), undo(2)],
            persons: "a, b", rows: ["1|3", "2|3"]),
        AliasCase(
            title: "an undo in a chain splits it there",
            items: [alias("a", "b"), alias("b", "c"), alias("c", "d"), undo(2)],
            persons: "a b, c d", rows: ["1|-", "2|4", "3|-"]),
        AliasCase(
            title: "a pair that other pairs tie too stays one",
            items: [alias("a", "b"), alias("b", "c"), alias("c", "a"), undo(1)],
            persons: "a b c", rows: ["1|4", "2|-", "3|-"]),
        AliasCase(
            title: "a derived alias does not tie an undone pair again",
            items: [alias("a", "b"), undo(1), alias("b", "a", derived: true), alias("a", "b", derived: true)],
            persons: "a, b", rows: ["1|2", "3|3", "4|4"]),
        AliasCase(
            title: "an explicit alias ties an undone pair again",
            items: [alias("a", "b"), undo(1), alias("b", "a")], persons: "a b", rows: ["1|2", "3|-"]),
        AliasCase(
            title: "and then a derived one is a repeat again",
            items: [alias("a", "b"), undo(1), alias("b", "a"), alias("a", "b", derived: true)],
            persons: "a b", rows: ["1|2", "3|-", "4|-"]),
        AliasCase(
            title: "a derived alias ties what was never undone", items: [alias("a", "b", derived: true)],
            persons: "a b",
            rows: ["1|-"]),
        AliasCase(
            title: "a derived alias can be undone, too",
            items: [alias("a", "b", derived: true), undo(1), alias("a", "b", derived: true)], persons: "a, b",
            rows: ["1|2", "3|3"]),
        AliasCase(
            title: "undone, tied and undone again", items: [alias("a", "b"), undo(1), alias("a", "b"), undo(1)],
            persons: "a, b", rows: ["1|2", "3|4"]),
        AliasCase(
            title: "an undone pair does not keep others apart",
            items: [alias("a", "b"), undo(1), alias("a", "c"), alias("c", "b"), alias("a", "b", derived: true)],
            persons: "a b c", rows: ["1|2", "3|-", "4|-", "5|5"]),
        AliasCase(
            title: "a second undo of a pair changes nothing", items: [alias("a", "b"), undo(1), undo(1)],
            persons: "a, b", rows: ["1|2"]),
        AliasCase(
            title: "an undo of nothing is a reject", items: [event("a"), undo(1), undo(77)], persons: "a", rows: [],
            rejects: [
                "2|there is no alias with the seq that the undo names",
                "3|there is no alias with the seq that the undo names",
            ]),
        AliasCase(
            title: "an alias of an identity with itself is a reject", items: [alias("a", "a")], persons: "a", rows: [],
            rejects: ["1|both identities are the same"]),
    ]
}

@Suite("Aliases tie and untie identities")
struct AliasTests {
    /// The groups as `AliasCase` writes them.
    static func persons(_ store: MemoryStore) throws -> String {
        try store.rows(
            """
            SELECT string_agg(g, ', ' ORDER BY person_id) FROM (
                SELECT person_id, string_agg(identity, ' ' ORDER BY identity_id) AS g FROM identities
                GROUP BY person_id)
            """)[0]
    }

    /// In one batch, in batches of one, and with a restart before each item.
    @Test(arguments: AliasCase.all, [0, 1, 2])
    func golden(_ example: AliasCase, way: Int) throws {
        let store = try MemoryStore()
        switch way {
        case 0: try store.apply(example.items)
        case 1: try store.apply(example.items, by: 1)
        default:
            for item in example.items {
                store.restart()
                try store.apply([item])
            }
        }
        #expect(try Self.persons(store) == example.persons)
        #expect(try store.rows("SELECT seq, undone_seq FROM aliases") == example.rows)
        #expect(try store.rows("SELECT seq, reason FROM rejects") == example.rejects)
        let misnumbered = """
            SELECT count(*) FROM identities i WHERE person_id != (
                SELECT min(identity_id) FROM identities j WHERE j.person_id = i.person_id)
            """
        #expect(try store.rows(misnumbered) == ["0"])
        // Whoever is not a person by itself is known to be tied, also after a restart.
        let loaded = PersonTies()
        try loaded.load(store.connection)
        let several = "SELECT person_id FROM identities GROUP BY person_id HAVING count(*) > 1"
        for row in try store.connection.rows("SELECT identity_id FROM identities WHERE person_id IN (\(several))") {
            let identity = try #require(row[0].int)
            #expect(store.ties.isTied(identity) && loaded.isTied(identity))
        }
    }

    @Test func anIdentityThatWasNeverTiedIsRememberedUntilItIs() throws {
        let ties = PersonTies()
        #expect(ties.single(5) == nil && !ties.isTied(5) && !ties.isTied(Int64.max >> 8))
        ties.remember(PersonTies.Single(identity: "e", firstSeq: 3), 5)
        ties.remember(PersonTies.Single(identity: String(repeating: "x", count: 1_000), firstSeq: 3), 6)
        #expect(ties.single(5) == PersonTies.Single(identity: "e", firstSeq: 3))
        #expect(ties.single(6) == nil, "long texts are not kept")
        ties.tie([(identity: 200, person: 5)])
        #expect(ties.single(5) == nil && ties.isTied(5) && ties.isTied(200) && !ties.isTied(6))
        for identity: Int64 in 1_000..<20_000 {
            ties.remember(PersonTies.Single(identity: "i", firstSeq: 1), identity)
        }
        #expect((1_000..<20_000).count { ties.single($0) != nil } <= 4_096)
    }

    @Test func aPersonHasAtMostAThousandIdentities() throws {
        let store = try MemoryStore()
        // Two groups of 600 and 400, one more identity, and one that is too many.
        var items = (1..<600).map { alias("a0", "a\($0)") }
        items += (1..<400).map { alias("b0", "b\($0)") }
        items += [alias("a5", "b7"), alias("a5", "b8"), alias("c", "a1"), alias("b9", "c")]
        try store.apply(items, by: 333)
        #expect(
            try store.rows("SELECT count(*) FROM identities GROUP BY person_id ORDER BY 1") == ["1", "1000"])
        #expect(
            try store.rows("SELECT seq, reason, raw FROM rejects") == [
                #"1001|the person would have 1001 identities, and 1000 is the most|{"type":"alias","identity":"c","other":"a1"}"#,
                #"1002|the person would have 1001 identities, and 1000 is the most|{"type":"alias","identity":"b9","other":"c"}"#,
            ])
        #expect(try store.rows("SELECT count(*), max(seq) FROM aliases") == ["1000|1000"])
    }

    @Test(arguments: [1, 100])
    func anIdentityIsNamedByTheFirstItemThatNamesIt(size: Int) throws {
        let store = try MemoryStore()
        try store.apply(
            [
                event("a"), event("b"), item(.set, "a", #"{"x":1}"#, flags: [.namesIdentity]),
                item(.set, "a", #"{"x":2}"#, flags: [.namesIdentity]), alias("c", "b"), alias("b", "c"), event("d"),
                item(.event, "e", name: "E", flags: [.namesIdentity]),
            ], by: size)
        #expect(
            try store.rows("SELECT identity, named_seq, first_seq FROM identities") == [
                "a|3|1", "b|5|2", "c|5|5", "d|-|7", "e|8|8",
            ])
    }
}
