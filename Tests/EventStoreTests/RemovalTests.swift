import DuckDB
import Foundation
import Logging
import Model
import Testing

@testable import EventStore

@Suite("What is removed is gone from every file")
struct RemovalTests {
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static var settings: StoreSettings {
        var settings = StoreSettings()
        settings.hotRows = 40
        settings.monthRows = 15
        settings.partRows = 25
        return settings
    }

    /// A text that is in no file by chance.
    static func secret(_ person: Int) -> String { "secretkween\(person)zq" }

    /// Events, changes, aliases, undos and rejects of twenty persons with unlikely texts in them, over two years.
    static func items(_ count: Int, seed: Int) -> [Item] {
        var random = SeededGenerator(seed: seed)
        return (1...count).map { seq in
            let person = Int.random(in: 0..<20, using: &random)
            let who = "who-\(person)-\(secret(person))"
            let properties = #"{"n":\#(seq),"value":"v-\#(secret(person))-\#(seq)"}"#
            var item =
                switch Int.random(in: 0..<12, using: &random) {
                case 0..<6: event(who, "Seen", properties, id: "e\(seq)")
                case 6..<8: kissmetrics(who, "Called", properties)
                case 8: item(.set, who, properties)
                case 9: alias(who, "other-\(Int.random(in: 0..<40, using: &random))")
                case 10: undo(Int64.random(in: 1...Int64(seq), using: &random))
                default: item(.reject, name: "no good", #"{"identity":"\#(who)"}"#)
                }
            item.timestamp = Timestamp(
                microseconds: Int64.random(in: 1_700_000_000...1_760_000_000, using: &random) * 1_000_000)
            return item
        }
    }

    /// The rows of every table but those of which `goes` holds.
    private static func rows(_ store: EventStore, without ids: [Int64]) async throws -> [String] {
        let list = ids.isEmpty ? "NULL" : ids.map(String.init).joined(separator: ",")
        return try await store.read { connection in
            var all: [String] = []
            for table in ["events", "property_changes", "identities"] {
                let order = table == "identities" ? "identity_id" : table == "events" ? "seq" : "seq, name"
                let kept = "WHERE NOT coalesce(identity_id IN (\(list)), false)"
                all += try texts(connection, "SELECT '\(table)', * FROM \(table) \(kept) ORDER BY \(order)")
            }
            all += try texts(
                connection,
                """
                SELECT 'aliases', * FROM aliases WHERE NOT coalesce(identity_id IN (\(list)) OR other_id IN (\(list)), false)
                ORDER BY seq
                """)
            return all + (try texts(connection, "SELECT 'names', * FROM names ORDER BY rowid"))
        }
    }

    /// The store's files in which a text is.
    private static func files(with text: String, in folder: TemporaryFolder) throws -> [String] {
        let wanted = Data(text.utf8)
        return try FileManager.default.subpathsOfDirectory(atPath: folder.path)
            .filter { !$0.hasPrefix("journal") }
            .filter { FileManager.default.contents(atPath: folder.path + "/" + $0)?.range(of: wanted) != nil }
    }

    @Test(arguments: 0..<4)
    func personsAreGoneAndAllOthersAreAsBefore(seed: Int) async throws {
        var random = SeededGenerator(seed: 900 + seed)
        let folder = try TemporaryFolder()
        let items = Self.items(700, seed: seed)
        let erased = (0..<20).shuffled(using: &random).prefix(3)
        let (expected, ids) = try await StoreFixture.with(folder, settings: Self.settings) { fixture in
            let store = fixture.store
            let compactor = Compactor(store: store, logger: Self.logger)
            for start in stride(from: 0, to: items.count, by: 100) {
                try await fixture.apply(Array(items[start..<min(start + 100, items.count)]))
                if Bool.random(using: &random) { try await compactor.compact(isFull: Bool.random(using: &random)) }
            }
            try await store.writing { try $0.execute("CHECKPOINT") }
            for person in erased { #expect(try !Self.files(with: Self.secret(person), in: folder).isEmpty) }
            let targets = try await store.identitiesOfPersons(
                with: erased.map { "who-\($0)-\(Self.secret($0))" } + ["nobody"])
            let ids = targets.map(\.id)
            #expect(ids.count >= erased.count)
            let expected = try await Self.rows(store, without: ids)
            let noted = Noted()
            let gone = Set(
                try await fixture.rows(
                    "SELECT seq FROM events WHERE identity_id IN (\(ids.map(String.init).joined(separator: ",")))"
                ).compactMap { Int64($0) })
            let secrets = targets.map(\.text)
            let copies = try await store.remove(
                .identities(ids), rejects: { raw in secrets.contains { raw.contains($0) } }
            ) { noted.items.append($0) }
            #expect(copies.allSatisfy { $0.verified && $0.rows >= 0 })
            #expect(copies.contains { $0.kind == .hot && $0.rows > 0 })
            #expect(copies.contains { $0.kind == .rejects && $0.rows > 0 })
            #expect(noted.items.count == 2 && gone.isSubset(of: noted.items[1].seqs))
            #expect(noted.items[1].copies.map(\.rows).reduce(0, +) == copies.map(\.rows).reduce(0, +))
            #expect(noted.items[1].through == Int64(items.count))
            #expect(store.erasureEpoch == 1)
            #expect(try await Self.rows(store, without: []) == expected)
            for person in erased { #expect(try Self.files(with: Self.secret(person), in: folder) == []) }
            // Everybody else's are still there to be found by such a search.
            let others = (0..<20).filter { !erased.contains($0) }
            #expect(try others.contains { try !Self.files(with: Self.secret($0), in: folder).isEmpty })
            // Again: nothing is left to do.
            let again = try await store.remove(
                .identities(ids), rejects: { raw in secrets.contains { raw.contains($0) } })
            #expect(again.allSatisfy { $0.verified && $0.rows == 0 } && again.count == 3)
            return (expected, ids)
        }
        try await StoreFixture.with(folder, settings: Self.settings) { fixture in
            #expect(try await Self.rows(fixture.store, without: []) == expected)
            #expect(fixture.store.erasureEpoch == 1)
            // Who comes back is somebody new.
            let who = "who-\(erased[0])-\(Self.secret(erased[0]))"
            try await fixture.apply([event(who, "Back")])
            let back = try await fixture.store.identitiesOfPersons(with: [who])
            #expect(back.count == 1 && !ids.contains(back[0].id) && back[0].id > (ids.max() ?? 0))
            try await Compactor(store: fixture.store, logger: Self.logger).compact(isFull: true)
            #expect(try await Self.rows(fixture.store, without: back.map(\.id)).count == expected.count + 1)
        }
    }

    @Test func theApplierKnowsThatSomebodyIsGone() async throws {
        try await StoreFixture.with(try TemporaryFolder(), settings: Self.settings) { fixture in
            try await fixture.apply([event("a"), event("b"), event("a")])
            let before = try await fixture.store.identitiesOfPersons(with: ["a"])
            _ = try await fixture.store.remove(.identities(before.map(\.id)))
            try await fixture.apply([event("a"), event("b")])
            let after = try await fixture.store.identitiesOfPersons(with: ["a"])
            #expect(before.map(\.id) == [1] && after.map(\.id) == [3])
            #expect(
                try await fixture.rows("SELECT seq, identity_id FROM events ORDER BY seq") == ["2|2", "4|3", "5|2"])
        }
    }

    @Test func whatComesInMeanwhileIsStored() async throws {
        try await StoreFixture.with(try TemporaryFolder(), settings: Self.settings) { fixture in
            try await fixture.apply(Self.items(300, seed: 5))
            let store = fixture.store
            let ids = try await store.identitiesOfPersons(with: ["who-3-\(Self.secret(3))"]).map(\.id)
            let compactor = Compactor(store: store, logger: Self.logger)
            async let removed = store.remove(.identities(ids))
            async let compacted: Void = compactor.compact(isFull: true)
            for n in 0..<30 {
                try await fixture.apply((0..<10).map { event("new-\($0)", "During", id: "d\(n)-\($0)") })
                let count = try await fixture.rows("SELECT count(*) FROM events WHERE event = 'During'")
                #expect(count == ["\((n + 1) * 10)"])
            }
            #expect(try await removed.allSatisfy { $0.verified })
            try await compacted
            let left = try await fixture.rows(
                "SELECT count(*) FROM events WHERE identity_id IN (\(ids.map(String.init).joined(separator: ",")))")
            #expect(left == ["0"])
        }
    }

    @Test func whatIsOldGoesAndNewestValuesStay() async throws {
        let folder = try TemporaryFolder()
        try await StoreFixture.with(folder, settings: Self.settings) { fixture in
            func at(_ second: Int64, _ item: Item) -> Item {
                var item = item
                item.timestamp = Timestamp(microseconds: second * 1_000_000)
                return item
            }
            try await fixture.apply([
                at(100, event("a", "Old", #"{"value":"goesaway"}"#)), at(100, event("a", "Kept")),
                at(100, item(.set, "a", #"{"plan":"goesaway","city":"stays"}"#)),
                at(250, item(.set, "a", #"{"plan":"pro"}"#)),
                at(300, event("a", "Old")), at(150, event("a", "Loud", #"{"value":"goesaway"}"#)),
                at(350, event("a", "Loud")),
            ])
            try await Compactor(store: fixture.store, logger: Self.logger).compact(isFull: true)
            let aged = Removal.aged([
                .init(before: Timestamp(microseconds: 120_000_000)),
                .init(before: Timestamp(microseconds: 200_000_000), event: "Loud"),
            ])
            let copies = try await fixture.store.remove(aged)
            #expect(copies.allSatisfy { $0.verified } && copies.contains { $0.kind == .cold && $0.rows == 4 })
            #expect(try await fixture.rows("SELECT event, seq FROM events ORDER BY seq") == ["Old|5", "Loud|7"])
            let changes = try await fixture.rows("SELECT name, value FROM property_changes ORDER BY seq, name")
            #expect(changes == [#"city|"stays""#, #"plan|"pro""#])
            #expect(try await fixture.rows("SELECT count(*) FROM identities") == ["1"])
            #expect(try Self.files(with: "goesaway", in: folder) == [])
        }
    }
}

/// What a removal told. It tells one thing after the other.
private final class Noted: @unchecked Sendable {
    var items: [RemovedItems] = []
}
