import DuckDB
import Logging
import Model
import People
import Testing

@testable import EventStore

@Suite("What look-ups tell without the engine is what the engine says")
struct PersonIndexTests {
    private static func items(_ count: Int, _ random: inout SeededGenerator) -> [Item] {
        (0..<count).map { _ in
            let who = "id-\(Int.random(in: 0..<40, using: &random))"
            let second = Int64.random(in: 0..<9_000_000, using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0: return item(.alias, who, other: "id-\(Int.random(in: 0..<40, using: &random))", at: second)
            case 1: return item(.set, who, #"{"plan":"\#(second)"}"#, at: second)
            default: return item(.event, who, name: "Did", at: second)
            }
        }
    }

    /// Compares everybody that is known with the engine's answer; how many were known.
    private static func check(_ live: LiveStore) async throws -> Int {
        var (known, whole) = (0, 0)
        for number in 0..<41 {
            let identity = "id-\(number)"
            guard let found = live.store.known(identity: identity) else { continue }
            known += 1
            let engine = try await live.people.person(identity: identity)
            let told = try await live.store.readPinned { connection, pinned in
                try PeopleReader(connection, pinned).person(found)
            }
            #expect(told == engine, "\(identity)")
            if let person = Person(found) {
                whole += 1
                #expect(person == engine, "\(identity)")
            }
        }
        #expect(known == 0 || whole > 0)
        return known
    }

    @Test(arguments: [1, 2, 3])
    func agreesWhateverComes(seed: Int) async throws {
        try await LiveStore.with { live in
            var random = SeededGenerator(seed: seed)
            let compactor = Compactor(
                store: live.store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            #expect(live.store.known(identity: "id-1") == nil)
            var known = 0
            for round in 0..<12 {
                try await live.write(Self.items(Int.random(in: 1...40, using: &random), &random))
                if round % 3 == 1 { try await compactor.compact(isFull: true) }
                if round % 2 == 1 { try await live.store.indexPersons() }
                known += try await Self.check(live)
            }
            try await compactor.compact(isFull: true)
            try await live.store.indexPersons()
            #expect(try await Self.check(live) >= 20)
            #expect(known > 0)
        }
    }

    @Test func rowsAndTiesThatAreNewAreLeftToTheEngine() async throws {
        try await LiveStore.with { live in
            let compactor = Compactor(
                store: live.store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try await live.write([
                item(.event, "ann", name: "A", at: 1), item(.event, "bob", name: "A", at: 2),
                item(.event, "eve", name: "A", at: 3),
            ])
            try await live.store.indexPersons()
            #expect(live.store.known(identity: "ann")?.activity?.count == 1)
            try await compactor.compact(isFull: true)
            #expect(
                live.store.known(identity: "ann")?.activity
                    == PersonActivity(first: 1_000_000, last: 1_000_000, count: 1))
            try await live.write([item(.event, "ann", name: "A", at: 9)])
            #expect(live.store.known(identity: "ann") == nil)
            #expect(live.store.known(identity: "bob") != nil)
            try await live.store.indexPersons()
            #expect(live.store.known(identity: "ann")?.activity?.count == 2)
            try await live.write([item(.set, "ann", #"{"plan":"pro","a\"b":1.50}"#, at: 9)])
            try await live.store.indexPersons()
            #expect(live.store.known(identity: "ann")?.properties == .unknown)
            live.store.lookups.forget()
            try await live.store.indexPersons()
            #expect(
                live.store.known(identity: "ann")?.properties == .object(Array(#"{"a\"b":1.50,"plan":"pro"}"#.utf8)))
            try await live.write([item(.alias, "bob", other: "eve", at: 9)])
            #expect(live.store.known(identity: "bob") == nil && live.store.known(identity: "eve") == nil)
            try await live.store.indexPersons()
            #expect(live.store.known(identity: "eve")?.identities.map(\.text) == ["bob", "eve"])
            #expect(live.store.known(identity: "nobody") == nil)
        }
    }
}
