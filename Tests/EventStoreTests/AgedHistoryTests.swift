import Foundation
import Model
import Testing

@testable import EventStore

@Suite("The store knows what went by its age, and keeps what is put aside to itself")
struct AgedHistoryTests {
    @Test("What went is written down, more of it with every time, and an erasure changes nothing of that")
    func history() async throws {
        let folder = try TemporaryFolder()
        func old(_ second: Int64) -> Item {
            var item = event("ann", "Seen", id: "e\(second)")
            item.timestamp = Timestamp(microseconds: second * 1_000_000)
            return item
        }
        let second = try await StoreFixture.with(folder) { fixture in
            let store = fixture.store
            try await fixture.apply([old(10), old(20), old(30), event("bob", "Seen", id: "b")])
            _ = try await store.remove(.aged([.init(before: Timestamp(microseconds: 5_000_000))]))
            #expect(store.agedHistory == nil && store.erasureEpoch == 0)
            _ = try await store.remove(.aged([.init(before: Timestamp(microseconds: 15_000_000))]))
            let first = AgedHistory(through: 1, before: Timestamp(microseconds: 15_000_000), asOf: 4)
            #expect(store.agedHistory == first)
            let ids = try await store.identitiesOfPersons(with: ["bob"]).map(\.id)
            _ = try await store.remove(.identities(ids))
            #expect(store.agedHistory == first && store.erasureEpoch == 2)
            _ = try await store.remove(.aged([.init(before: Timestamp(microseconds: 25_000_000), event: "Seen")]))
            return store.agedHistory
        }
        #expect(second == AgedHistory(through: 2, before: Timestamp(microseconds: 25_000_000), asOf: 4))
        // After a start, too.
        try await StoreFixture.with(folder) { fixture in #expect(fixture.store.agedHistory == second) }
    }

    @Test("The folder of what the engine puts aside is its owner's alone, and empty at a start")
    func spilled() async throws {
        let folder = try TemporaryFolder()
        let spilled = folder.path + "/hot.duckdb.tmp"
        for isLeft in [false, true] {
            if isLeft {
                // As after a crash of an earlier version.
                try Data("a row".utf8).write(to: URL(fileURLWithPath: spilled + "/duckdb_temp_storage_DEFAULT-0.tmp"))
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: spilled)
            }
            try await StoreFixture.with(folder) { _ in
                let mode = try FileManager.default.attributesOfItem(atPath: spilled)[.posixPermissions] as? Int
                #expect(mode == 0o700)
                #expect(try FileManager.default.contentsOfDirectory(atPath: spilled) == [])
            }
        }
    }
}
