import Model
import Testing
import Threads

@testable import Journal

@Suite("Queue, backlog and segments have limits")
struct LimitTests {
    let folder = TemporaryFolder()

    @Test("A full queue turns an append away whole, and takes it when there is room")
    func queue() async throws {
        let files = FaultyFiles()
        var options = options(folder, files: files)
        options.queueBytes = submission(["a"]).weight * 2 + 10
        let journal = try Journal.open(options, logger: quiet)
        _ = try await journal.append(submission(["first"]))
        let gate = SystemSemaphore()
        files.hold(gate: gate)
        async let one = journal.append(submission(["a"]))
        await files.waitUntilHeld()
        async let two = journal.append(submission(["b"]))
        while journal.status.submissionsQueued < 2 { await Task.yield() }
        let refused = await failure(journal, ["c"])
        #expect(refused?.code == .queueFull && refused?.isTransient == true && refused?.retryAfterSeconds == 1)
        gate.post()
        #expect(try await [one.watermark, two.watermark] == [2, 3])
        #expect(try await journal.append(submission(["c"])).verdicts == [.stored(4)])
        #expect(journal.status.bytesQueued == 0)
        await journal.close()
    }

    @Test("A submission that is larger than the queue goes alone")
    func largeSubmission() async throws {
        var options = options(folder)
        options.queueBytes = 10
        options.frameBytes = 100
        options.segmentBytes = 1_000
        let journal = try Journal.open(options, logger: quiet)
        let receipt = try await journal.append(submission((0..<500).map(String.init)))
        #expect(receipt.watermark == 500)
        #expect(journal.status.counters.frames == 1)
        #expect(try readAll(journal, maxBytes: 1).count == 500)
        await journal.close()
    }

    @Test("Appends are turned away while the slowest follower is too far behind")
    func backlog() async throws {
        var options = options(folder)
        options.backlogBytes = 1_000
        options.segmentBytes = 500
        let journal = try Journal.open(options, logger: quiet)
        journal.register(follower: "triggers", at: 0)
        var stored: Int64 = 0
        var refused: JournalError?
        while refused == nil, stored < 100 {
            switch await attempt(journal, ["\(stored)"]) {
            case .success(let receipt): stored = receipt.watermark
            case .failure(let error): refused = error
            }
        }
        #expect(refused?.code == .backlogFull && refused?.isTransient == true)
        #expect(journal.status.backlogBytes > 1_000 && journal.status.backlogBytes < 2_000)
        journal.release(follower: "store", upTo: stored)
        await #expect(throws: JournalError.self) { try await journal.append(submission(["x"])) }
        journal.release(follower: "triggers", upTo: stored)
        #expect(journal.status.backlogBytes == 0)
        #expect(try await journal.append(submission(["x"])).verdicts == [.stored(stored + 1)])
        await journal.close()
    }

    @Test("A segment is deleted when all followers and the duplicates' index have passed it, not before")
    func deletion() async throws {
        let clock = FakeClock()
        var options = options(folder, clock: clock)
        options.segmentBytes = 400
        var journal = try Journal.open(options, logger: quiet)
        journal.register(follower: "triggers", at: 0)
        for i in 1...10 { _ = try await journal.append(submission(["\(i)"])) }
        let all = folder.segments
        #expect(all.count > 3)
        func names(after seq: Int64) -> [String] {
            let first = all.lastIndex { (FileNames.firstSeq(of: $0) ?? 0) <= seq + 1 } ?? 0
            return Array(all[first...])
        }

        journal.release(follower: "store", upTo: 10)
        await journal.core.housekeeping.settle()
        #expect(folder.segments == all)
        journal.release(follower: "triggers", upTo: 5)
        await journal.core.housekeeping.settle()
        // The ids are in memory only.
        #expect(folder.segments == all)
        clock.advance(hours: 1)
        _ = try await journal.append(submission(["1"]))
        await journal.core.housekeeping.settle()
        #expect(folder.segments == names(after: 5))
        #expect(journal.status.oldestSeq == FileNames.firstSeq(of: folder.segments[0]))
        let oldest = journal.status.oldestSeq ?? 0
        #expect(throws: JournalError.self) { try journal.makeReader(after: oldest - 2) }
        #expect(try readAll(journal, after: oldest - 1).first?.seq == oldest)
        journal.release(follower: "triggers", upTo: 10)
        await journal.core.housekeeping.settle()
        #expect(folder.segments == [all[all.count - 1]])
        await journal.close()

        // Followers count from nothing again until they report.
        journal = try Journal.open(options, logger: quiet)
        #expect(try await journal.append(submission(["3", "11"])).verdicts == [.duplicate(of: 3), .stored(11)])
        await journal.close()
    }

    @Test("A reader whose segment is deleted goes on if it has passed it, and is behind if not")
    func deletedUnderReader() async throws {
        let clock = FakeClock()
        var options = options(folder, clock: clock)
        options.segmentBytes = 200
        let journal = try Journal.open(options, logger: quiet)
        for i in 1...4 { _ = try await journal.append(submission(["\(i)"])) }
        let fast = try journal.makeReader(after: 0)
        let slow = try journal.makeReader(after: 0)
        #expect(try fast.next(maxBytes: 1 << 20).count == 4)
        #expect(try slow.next(maxBytes: 1).count == 1)
        clock.advance(hours: 1)
        _ = try await journal.append(submission(["5"]))
        journal.release(follower: "store", upTo: 4)
        await journal.core.housekeeping.settle()
        #expect(folder.segments.count == 1)
        #expect(try fast.next(maxBytes: 1).flatMap(decode).map(\.seq) == [5])
        #expect(throws: JournalError.self) { try slow.next(maxBytes: 1) }
        await journal.close()
    }

    @Test("The ids of an hour with many bytes are sealed before its end, so that a start has little to read")
    func sealedByBytes() async throws {
        var options = options(folder)
        options.sealBytes = 1_000
        let journal = try Journal.open(options, logger: quiet)
        for i in 1...30 { _ = try await journal.append(submission(["\(i)"])) }
        await journal.core.housekeeping.settle()
        #expect(journal.status.duplicates.sealedThrough > 20)
        await journal.abandon()
    }
}
