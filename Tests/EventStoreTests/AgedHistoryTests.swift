import Foundation
import Model
import Synchronization
import Testing

@testable import EventStore

@Suite("The store knows what went by its age, and keeps what is put aside to itself")
struct AgedHistoryTests {
    private static func old(_ second: Int64) -> Item {
        var item = event("ann", "Seen", id: "e\(second)")
        item.timestamp = Timestamp(microseconds: second * 1_000_000)
        return item
    }

    @Test("What went is written down, more of it with every time, and an erasure changes nothing of that")
    func history() async throws {
        let folder = try TemporaryFolder()
        let second = try await StoreFixture.with(folder) { fixture in
            let store = fixture.store
            try await fixture.apply([Self.old(10), Self.old(20), Self.old(30), event("bob", "Seen", id: "b")])
            _ = try await store.remove(.aged([.init(before: Timestamp(microseconds: 5_000_000))]))
            #expect(store.agedHistory == nil && store.erasureEpoch == 0)
            _ = try await store.remove(.aged([.init(before: Timestamp(microseconds: 15_000_000))]))
            let first = AgedHistory(through: 1, before: Timestamp(microseconds: 15_000_000), asOf: 4, epoch: 1)
            #expect(store.agedHistory == first)
            let ids = try await store.identitiesOfPersons(with: ["bob"]).map(\.id)
            _ = try await store.remove(.identities(ids))
            #expect(store.agedHistory == first && store.erasureEpoch == 2)
            _ = try await store.remove(.aged([.init(before: Timestamp(microseconds: 25_000_000), event: "Seen")]))
            return store.agedHistory
        }
        #expect(second == AgedHistory(through: 2, before: Timestamp(microseconds: 25_000_000), asOf: 4, epoch: 3))
        // After a start, too.
        try await StoreFixture.with(folder) { fixture in #expect(fixture.store.agedHistory == second) }
    }

    @Test("What comes in while the old goes is written down with it, also where nothing comes after that")
    func late() async throws {
        let folder = try TemporaryFolder()
        let expected = AgedHistory(through: 3, before: Timestamp(microseconds: 15_000_000), asOf: 3, epoch: 1)
        try await StoreFixture.with(folder) { fixture in
            let store = fixture.store
            try await fixture.apply([Self.old(10), item(.reject, name: "no good", #"{"a":1}"#)])
            let (begun, begin) = AsyncStream.makeStream(of: Void.self)
            let looks = Mutex(0)
            let notes = Mutex(0)
            let task = Mutex<Task<[RemovedCopy], any Error>?>(nil)
            let removing = Task {
                try await store.remove(.aged([.init(before: Timestamp(microseconds: 15_000_000))])) { _ in
                    let look = looks.withLock { looks in
                        looks += 1
                        return looks
                    }
                    // The third one comes when the file has been replaced.
                    if look == 3 { task.withLock { $0?.cancel() } }
                    return false
                } noting: { _ in
                    let note = notes.withLock { notes in
                        notes += 1
                        return notes
                    }
                    guard note == 1 else { return }
                    for await _ in begun { break }
                    try await fixture.apply([Self.old(12)])
                }
            }
            task.withLock { $0 = removing }
            begin.yield()
            await #expect(throws: StoreError.self) { try await removing.value }
            #expect(try await fixture.rows("SELECT seq FROM events") == [])
            #expect(store.agedHistory == expected)
        }
        try await StoreFixture.with(folder) { fixture in #expect(fixture.store.agedHistory == expected) }
    }

    @Test("A store is told once what went before it wrote that down by itself")
    func earlier() async throws {
        let folder = try TemporaryFolder()
        let earlier = AgedHistory(through: 7, before: Timestamp(microseconds: 9_000_000), asOf: 8, epoch: 0)
        let known = try await StoreFixture.with(folder) { fixture in
            let store = fixture.store
            try await store.noteAged(earlier)
            #expect(store.agedHistory == earlier)
            try await fixture.apply([Self.old(10), event("bob", "Seen", id: "b")])
            _ = try await store.remove(.aged([.init(before: Timestamp(microseconds: 15_000_000))]))
            let both = AgedHistory(through: 7, before: Timestamp(microseconds: 15_000_000), asOf: 8, epoch: 1)
            #expect(store.agedHistory == both)
            // It knows all by then.
            try await store.noteAged(AgedHistory(through: 90, before: .init(microseconds: 0), asOf: 90, epoch: 90))
            #expect(store.agedHistory == both)
            return both
        }
        try await StoreFixture.with(folder) { fixture in #expect(fixture.store.agedHistory == known) }
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
