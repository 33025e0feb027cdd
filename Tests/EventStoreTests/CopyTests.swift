import DuckDB
import Foundation
import Logging
import Model
import Testing

@testable import EventStore

@Suite("A copy of the store is the store at one moment")
struct CopyTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static var settings: StoreSettings {
        var settings = StoreSettings()
        settings.hotRows = 60
        settings.monthRows = 15
        settings.partRows = 25
        return settings
    }

    /// Every row of every table, in the order in which they lie.
    private static func rows(_ store: EventStore) async throws -> [String] {
        try await store.read { connection in
            try (Schema.tableNames + ["state", "generations", "cold_files"]).flatMap { table in
                try texts(connection, "SELECT '\(table)', * FROM \(table)")
            }
        }
    }

    /// A folder with a copy and the cold files that it names.
    private static func copy(
        _ store: EventStore, _ beforeLinking: () async throws -> Void = {}
    ) async throws -> (TemporaryFolder, StoreCopy) {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path + "/cold", withIntermediateDirectories: true)
        let made = try await store.withCopy(at: folder.path + "/hot.duckdb") { copy in
            try await beforeLinking()
            for name in copy.coldFiles {
                try FileManager.default.linkItem(
                    atPath: store.scratchFolder + "/" + name, toPath: folder.path + "/cold/" + name)
            }
            return copy
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["cold", "hot.duckdb"])
        return (folder, made)
    }

    @Test(arguments: 0..<3)
    func rowForRow(seed: Int) async throws {
        let items = DeterminismTests.items(700, seed: seed)
        try await StoreFixture.with(try TemporaryFolder(), settings: Self.settings) { fixture in
            try await fixture.apply(Array(items[..<400]))
            let compactor = Compactor(store: fixture.store, logger: Self.logger)
            try await compactor.compact(isFull: seed == 0)
            try await fixture.apply(Array(items[400..<500]))
            let expected = try await Self.rows(fixture.store)
            // What comes later, and a compaction that takes the files away, change nothing.
            let (folder, made) = try await Self.copy(fixture.store) {
                try await fixture.apply(Array(items[500...]))
                try await compactor.compact(isFull: true)
            }
            #expect(made.appliedSeq < fixture.store.appliedSeq && made.erasureEpoch == 0)
            #expect(!made.coldFiles.isEmpty)
            let opened = try EventStore.open(directory: folder.path, settings: Self.settings, logger: Self.logger)
            #expect(opened.appliedSeq == made.appliedSeq)
            #expect(try await Self.rows(opened) == expected)
            let index = "SELECT count(*) FROM duckdb_indexes() WHERE index_name = 'identities_by_text'"
            #expect(try await opened.read { try texts($0, index) } == ["1"])
            try await opened.close()
        }
    }

    @Test func whereTheCopyCannotBeWrittenTheStoreGoesOn() async throws {
        try await StoreFixture.with(try TemporaryFolder()) { fixture in
            try await fixture.apply(DeterminismTests.items(300, seed: 9))
            await #expect(throws: (any Error).self) {
                try await fixture.store.withCopy(at: "/dev/full/hot.duckdb") { _ in }
            }
            try await fixture.apply(DeterminismTests.items(300, seed: 10))
            let (folder, made) = try await Self.copy(fixture.store)
            #expect(made.appliedSeq == fixture.store.appliedSeq)
            withExtendedLifetime(folder) {}
        }
    }
}
