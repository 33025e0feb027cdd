import Model
import Testing

@testable import Journal

@Suite("A disk that fails is never taken for one that works")
struct FaultTests {
    let folder = TemporaryFolder()
    let files = FaultyFiles()

    @Test("After a failed sync nothing is acknowledged until a restart")
    func failedSync() async throws {
        var journal = try Journal.open(options(folder, files: files), logger: quiet)
        _ = try await journal.append(submission(["a"]))
        files.fail(.sync)
        let error = await failure(journal, ["b"])
        #expect(error?.code == .syncFailed && error?.isTransient == false)
        #expect(await failure(journal, ["c"])?.code == .syncFailed)
        #expect(journal.status.refusal?.code == .syncFailed)
        #expect(journal.durableSeq == 1)
        #expect(try readAll(journal).map(\.id) == ["a"])
        await journal.close()
        // The frame may be there after all; then it is durable now and its id known.
        journal = try Journal.open(options(folder, files: files), logger: quiet)
        #expect(journal.status.refusal == nil)
        #expect(try readAll(journal).map(\.id) == ["a", "b"])
        #expect(try await journal.append(submission(["b", "c"])).verdicts == [.duplicate(of: 2), .stored(3)])
        await journal.close()
    }

    @Test("A segment or folder that could not be synced refuses too", arguments: [FaultyFiles.Fault.sync, .directory])
    func failedCreation(fault: FaultyFiles.Fault) async throws {
        let journal = try Journal.open(options(folder, files: files), logger: quiet)
        files.fail(fault)
        #expect(await failure(journal, ["a"])?.code == .syncFailed)
        #expect(await failure(journal, ["a"])?.code == .syncFailed)
        await journal.close()
    }

    @Test("A full disk is an error that passes, and leaves nothing behind", arguments: [0, 1, 39, 40, 100])
    func fullDisk(afterBytes: Int) async throws {
        let journal = try Journal.open(options(folder, files: files), logger: quiet)
        _ = try await journal.append(submission(["a"]))
        let size = Int(journal.status.bytesOnDisk)
        files.fail(.full(afterBytes: afterBytes), .full(afterBytes: afterBytes))
        for _ in 0..<2 {
            let error = await failure(journal, ["b"])
            #expect(error?.code == .diskFull && error?.isTransient == true && error?.retryAfterSeconds != nil)
            #expect(try folder.read(folder.segments[0]).count == size)
        }
        #expect(journal.status.refusal == nil)
        // There is space again: the same item is new, and no number was lost.
        #expect(try await journal.append(submission(["b"])).verdicts == [.stored(2)])
        #expect(try readAll(journal).map(\.id) == ["a", "b"])
        #expect(journal.status.counters.failedSubmissions == 2)
        await journal.close()
    }

    @Test("A disk without space for room written ahead takes frames all the same", arguments: [0, 100])
    func noRoom(afterBytes: Int) async throws {
        let journal = try Journal.open(options(folder, files: files), logger: quiet)
        // What fails is the third write: after the segment's head and the frame.
        files.failWrite(3, .full(afterBytes: afterBytes))
        for id in ["a", "b", "c"] { _ = try await journal.append(submission([id])) }
        #expect(try folder.read(folder.segments[0]).count == Int(journal.status.bytesOnDisk))
        #expect(try readAll(journal).map(\.id) == ["a", "b", "c"])
        await journal.close()
    }

    @Test("A full disk when a segment is begun is no different", arguments: [0, 10])
    func fullDiskAtSegment(afterBytes: Int) async throws {
        let journal = try Journal.open(options(folder, files: files), logger: quiet)
        files.fail(.full(afterBytes: afterBytes))
        #expect(await failure(journal, ["a"])?.code == .diskFull)
        #expect(folder.segments.isEmpty)
        #expect(try await journal.append(submission(["a"])).verdicts == [.stored(1)])
        await journal.close()
    }

    @Test("If the rest of a failed write cannot be cut, writing is refused")
    func failedTruncate() async throws {
        var journal = try Journal.open(options(folder, files: files, room: 0), logger: quiet)
        _ = try await journal.append(submission(["a"]))
        files.fail(.full(afterBytes: 50), .truncate)
        #expect(await failure(journal, ["b"])?.code == .diskFull)
        #expect(await failure(journal, ["b"])?.code == .syncFailed)
        await journal.abandon()
        journal = try Journal.open(options(folder), logger: quiet)
        #expect(journal.status.tornTail?.bytes == 50)
        #expect(try readAll(journal).map(\.id) == ["a"])
        #expect(try await journal.append(submission(["b"])).watermark > 1)
        await journal.close()
    }

    @Test("Ids that cannot be sealed stay known, and are sealed when there is space")
    func failedSeal() async throws {
        let clock = FakeClock()
        let journal = try Journal.open(options(folder, clock: clock, files: files), logger: quiet)
        _ = try await journal.append(submission(["a"]))
        clock.advance(hours: 1)
        // A duplicate alone writes no frame, so that the fault is the sealing's.
        files.failAlways(.full(afterBytes: 0))
        #expect(try await journal.append(submission(["a"])).verdicts == [.duplicate(of: 1)])
        await journal.core.housekeeping.settle()
        #expect(journal.status.duplicates.waiting == 1)
        #expect(journal.status.duplicates.lastError?.code == .diskFull)
        #expect(try await journal.append(submission(["a"])).verdicts == [.duplicate(of: 1)])
        files.failAlways(nil)
        await journal.core.housekeeping.settle()
        #expect(journal.status.duplicates.waiting == 0 && journal.status.duplicates.files == 1)
        #expect(journal.status.duplicates.lastError == nil)
        #expect(try await journal.append(submission(["a", "b"])).verdicts == [.duplicate(of: 1), .stored(2)])
        await journal.close()
    }

    @Test("Errors tell what to do and whether to try again")
    func messages() {
        for code in JournalError.Code.allCases {
            let error = JournalError(code, "m")
            #expect(error.isTransient == [.queueFull, .backlogFull, .diskFull].contains(code))
            #expect(error.isTransient == (error.retryAfterSeconds != nil))
            #expect(error.description == "\(code.rawValue): m")
        }
    }
}
