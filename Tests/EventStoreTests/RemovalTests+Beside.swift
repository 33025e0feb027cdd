import DuckDB
import Foundation
import Model
import Testing

@testable import EventStore

/// What goes on beside a removal.
extension RemovalTests {
    @Test func exportsWaitForARemovalAndItForThem() async throws {
        try await StoreFixture.with(try TemporaryFolder(), settings: Self.settings) { fixture in
            try await fixture.apply(Self.items(200, seed: 2))
            let store = fixture.store
            try await Compactor(store: store, logger: Self.logger).compact(isFull: true)
            let ids = try await store.identitiesOfPersons(with: ["who-1-\(Self.secret(1))"]).map(\.id)
            let removing = try await store.withExportLane { lane, _ in
                let removing = Task { try await store.remove(.identities(ids)) }
                while !store.gate.isShut(.long) { await Task.yield() }
                // Still by the layout of before.
                let count = try await lane.run { try $0.row("SELECT count(*) FROM events")?[0].int }
                #expect(count != nil && store.erasureEpoch == 0)
                // A removal beside it is refused.
                await #expect(throws: StoreError.self) { try await store.remove(.identities(ids)) }
                return removing
            }
            let seen = try await store.withExportLane { lane, _ in
                try await lane.run { connection in
                    try connection.row(
                        "SELECT count(*) FROM events WHERE identity_id IN (\(ids.map(String.init).joined(separator: ",")))"
                    )?[0]
                    .int
                }
            }
            #expect(seen == 0)
            #expect(try await removing.value.allSatisfy { $0.verified })
        }
    }

    @Test func whoIsTiedMeanwhileIsNotForgotten() async throws {
        try await StoreFixture.with(try TemporaryFolder(), settings: Self.settings) { fixture in
            try await fixture.apply([event("a"), event("x"), event("b")])
            let store = fixture.store
            try await Compactor(store: store, logger: Self.logger).compact(isFull: true)
            let first = try await store.identitiesOfPersons(with: ["a"]).map(\.id)
            let removing = try await store.withExportLane { _, _ in
                let removing = Task { try await store.remove(.identities(first)) }
                while !store.gate.isShut(.long) { await Task.yield() }
                try await fixture.apply([alias("x", "a")])
                return removing
            }
            await #expect {
                try await removing.value
            } throws: {
                ($0 as? StoreError)?.code == .changed
            }
            let all = try await store.identitiesOfPersons(with: ["a"]).map(\.id)
            #expect(all == [1, 2])
            let copies = try await store.remove(.identities(all), isContinued: true)
            #expect(copies.allSatisfy { $0.verified })
            #expect(try await fixture.rows("SELECT identity_id FROM events") == ["3"])
            #expect(try await fixture.rows("SELECT identity FROM identities") == ["b"])
        }
    }

    @Test func theCompactorLeavesWhatIsReplacedToTheRemoval() async throws {
        let folder = try TemporaryFolder()
        try await StoreFixture.with(folder, settings: Self.settings) { fixture in
            let store = fixture.store
            let compactor = Compactor(store: store, logger: Self.logger)
            for round in 0..<8 {
                try await fixture.apply((0..<200).map { event("p\($0 % 20)", "E", id: "\(round)-\($0)") })
                try await compactor.compact(isFull: true)
                let ids = try await store.identitiesOfPersons(with: ["p\(round)"]).map(\.id)
                let version = store.layout.version
                let (removing, compacting) = try await store.withReadLane { _ in
                    let removing = Task { try await store.remove(.identities(ids)) }
                    // The old file has been replaced, and is still read.
                    while store.layout.version == version { await Task.yield() }
                    return (removing, Task { try await compactor.compact(isFull: false) })
                }
                let copies = try await removing.value
                #expect(copies.allSatisfy { $0.verified })
                try await compacting.value
                let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/cold").sorted()
                let named = store.layout.files.map { $0.name }.sorted()
                #expect(names == named)
            }
        }
    }
}
