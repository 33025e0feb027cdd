import Model
import Testing
import Threads

@testable import Journal

@Suite("What was appended is read back")
struct AppendTests {
    let folder = TemporaryFolder()

    @Test("Items come back in their order, with the receipt's numbers, also after a restart")
    func roundTrip() async throws {
        var journal = try Journal.open(options(folder), logger: quiet)
        let first = try await journal.append(submission(["a", "b", "c"]))
        #expect(first == Receipt(verdicts: [.stored(1), .stored(2), .stored(3)], watermark: 3))
        let second = try await journal.append(submission(["d"]))
        #expect(second.verdicts == [.stored(4)])
        #expect(journal.durableSeq == 4)
        let expected = zip(1..., ["a", "b", "c", "d"]).map { ReadItem(seq: $0, item: event($1)) }
        #expect(try readAll(journal) == expected)
        await journal.close()

        journal = try Journal.open(options(folder), logger: quiet)
        #expect(journal.durableSeq == 4)
        #expect(journal.status.tornTail == nil)
        #expect(try readAll(journal) == expected)
        #expect(try await journal.append(submission(["e"])).verdicts == [.stored(5)])
        await journal.abandon()

        journal = try Journal.open(options(folder), logger: quiet)
        #expect(try readAll(journal).map(\.id) == ["a", "b", "c", "d", "e"])
        await journal.close()
    }

    @Test("A reader begins after any number, also within a frame, and sees later frames as they come")
    func reader() async throws {
        let journal = try Journal.open(options(folder), logger: quiet)
        _ = try await journal.append(submission(["a", "b", "c"]))
        for seq in 0...3 {
            #expect(try readAll(journal, after: Int64(seq)).map(\.id) == Array(["a", "b", "c"][seq...]))
        }
        let reader = try journal.makeReader(after: 2)
        #expect(try reader.next(maxBytes: 1).flatMap(decode).map(\.id) == ["c"])
        #expect(try reader.next(maxBytes: 1).isEmpty)
        _ = try await journal.append(submission(["d"]))
        _ = try await journal.append(submission(["e"]))
        #expect(try reader.next(maxBytes: 1).flatMap(decode).map(\.seq) == [4])
        #expect(try reader.next(maxBytes: 1 << 20).flatMap(decode).map(\.seq) == [5])
        #expect(reader.seq == 5)
        await journal.close()
    }

    @Test("Appends at the same time each get their own verdicts, and the numbers are dense")
    func groupCommit() async throws {
        let files = FaultyFiles()
        let journal = try Journal.open(options(folder, files: files), logger: quiet)
        let gate = SystemSemaphore()
        files.hold(gate: gate)
        let receipts = try await withThrowingTaskGroup(of: (Int, Receipt).self) { group in
            for task in 0..<64 {
                group.addTask {
                    (task, try await journal.append(submission((0..<10).map { "\(task)-\($0)" })))
                }
            }
            // The first frame is held in its sync until all others are queued.
            await files.waitUntilHeld()
            while journal.status.submissionsQueued < 64 { await Task.yield() }
            gate.post()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let read = try readAll(journal)
        #expect(read.map(\.seq) == Array(1...640))
        let byID = Dictionary(uniqueKeysWithValues: read.map { ($0.id, $0.seq) })
        for (task, receipt) in receipts {
            #expect(receipt.verdicts == (0..<10).map { .stored(byID["\(task)-\($0)"] ?? 0) })
            #expect(receipt.watermark == byID["\(task)-9"])
        }
        let counters = journal.status.counters
        #expect(counters.items == 640)
        #expect(counters.frames < 64)
        #expect(counters.syncs == counters.frames)
        #expect(counters.syncBuckets.reduce(0, +) == counters.syncs)
        await journal.close()
    }

    @Test("An empty submission is answered with the durable number")
    func emptySubmission() async throws {
        let journal = try Journal.open(options(folder, floor: 7), logger: quiet)
        #expect(try await journal.append(Submission()) == Receipt(verdicts: [], watermark: 7))
        await journal.close()
    }

    @Test("Numbers go on above the floor")
    func floor() async throws {
        var journal = try Journal.open(options(folder, floor: 100), logger: quiet)
        #expect(journal.durableSeq == 100)
        #expect(try await journal.append(submission(["a"])).verdicts == [.stored(101)])
        await journal.close()
        journal = try Journal.open(options(folder, floor: 200), logger: quiet)
        #expect(try await journal.append(submission(["b"])).verdicts == [.stored(201)])
        #expect(try readAll(journal, after: 100).map(\.seq) == [101, 201])
        #expect(try readAll(journal, after: 150).map(\.seq) == [201])
        #expect(throws: JournalError.self) { try journal.makeReader(after: 99) }
        await journal.close()
    }

    @Test("Those who wait for the next number are woken, also by the close")
    func waiting() async throws {
        let journal = try Journal.open(options(folder), logger: quiet)
        async let woken: Void = journal.waitForDurable(after: 0)
        _ = try await journal.append(submission(["a"]))
        await woken
        await journal.waitForDurable(after: 0)
        async let closed: Void = journal.waitForDurable(after: 1)
        await journal.close()
        await closed
        await #expect(throws: JournalError.self) { try await journal.append(submission(["b"])) }
    }

    @Test("A cancelled wait ends")
    func cancelledWait() async throws {
        let journal = try Journal.open(options(folder), logger: quiet)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await journal.waitForDurable(after: 0) }
            group.cancelAll()
        }
        #expect(journal.durableSeq == 0)
        await journal.close()
    }
}
