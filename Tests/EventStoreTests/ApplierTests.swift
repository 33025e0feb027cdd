import DuckDB
import Foundation
import Journal
import Logging
import Model
import Testing

@testable import EventStore

@Suite("The applier moves the journal into the store")
struct ApplierTests {
    @Test func anItemIsReadableOnceItsSeqIsApplied() async throws {
        let folder = try TemporaryFolder()
        try await StoreFixture.with(folder) { fixture in
            try await fixture.apply([
                event("ann", "Signed Up", #"{"plan":"pro","n":1.50}"#, id: "e1"),
                item(.set, "ann", #"{"plan":"pro","age":30}"#, at: 1),
                item(.reject, name: "too old", "raw \u{1}", wire: .kissmetrics),
            ])
            #expect(
                try await fixture.rows("SELECT seq, event_id, identity_id, event, properties FROM events") == [
                    #"1|e1|1|Signed Up|{"plan":"pro","n":1.50}"#
                ])
            #expect(
                try await fixture.rows("SELECT seq, identity_id, name, value FROM property_changes") == [
                    "2|1|age|30", #"2|1|plan|"pro""#,
                ])
            #expect(try await fixture.rows("SELECT * FROM identities") == ["1|ann|1|-|1"])
            let rejects = try await fixture.store.rejects(limit: 10)
            #expect(rejects.map(\.reason) == ["too old"])
            #expect(rejects.map(\.raw) == ["raw \u{1}"])
            #expect(rejects.map(\.wire) == ["kissmetrics"])
            #expect(try await fixture.store.eventNames() == [StoredName(name: "Signed Up", firstSeq: 1)])
            #expect(try await fixture.store.propertyNames().map(\.name) == ["plan", "age"])
            #expect(try await fixture.store.existingEventIDs(["e1", "e2"]) == ["e1"])
            #expect(try await fixture.store.existingEventIDs(["e1"], upTo: 0).isEmpty)
        }
    }

    @Test func aRestartGoesOnWhereTheStoreIs() async throws {
        let folder = try TemporaryFolder()
        for round in 0..<4 {
            // Odd rounds end without a checkpoint, as a crash does.
            try await StoreFixture.with(folder, closing: round % 2 == 0) { fixture in
                try await fixture.apply((0..<10).map { event("p\(round)-\($0 % 3)", "E\(round)") })
                #expect(
                    try await fixture.rows("SELECT count(*), count(DISTINCT seq), max(seq) FROM events") == [
                        "\(round * 10 + 10)|\(round * 10 + 10)|\(round * 10 + 10)"
                    ])
                #expect(
                    try await fixture.rows("SELECT count(*), max(identity_id) FROM identities") == [
                        "\(round * 3 + 3)|\(round * 3 + 3)"
                    ])
                #expect(try await fixture.store.eventNames().count == round + 1)
            }
        }
    }

    @Test func whatWasNotAppliedBeforeTheEndIsAppliedAfterTheStart() async throws {
        let folder = try TemporaryFolder()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let journal = try Journal.open(JournalOptions(directory: folder.path + "/journal"), logger: logger)
        for n in 0..<20 {
            var submission = Submission()
            for i in 0..<50 { submission.add(event("p\(i)", "E", #"{"n":\#(n)}"#)) }
            _ = try await journal.append(submission)
        }
        await journal.close()
        var settings = StoreSettings()
        settings.batchItems = 33
        try await StoreFixture.with(folder, settings: settings) { fixture in
            try await fixture.store.waitForApplied(1_000, timeout: .seconds(300))
            #expect(
                try await fixture.rows("SELECT count(*), count(DISTINCT seq), max(seq) FROM events") == [
                    "1000|1000|1000"
                ])
            #expect(try await fixture.rows("SELECT bool_and(seq = rowid + 1) FROM events_1") == ["true"])
        }
    }

    @Test func nobodyHasToWaitForAnItemToBecomeVisible() async throws {
        let folder = try TemporaryFolder()
        try await StoreFixture.with(folder) { fixture in
            let seq = try await fixture.append([event("ann")])
            let clock = ContinuousClock()
            let start = clock.now
            while fixture.store.appliedSeq < seq, clock.now - start < .seconds(300) { await Task.yield() }
            #expect(fixture.store.appliedSeq == seq)
        }
    }

    @Test func waitingForAnItemThatIsNotThereSaysWhatIsMissing() async throws {
        let folder = try TemporaryFolder()
        try await StoreFixture.with(folder) { fixture in
            try await fixture.apply([event("ann")])
            let error = await #expect(throws: StoreError.self) {
                try await fixture.store.waitForApplied(8, timeout: .milliseconds(20))
            }
            #expect(error?.code == .lagging)
            #expect(error?.isTransient == true)
            #expect(error?.message.contains("reached the item 1 and 8 was asked for: 7 items") == true)
        }
    }

    @Test func aCancelledWaitEnds() async throws {
        let folder = try TemporaryFolder()
        try await StoreFixture.with(folder) { fixture in
            let store = fixture.store
            await withTaskGroup(of: StoreError.Code?.self) { group in
                group.addTask {
                    do throws(StoreError) {
                        try await store.waitForApplied(5, timeout: .seconds(300))
                        return nil
                    } catch {
                        return error.code
                    }
                }
                group.cancelAll()
                #expect(await group.next() == .cancelled)
            }
        }
    }

    @Test func theStatusSaysWhereTheStoreIs() async throws {
        let folder = try TemporaryFolder()
        try await StoreFixture.with(folder) { fixture in
            try await fixture.apply([event("ann"), event("bob"), item(.set, "ann", #"{"a":1,"b":2}"#)])
            let now = Timestamp(microseconds: JournalOptions.systemClock().microseconds + 2_000_000)
            let status = try await fixture.store.status(durableSeq: 5, now: now)
            #expect(status.appliedSeq == 3)
            #expect(status.lagItems == 2)
            #expect(status.lagSeconds >= 2)
            #expect(status.state == .following)
            #expect(status.lastError == nil)
            #expect(status.rows["events"] == 2)
            #expect(status.rows["identities"] == 2)
            #expect(status.rows["property_changes"] == 2)
            #expect(status.fileBytes > 0)
            let even = try await fixture.store.status(durableSeq: 3, now: now)
            #expect(even.lagItems == 0 && even.lagSeconds == 0)
        }
    }

    @Test func aNumberThatTheJournalLeftOutIsReached() async throws {
        let folder = try TemporaryFolder()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let before = try Journal.open(JournalOptions(directory: folder.path + "/journal"), logger: logger)
        var first = Submission()
        first.add(event("ann"))
        _ = try await before.append(first)
        await before.close()
        let journal = try Journal.open(
            JournalOptions(directory: folder.path + "/journal", seqFloor: 100), logger: logger)
        let store = try EventStore.open(directory: folder.path, settings: StoreSettings(), logger: logger)
        async let running: Void = Applier(store: store, journal: journal, logger: logger).run()
        try await store.waitForApplied(journal.durableSeq, timeout: .seconds(300))
        let seq = try await journal.append(first).watermark
        #expect(seq == 101)
        try await store.waitForApplied(seq, timeout: .seconds(300))
        #expect(try await store.read { try texts($0, "SELECT seq FROM events") } == ["1", "101"])
        await journal.close()
        try await running
        try await store.close()
    }

    @Test func rowsThatNobodyReadToTheirEndHoldUpNoCheckpoint() async throws {
        let folder = try TemporaryFolder()
        try await StoreFixture.with(folder) { fixture in
            try await fixture.apply((0..<5_000).map { event("p\($0)") })
            // A stream that is left after its first row, on a reader and on an export's lane.
            let first = try await fixture.store.read { try $0.row("SELECT seq FROM events")?[0].int }
            let lent = try await fixture.store.withExportLane { lane, _ in
                try await lane.run { try $0.row("SELECT seq FROM events")?[0].int }
            }
            #expect(first == 1 && lent == 1)
            try await fixture.apply([event("later")])
            try await fixture.store.writing { try $0.execute("CHECKPOINT") }
            let status = try await fixture.store.status(durableSeq: 5_001, now: JournalOptions.systemClock())
            #expect(status.logBytes == 0)
        }
    }

    @Test func aStoreOfANewerProgramIsRefused() async throws {
        let folder = try TemporaryFolder()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let store = try EventStore.open(directory: folder.path, settings: StoreSettings(), logger: logger)
        try await store.writing {
            try $0.execute("UPDATE state SET value = \(Schema.version + 1) WHERE key = 'format_version'")
        }
        try await store.close()
        let error = #expect(throws: StoreError.self) {
            try EventStore.open(directory: folder.path, settings: StoreSettings(), logger: logger)
        }
        #expect(error?.code == .newerFormat)
        #expect(error?.message.contains("has the format 4, and this program reads up to 3") == true)
    }

    @Test func aClosedStoreSaysSo() async throws {
        let folder = try TemporaryFolder()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let store = try EventStore.open(directory: folder.path, settings: StoreSettings(), logger: logger)
        try await store.close()
        try await store.close()
        let error = await #expect(throws: StoreError.self) { try await store.read { try $0.execute("SELECT 1") } }
        #expect(error?.code == .closed)
    }
}
