import Connectors
import EventStore
import Foundation
import GRDB
import Journal
import Logging
import Model
import Synchronization
import Testing

@testable import Triggers
@testable import Webhooks

@Suite("Timers that ask what must still be so")
struct AskingTests {
    /// Has no answer to one question, until it is mended; others name what is gone.
    private final class Broken: SegmentSource {
        let isMended = Atomic<Bool>(false)

        func segments(at moment: Timestamp) async throws -> [NamedSegment] { [] }

        func condition(
            _ json: JSONValue, path: String, at moment: Timestamp
        ) async throws -> (tree: Condition, fixed: JSONValue) {
            guard json["person"] == "gone" || isMended.load(ordering: .relaxed) else {
                throw WebhookError(.conflict, "it is busy")
            }
            throw QueryError(.invalidCondition, at: path, "it is gone")
        }
    }

    private static func wait(
        _ outbox: Outbox, _ endpoint: EndpointRecord, still: String?, of identities: [String]
    ) async throws -> TriggerRecord {
        let asks = still.map { #","still":{"person":"\#($0)","is":"free"}"# } ?? ""
        let when = #"{"event":"A\#(still ?? "")","absent":{"event":"B","within":"30m"}\#(asks)}"#
        let made = try await outbox.store.create(
            TriggerDraft(name: "t", when: try JSONValue(text: when), actions: [.endpoint(endpoint.id)]), project: "p",
            by: "k", now: outbox.now, durable: { 0 })
        let live = try await outbox.store.live()
        var work = TriggerWork(triggers: try #require(live.triggers["p"]))
        for (place, identity) in identities.enumerated() {
            var item = TriggerItem(
                kind: .event, seq: Int64(place + 1), identity: identity, eventID: "e\(place)",
                name: "A\(still ?? "")", at: outbox.now, receivedAt: outbox.now, properties: Array("{}".utf8))
            if item.match(work.triggers.rules) { work.items.append(item) }
        }
        var ledger = LedgerWork()
        ledger.batches = [
            OutboxBatch(project: "p", change: live.change, messages: [], checkpoint: nil, triggers: work)
        ]
        _ = try await outbox.store.cycle(ledger, now: outbox.now)
        return made
    }

    private static func open(_ trigger: TriggerRecord, _ outbox: Outbox) async throws -> JSONValue? {
        try await outbox.store.health(trigger, now: outbox.now)["open"]
    }

    /// Asks again and again until it is so: what is waited for is work, not time.
    private static func until(_ isSo: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(120)
        while try await !isSo() {
            guard .now < end else { throw WebhookError(.conflict, "it never came") }
            await Task.yield()
        }
    }

    @Test("One whose question has no answer keeps neither what asks nothing nor what asks another")
    func broken() async throws {
        let outbox = try Outbox()
        let folder = outbox.path + ".folder"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try FileManager.default.createDirectory(atPath: folder + "/store", withIntermediateDirectories: true)
        let journal = try Journal.open(JournalOptions(directory: folder + "/journal"), logger: logger)
        let store = try EventStore.open(directory: folder + "/store", settings: StoreSettings(), logger: logger)
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        let many = try await Self.wait(
            outbox, endpoint, still: "broken", of: (0..<TriggerWork.mostTimers + 20).map { "u\($0)" })
        let gone = try await Self.wait(outbox, endpoint, still: "gone", of: ["bob"])
        let plain = try await Self.wait(outbox, endpoint, still: nil, of: ["ann"])
        try await outbox.store.seed([], project: "p", now: outbox.now, doneAt: 0)
        let http = FakeHTTP { _ in OutboundResult(answer: OutboundAnswer(status: 200)) }
        let sender = Sender(
            store: outbox.store, http: http, clock: { outbox.now }, chance: { 0.5 }, logger: logger)
        let segments = Broken()
        outbox.advance(1_801)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sender.run() }
            let follower = EventFollower(
                project: "p", journal: journal, store: store, sender: sender, segments: segments, logger: logger)
            let following = Task { await follower.run() }
            defer {
                following.cancel()
                sender.stop()
            }
            try await Self.until { http.requests.count == 1 }
            try await Self.until { try await Self.open(gone, outbox) == 0 }
            #expect(try await Self.open(plain, outbox) == 0)
            #expect(try await Self.open(many, outbox) == JSONValue(Int64(TriggerWork.mostTimers + 20)))
            segments.isMended.store(true, ordering: .relaxed)
            try await Self.until { try await Self.open(many, outbox) == 0 }
            #expect(http.requests.count == 1)
            following.cancel()
            await following.value
            sender.stop()
            try await group.waitForAll()
        }
        await journal.close()
        try await store.close()
    }

    @Test("What a version asks that stands no more is asked of waits that go on with it")
    func migrated() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        let made = try await Self.wait(outbox, endpoint, still: nil, of: ["ann"])
        _ = try await outbox.store.update(
            made.id, name: nil,
            when: try JSONValue(
                text: #"{"event":"A","absent":{"event":"B","within":"30m"},"still":{"person":"plan","is":"free"}}"#),
            actions: nil, open: .migrate, project: "p", by: "k", now: outbox.now)
        let triggers = try #require(try await outbox.store.live().triggers["p"])
        #expect(triggers.nextDue == nil && triggers.nextAsked != nil)
    }

    @Test("Of what was written back of somebody the most counts, until it is of long ago")
    func depths() async throws {
        let outbox = try Outbox()
        let now = outbox.now
        let found = try await outbox.store.write { db -> [Int64] in
            let tables = TriggerTables(db, project: "p", now: now, targets: TriggerTargets())
            let memory = MemoryStorage()
            var found: [Int64] = []
            for (depth, at) in [(2, 0), (1, 1), (3, 2), (1, 122), (1, 123)] as [(Int64, Int64)] {
                try tables.noteDepth(depth, identity: "ann", key: "ann", seq: at, at: at * 1_000_000)
                memory.noteDepth(depth, identity: "ann", key: "ann", seq: at, at: at * 1_000_000)
                found.append(try tables.depth(key: "ann", since: 0))
                #expect(memory.depth(key: "ann", since: 0) == found.last)
            }
            return found
        }
        #expect(found == [2, 2, 3, 3, 1])
    }
}
