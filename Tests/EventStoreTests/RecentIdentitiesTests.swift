import DuckDB
import Model
import Testing

@testable import EventStore

@Suite struct RecentIdentitiesTests {
    @Test func thoseThatCameInOfLateAreRememberedUnlessTied() throws {
        let store = try MemoryStore()
        try store.apply([
            event("ann"), event("bob"), event("cäsar"), event("ann"), alias("ann", "anonymous-1"),
            event(String(repeating: "x", count: 300)),
        ])
        let found = store.recent.find([1, 2, 3, 4, 5, 99])
        #expect(texts(found) == [2: "bob", 3: "cäsar"])
        // Two that are tied to each other, one whose text is long, and one that does not exist.
        #expect(found.missing == [1, 4, 5, 99])
    }

    @Test func aTieOfLaterHolds() throws {
        let store = try MemoryStore()
        try store.apply([event("ann"), event("bob")])
        #expect(texts(store.recent.find([1, 2])) == [1: "ann", 2: "bob"])
        try store.apply([alias("ann", "bob")])
        #expect(store.recent.find([1, 2]).missing == [1, 2])
    }

    @Test func theOldestAreForgottenFirst() throws {
        let store = try MemoryStore(cacheSlots: 1 << 12)
        // Two halves of 131,072 each hold at most the last 262,144 of these.
        let count = 300_000
        try store.apply((1...count).map { event("user-\($0)") }, by: 50_000)
        let found = store.recent.find([1, Int64(count) - 100_000, Int64(count)])
        #expect(texts(found) == [200_000: "user-200000", 300_000: "user-300000"])
        #expect(found.missing == [1])
        store.recent.forget()
        #expect(store.recent.find([Int64(count)]).missing == [Int64(count)])
    }

    private func texts(_ found: RecentIdentities.Found) -> [Int64: String] {
        var texts: [Int64: String] = [:]
        // Each text is lent for the call.
        unsafe found.forEach { identity, text in
            unsafe texts[identity] = String(decoding: text, as: UTF8.self)
        }
        return texts
    }
}
