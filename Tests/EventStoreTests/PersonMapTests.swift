import DuckDB
import Model
import Testing

@testable import EventStore

@Suite("Persons as of an earlier seq")
struct PersonMapTests {
    /// Who is who after the items up to `seq`, by the rules read literally: pairs tied or not, and a walk from each.
    static func persons(_ items: [Item], upTo seq: Int64) -> [String: String] {
        var pairOf: [Int64: Set<String>] = [:]
        var live: [Set<String>] = []
        var undone: Set<Set<String>> = []
        var order: [String] = []
        for (place, item) in items.prefix(Int(seq)).enumerated() {
            let sides = [item.identity, item.other].map { String(decoding: $0, as: UTF8.self) }
            for side in sides where !side.isEmpty && !order.contains(side) { order.append(side) }
            if item.kind == .alias, sides[0] != sides[1] {
                let pair = Set(sides)
                pairOf[Int64(place + 1)] = pair
                if item.flags.contains(.derivedAlias), undone.contains(pair) { continue }
                undone.remove(pair)
                if !live.contains(pair) { live.append(pair) }
            } else if item.kind == .undo, let target = Int64(String(decoding: item.name, as: UTF8.self)),
                let pair = pairOf[target]
            {
                live.removeAll { $0 == pair }
                undone.insert(pair)
            }
        }
        var result: [String: String] = [:]
        for start in order where result[start] == nil {
            var group: Set<String> = [start]
            var grown = true
            while grown {
                grown = false
                for pair in live where !pair.isDisjoint(with: group) && !pair.isSubset(of: group) {
                    group.formUnion(pair)
                    grown = true
                }
            }
            // `order` is that of the ids, so the first to come is the smallest.
            for identity in group { result[identity] = start }
        }
        return result
    }

    @Test(arguments: 0..<5)
    func equalTheRulesReadLiterally(seed: Int) throws {
        var random = SeededGenerator(seed: seed)
        let items = (1...120).map { seq -> Item in
            let who = "i\(Int.random(in: 0..<24, using: &random))"
            let other = "i\(Int.random(in: 0..<24, using: &random))"
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1: return event(who)
            case 2..<7: return alias(who, other, derived: Bool.random(using: &random))
            default: return undo(Int64.random(in: 1...Int64(seq), using: &random))
            }
        }
        let store = try MemoryStore()
        try store.apply(items, by: 1 + seed * 17)
        for seq in stride(from: Int64(seed % 3), through: 120, by: 3) {
            let map = try PersonMap.relation(store.connection, asOf: seq)
            let rows = try store.rows(
                """
                SELECT i.identity, p.identity FROM identities i
                \(map.map { "LEFT JOIN \($0) m ON m.identity_id = i.identity_id" } ?? "")
                JOIN identities p ON p.identity_id = \(map == nil ? "i.person_id" : "coalesce(m.person_id, i.person_id)")
                WHERE i.first_seq <= \(seq) ORDER BY i.identity
                """)
            let expected = Self.persons(items, upTo: seq).sorted { $0.key < $1.key }.map { "\($0.key)|\($0.value)" }
            #expect(rows == expected, "as of \(seq)")
        }
    }

    @Test func theLatestStateNeedsNoMap() throws {
        let store = try MemoryStore()
        try store.apply([alias("a", "b"), event("c"), undo(1), event("d")])
        #expect(try PersonMap.relation(store.connection, asOf: 4) == nil)
        #expect(try PersonMap.relation(store.connection, asOf: 3) == nil)
        #expect(try PersonMap.relation(store.connection, asOf: 2) == "person_map")
        #expect(try store.rows("SELECT * FROM person_map") == ["2|1"])
    }
}
