import DuckDB
import Model
import Testing

@testable import EventStore

@Suite("The same journal gives the same tables")
struct DeterminismTests {
    /// Items of every kind over few identities and names, so that they meet often.
    static func items(_ count: Int, seed: Int, identities: Int = 30) -> [Item] {
        var random = SeededGenerator(seed: seed)
        func who() -> String { "id\(Int.random(in: 0..<identities, using: &random))" }
        func word() -> String {
            let words = ["Plan", "plan", "PLAN", "Age", "age", "city", "City"]
            return words[Int.random(in: 0..<words.count, using: &random)]
        }
        return (1...count).map { seq in
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<6: event(who(), word(), #"{"\#(word())":\#(seq)}"#, id: "e\(seq)")
            case 6..<10: kissmetrics(who(), word(), #"{"\#(word())":\#(seq),"\#(word())":"x"}"#)
            case 10..<13:
                item(
                    .set, who(), #"{"\#(word())":\#(seq)}"#,
                    flags: Bool.random(using: &random) ? [.namesIdentity] : [])
            case 13..<17: alias(who(), who(), derived: Bool.random(using: &random))
            case 17, 18: undo(Int64.random(in: 1...Int64(seq), using: &random))
            default: item(.reject, name: "reason \(seq)", "raw")
            }
        }
    }

    @Test(arguments: 0..<3)
    func whateverTheBatchesAndRestarts(seed: Int) throws {
        let items = Self.items(400, seed: seed, identities: [10, 30, 200][seed % 3])
        let whole = try MemoryStore()
        try whole.apply(items)
        let expected = try whole.dump()
        #expect(expected.count > 400)
        for (size, slots) in [(1, 1 << 10), (7, 1 << 10), (50, 64), (64, 4), (299, 16)] {
            let other = try MemoryStore(cacheSlots: slots)
            try other.apply(items, by: size)
            let difference = try Self.firstDifference(expected, other.dump())
            #expect(difference == nil, "batches of \(size), a cache of \(slots) slots")
        }
        let restarted = try MemoryStore(cacheSlots: 32)
        for start in stride(from: 0, to: items.count, by: 90) {
            restarted.restart()
            try restarted.apply(Array(items[start..<min(start + 90, items.count)]), by: 40)
        }
        #expect(try Self.firstDifference(expected, restarted.dump()) == nil)
    }

    static func firstDifference(_ a: [String], _ b: [String]) -> String? {
        if a == b { return nil }
        for (x, y) in zip(a, b) where x != y { return "\(x) / \(y)" }
        return "\(a.count) / \(b.count) rows"
    }

    @Test func aBatchThatIsInTheStoreAlreadyChangesNothing() throws {
        let store = try MemoryStore()
        let items = Self.items(100, seed: 9)
        try store.apply(items)
        let before = try store.dump()
        let applier = BatchApplier(StoreSettings(), store.ties, store.recent, store.lookups)
        try applier.apply(batch(items[...], first: 1), store.connection, generation: 1)
        #expect(try store.dump() == before)
    }

    @Test func aBatchThatFailsLeavesNothingBehind() throws {
        let store = try MemoryStore()
        try store.apply([event("a", "One")])
        let before = try store.dump()
        // A property object that is none: the batch is refused as a whole, its good items with it.
        let bad = [event("b", "Two"), alias("a", "c"), item(.set, "d", #"{"x":"#)]
        let error = #expect(throws: StoreError.self) { try store.apply(bad) }
        #expect(error?.code == .damaged)
        #expect(try store.dump() == before)
        // What the failed batch had put into memory is forgotten, too.
        try store.apply([event("c", "two"), alias("a", "c")])
        #expect(try store.rows("SELECT identity_id, identity, person_id FROM identities") == ["1|a|1", "2|c|1"])
        #expect(try store.rows("SELECT name FROM names") == ["One", "two"])
    }
}
