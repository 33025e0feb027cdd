import DuckDB
import Foundation
import Logging
import Model
import Testing

@testable import EventStore

@Suite("Cold files hold the same rows")
struct ColdTests {
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Small enough that few rows make many files.
    static var settings: StoreSettings {
        var settings = StoreSettings()
        settings.hotRows = 40
        settings.monthRows = 15
        settings.partRows = 25
        return settings
    }

    /// Items of every kind, spread over two years and a few stray times.
    static func items(_ count: Int, seed: Int) -> [Item] {
        var random = SeededGenerator(seed: seed)
        return DeterminismTests.items(count, seed: seed).map { item in
            var item = item
            let second =
                Int.random(in: 0..<20, using: &random) == 0
                ? Int64.random(in: -3_000_000_000...4_000_000_000, using: &random)
                : Int64.random(in: 1_700_000_000...1_760_000_000, using: &random)
            item.timestamp = Timestamp(microseconds: second * 1_000_000)
            return item
        }
    }

    private static let all = RowTable.allCases.map { table in
        "SELECT '\(table.rawValue)', * FROM \(table.rawValue) ORDER BY seq"
            + (table == .propertyChanges ? ", name" : "")
    }

    static func rows(_ store: EventStore) async throws -> [String] {
        try await store.read { connection in try all.flatMap { try texts(connection, $0) } }
    }

    /// What every file must keep to.
    static func check(_ store: EventStore) async throws {
        let layout = store.layout
        for file in layout.files {
            let contents = file.contents
            let found = try await store.read { connection in
                try RowTable.allCases.map { table in
                    let name = Layout.Source.file(file).name(table)
                    let stored = try texts(connection, "SELECT * FROM \(name)")
                    let sorted = try texts(connection, "SELECT * FROM \(name) ORDER BY \(table.storageOrder)")
                    #expect(stored == sorted, "\(file.name) is in order")
                    return try #require(
                        try connection.row(
                            """
                            SELECT count(*), coalesce(min(seq), \(contents.seqs.lowerBound)),
                                coalesce(max(seq), \(contents.seqs.lowerBound)),
                                coalesce(min(identity_id), \(contents.identities.lowerBound)),
                                coalesce(max(identity_id), \(contents.identities.lowerBound)) FROM \(name)
                            """)
                    ).map { $0.int ?? -1 }
                }
            }
            #expect(found.map { $0[0] } == [contents.events, contents.changes])
            #expect(found.map { $0[1] }.min() == contents.seqs.lowerBound)
            #expect(found.map { $0[2] }.max() == contents.seqs.upperBound)
            #expect(found.map { $0[3] }.min() == contents.identities.lowerBound)
            #expect(found.map { $0[4] }.max() == contents.identities.upperBound)
        }
        let months = Dictionary(grouping: layout.files.filter { $0.month != nil }, by: \.month).mapValues(ColdRun.runs)
        #expect(months.values.allSatisfy { $0.count <= CompactionPlan.mostOfMonth })
        for run in ColdRun.runs(layout.files) {
            let all = run.files.map(\.contents.identities)
            #expect(
                zip(all, all.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound },
                "nobody is in two files of a run")
            #expect(Set(run.files.map(\.tier)).count == 1 && run.files.count <= ColdRun.mostParts)
        }
        let names = try ColdFolder(project: String(store.path.dropLast("/hot.duckdb".count))).names().sorted()
        #expect(names == layout.files.map(\.name).sorted(), "no file is left that nobody names")
    }

    @Test(arguments: 0..<3)
    func whateverIsCompactedWhen(seed: Int) async throws {
        let folder = try TemporaryFolder()
        let plain = try TemporaryFolder()
        let items = Self.items(900, seed: seed)
        let expected = try await StoreFixture.with(plain) { fixture in
            try await fixture.apply(items)
            return try await Self.rows(fixture.store)
        }
        try await StoreFixture.with(folder, settings: Self.settings) { fixture in
            let compactor = Compactor(store: fixture.store, logger: Self.logger)
            for start in stride(from: 0, to: items.count, by: 60) {
                try await fixture.apply(Array(items[start..<min(start + 60, items.count)]))
                try await compactor.compact(isFull: false)
            }
            #expect(fixture.store.layout.files.contains { $0.month != nil })
            try await compactor.compact(isFull: false)
            #expect(try await Self.rows(fixture.store) == expected)
            try await Self.check(fixture.store)
            try await compactor.compact(isFull: true)
            #expect(try await Self.rows(fixture.store) == expected)
            try await Self.check(fixture.store)
            #expect(fixture.store.layout.generations.count == 1)
            let runs = ColdRun.runs(fixture.store.layout.files.filter { $0.month != nil })
            #expect(Set(runs.map(\.files[0].month)).count == runs.count, "a month has one run")
            #expect(runs.contains { $0.files.count > 1 })
        }
        // And after a start.
        try await StoreFixture.with(folder, settings: Self.settings) { fixture in
            #expect(try await Self.rows(fixture.store) == expected)
            try await Self.check(fixture.store)
        }
    }

    @Test func aReaderKeepsWhatItReads() async throws {
        try await StoreFixture.with(try TemporaryFolder(), settings: Self.settings) { fixture in
            try await fixture.apply(Self.items(300, seed: 7))
            let store = fixture.store
            let expected = try await Self.rows(store)
            let compactor = Compactor(store: store, logger: Self.logger)
            try await store.withExportLane { lane, layout in
                try await compactor.compact(isFull: true)
                #expect(store.layout.version > layout.version)
                // By the old layout, whose tables and files are still there.
                let seen = try await lane.run { connection in try Self.all.flatMap { try texts(connection, $0) } }
                #expect(seen == expected)
            }
            try await compactor.compact(isFull: false)
            try await Self.check(store)
            #expect(try await store.read { try Generations.rows(store.layout.active, $0) } == 0)
            let tables = try await fixture.rows("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'events%'")
            #expect(Int(tables[0]) == 1 + store.layout.files.count)
        }
    }

    @Test func whatACrashLeavesIsRemovedAndWhatIsNamedMustBeThere() async throws {
        let folder = try TemporaryFolder()
        let expected = try await StoreFixture.with(folder, settings: Self.settings) { fixture in
            try await fixture.apply(Self.items(200, seed: 3))
            try await Compactor(store: fixture.store, logger: Self.logger).compact(isFull: true)
            // As after the switch to a file and before its generation was dropped.
            try await fixture.store.writing { connection in
                try connection.execute(
                    Generations.tables(900) + "INSERT INTO events_900 VALUES (1,'',1,'',now(),now(),'')")
            }
            return try await Self.rows(fixture.store)
        }
        let cold = folder.path + "/cold"
        for name in ["new-77.tmp", "new-77.tmp.wal", "2026-01-t1-9.duckdb"] {
            try Data("half".utf8).write(to: URL(fileURLWithPath: cold + "/" + name))
        }
        try await StoreFixture.with(folder, settings: Self.settings) { fixture in
            #expect(try await Self.rows(fixture.store) == expected)
            try await Self.check(fixture.store)
            #expect(
                try await fixture.rows("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'events_900'") == ["0"])
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: cold).sorted()
        try FileManager.default.removeItem(atPath: cold + "/" + (try #require(names.first)))
        let error = #expect(throws: StoreError.self) {
            try EventStore.open(directory: folder.path, settings: Self.settings, logger: Self.logger)
        }
        #expect(error?.code == .files)
        #expect(error?.message.contains(names[0]) == true)
    }
}
