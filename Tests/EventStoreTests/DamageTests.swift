import DuckDB
import Foundation
import Journal
import Logging
import Model
import Testing

@testable import EventStore

@Suite("The applier stops loudly")
struct DamageTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A journal of ten frames of one event each.
    private func journal(_ folder: TemporaryFolder, segmentBytes: Int64 = 128 << 20) async throws {
        var options = JournalOptions(directory: folder.path + "/journal")
        options.segmentBytes = segmentBytes
        let journal = try Journal.open(options, logger: logger)
        for n in 1...10 {
            var submission = Submission()
            submission.add(event("person \(n)", "E\(n)", #"{"n":\#(n)}"#))
            _ = try await journal.append(submission)
        }
        await journal.close()
    }

    private func segments(_ folder: TemporaryFolder) throws -> [URL] {
        let files = try FileManager.default.contentsOfDirectory(
            at: URL(fileURLWithPath: folder.path + "/journal"), includingPropertiesForKeys: nil)
        return files.filter { (try? Data(contentsOf: $0))?.range(of: Data("person ".utf8)) != nil }
            .sorted { $0.path < $1.path }
    }

    @Test func atADamagedFrameAndSkipsNothing() async throws {
        let folder = try TemporaryFolder()
        try await journal(folder)
        let file = try #require(try segments(folder).first)
        var bytes = try Data(contentsOf: file)
        let place = try #require(bytes.range(of: Data("person 4".utf8))).lowerBound
        bytes[place] ^= 1
        try bytes.write(to: file)
        let store = try EventStore.open(directory: folder.path, settings: StoreSettings(), logger: logger)
        let opened = try Journal.open(JournalOptions(directory: folder.path + "/journal"), logger: logger)
        let error = await #expect(throws: StoreError.self) {
            try await Applier(store: store, journal: opened, logger: logger).run()
        }
        #expect(error?.code == .damaged)
        #expect(store.applierState == .stopped(error?.message ?? ""))
        #expect(store.appliedSeq < 4)
        #expect(try await store.read { try texts($0, "SELECT count(*) FROM events WHERE seq > 3") } == ["0"])
        let waited = await #expect(throws: StoreError.self) {
            try await store.waitForApplied(5, timeout: .seconds(300))
        }
        #expect(waited?.code == .stopped)
        let status = try await store.status(durableSeq: 10, now: JournalOptions.systemClock())
        #expect(status.lastError == error)
        await opened.close()
        try await store.close()
    }

    @Test func whenWhatFollowsIsNoLongerInTheJournal() async throws {
        let folder = try TemporaryFolder()
        try await journal(folder, segmentBytes: 400)
        let files = try segments(folder)
        #expect(files.count > 2)
        try FileManager.default.removeItem(at: try #require(files.first))
        let store = try EventStore.open(directory: folder.path, settings: StoreSettings(), logger: logger)
        let opened = try Journal.open(JournalOptions(directory: folder.path + "/journal"), logger: logger)
        let error = await #expect(throws: StoreError.self) {
            try await Applier(store: store, journal: opened, logger: logger).run()
        }
        #expect(error?.code == .behind)
        #expect(store.applierState == .stopped(error?.message ?? ""))
        #expect(store.appliedSeq == 0)
        await opened.close()
        try await store.close()
    }

    @Test func atAnEngineThatRefusesItTriesAgain() async throws {
        let folder = try TemporaryFolder()
        try await StoreFixture.with(folder) { fixture in
            try await fixture.apply([event("a")])
            // A column that the rows do not fit into: every try fails until it is as before.
            try await fixture.store.writing { try $0.execute("ALTER TABLE events_1 RENAME TO elsewhere") }
            let seq = try await fixture.append([event("b")])
            let error = await #expect(throws: StoreError.self) {
                // Looked at until the applier has tried, however slow the machine is.
                while true {
                    do { try await fixture.store.waitForApplied(seq, timeout: .milliseconds(100)) } catch {
                        if case .retrying = fixture.store.applierState { throw error }
                    }
                }
            }
            #expect(error?.code == .lagging)
            try await fixture.store.writing { try $0.execute("ALTER TABLE elsewhere RENAME TO events_1") }
            try await fixture.store.waitForApplied(seq, timeout: .seconds(300))
            #expect(try await fixture.rows("SELECT seq, identity_id FROM events") == ["1|1", "2|2"])
            #expect(fixture.store.applierState == .following)
        }
    }
}
