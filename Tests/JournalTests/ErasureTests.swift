import Model
import Synchronization
import Testing

@testable import Journal

@Suite("What is erased leaves every file of the journal")
struct ErasureTests {
    let folder = TemporaryFolder()
    let clock = FakeClock()

    /// Ten items of two persons in turn, "a" the odd numbers, over three hours.
    private func filled(_ files: (any JournalFiles)? = nil) async throws -> Journal {
        var options = options(folder, clock: clock, files: files)
        options.segmentBytes = 600
        let journal = try Journal.open(options, logger: quiet)
        for number in 1...10 {
            _ = try await journal.append(submission(["\(number)"], of: number % 2 == 1 ? "person-a" : "person-b"))
            if number % 4 == 0 { clock.advance(hours: 1) }
        }
        return journal
    }

    @Test("Without any traffic: segments, ids of items and of parts; all else is known as before")
    func everything() async throws {
        var journal = try await filled()
        var call = event("call", of: "person-a")
        call.partIDs = [Hash128("p"), Hash128("q")]
        var whole = Submission()
        whole.add(call, parts: [event("p", kind: .set), event("q", kind: .set)])
        _ = try await journal.append(whole)
        let segments = folder.segments
        #expect(segments.count > 2)
        #expect(try !folder.files(holding: "person-a").isEmpty)
        journal.release(follower: "store", upTo: 11)
        let report = try await journal.erase(erasure(through: 11, [1, 3, 5, 7, 9, 11], "person-a"))

        #expect(report.isVerified && report.through == 11)
        #expect(report.segments.allSatisfy { segments.contains($0.name) && $0.bytes > 48 && $0.isVerified })
        #expect(report.segments.last?.name == segments.last && report.segments.last?.items ?? 0 > 0)
        #expect(folder.segments.count == 1 && !segments.contains(folder.segments[0]))
        // Items of three hours, and the parts of the last.
        #expect(report.ids.count == 3 && report.ids.map(\.removed).reduce(0, +) == 8)
        #expect(report.ids.map(\.kept).reduce(0, +) == 5 && report.ids.allSatisfy(\.isVerified))
        #expect(report.remaining == [.init(name: folder.segments[0], mentions: 0, isVerified: true)])
        #expect(report.setAside.isEmpty)
        #expect(try folder.files(holding: "person-").isEmpty)
        #expect(try folder.sealedSeqs() == [2, 4, 6, 8, 10])

        for round in 0..<2 {
            let known = try await journal.verdicts((1...5).map { "\($0 * 2)" })
            #expect(known == (1...5).map { .duplicate(of: $0 * 2) })
            if round == 0 {
                await journal.abandon()
                journal = try Journal.open(options(folder, clock: clock), logger: quiet)
                #expect(journal.durableSeq == 11 && journal.duplicatesKnownAfter == 0)
            }
        }
        let fresh = try await journal.verdicts(["1", "2", "q", "11"])
        #expect(fresh == [.stored(12), .duplicate(of: 2), .stored(13), .stored(14)])
        #expect(try readAll(journal, after: 11).map(\.id) == ["1", "q", "11"])
        await journal.close()
    }

    @Test("Again, or with nothing there, it does nothing and is content")
    func nothing() async throws {
        let journal = try await filled()
        journal.release(follower: "store", upTo: 10)
        let erasure = erasure(through: 10, [2, 4], "person-b")
        #expect(try await journal.erase(erasure).segments.isEmpty == false)
        let (segments, ids) = (folder.segments, folder.idFiles)
        let again = try await journal.erase(erasure)
        #expect(again.isVerified && again.segments.isEmpty && again.ids.isEmpty && again.remaining.count == 1)
        #expect(folder.segments == segments && folder.idFiles == ids)
        await journal.close()

        let empty = TemporaryFolder()
        let fresh = try Journal.open(options(empty), logger: quiet)
        let report = try await fresh.erase(JournalErasure(through: .max, seqs: [], texts: []))
        #expect(report == JournalErasureReport(through: 0))
        #expect(try await fresh.verdicts(["a"]) == [.stored(1)])
        await fresh.close()
    }

    @Test("A file without any of the ids is left alone, and what came later stays where it is")
    func leftAlone() async throws {
        let journal = try await filled()
        await journal.core.housekeeping.settle()
        let bytes = try folder.read("dedup/\(folder.idFiles[0])")
        journal.release(follower: "store", upTo: 10)
        let report = try await journal.erase(erasure(through: 6, [6], "person-b"))
        #expect(report.ids.map(\.removed) == [1] && report.ids.map(\.kept) == [3])
        #expect(report.ids.first?.name == "dedup/490001-8.ids" && folder.idFiles.count == 3)
        #expect(try folder.read("dedup/\(folder.idFiles[0])") == bytes)
        // Items 7 and 8 were in the segment of item 6.
        let first = try #require(FileNames.firstSeq(of: folder.segments[0]))
        try #require(first == 9)
        let items = try readAll(journal, after: first - 1)
        #expect(items.map(\.seq) == Array(first...10))
        let mentions = report.remaining.reduce(0) { $0 + $1.mentions }
        #expect(mentions == items.filter { $0.seq % 2 == 0 }.count && mentions > 0 && report.isVerified)
        await journal.close()
    }

    @Test("It waits for every follower, and goes on when the last has passed")
    func followers() async throws {
        let journal = try await filled()
        journal.register(follower: "triggers", at: 0)
        let noted = Noted()
        async let report = {
            let report = try await journal.erase(erasure(through: 10, [1], "person-a"))
            noted.end()
            return report
        }()
        while journal.status.segments == 0 || folder.segments.last != FileNames.segment(11) { await Task.yield() }
        journal.release(follower: "store", upTo: 10)
        journal.release(follower: "triggers", upTo: 9)
        for _ in 0..<5 { await journal.core.housekeeping.settle() }
        #expect(!noted.isOver)
        #expect(try await journal.verdicts(["1", "new"]) == [.duplicate(of: 1), .stored(11)])
        journal.unregister(follower: "triggers")
        #expect(try await report.isVerified)
        #expect(folder.segments == [FileNames.segment(11)])
        #expect(try await journal.verdicts(["1", "2"]) == [.stored(12), .duplicate(of: 2)])
        await journal.close()
    }

    @Test("Cancelling the task ends the wait, before it begins and later; the journal goes on, and it can be repeated")
    func cancellation() async throws {
        let journal = try await filled()
        let wanted = erasure(through: 10, [1], "person-a")
        for isEarly in [true, false] {
            let outcome = await withTaskGroup(of: Result<JournalErasureReport, JournalError>.self) { group in
                if isEarly { group.cancelAll() }
                group.addTask { await journal.attempt(wanted) }
                if !isEarly {
                    while folder.segments.last != FileNames.segment(11) { await Task.yield() }
                    await journal.core.housekeeping.settle()
                    group.cancelAll()
                }
                return await group.next()
            }
            #expect(outcome?.failure?.code == .cancelled)
        }
        #expect(try await journal.verdicts(["1", "new"]) == [.duplicate(of: 1), .stored(11)])
        journal.release(follower: "store", upTo: 10)
        #expect(try await journal.erase(wanted).isVerified)
        #expect(try await journal.verdicts(["1", "2", "new"]) == [.stored(12), .duplicate(of: 2), .duplicate(of: 11)])
        await journal.close()
    }

    @Test("A close ends the wait with an error, and a closed journal refuses")
    func closing() async throws {
        let journal = try await filled()
        let wanted = erasure(through: 10, [1], "person-a")
        async let waiting = journal.attempt(wanted)
        while folder.segments.last != FileNames.segment(11) { await Task.yield() }
        await journal.close()
        #expect(await waiting.failure?.code == .closed)
        #expect(await journal.attempt(wanted).failure?.code == .closed)
        let next = try Journal.open(options(folder, clock: clock), logger: quiet)
        next.release(follower: "store", upTo: 10)
        #expect(try await next.erase(wanted).isVerified)
        #expect(try folder.sealedSeqs() == Array(2...10))
        await next.close()
    }

    @Test("Damage that stops a follower is told, whether it is met before or while it waits", arguments: [false, true])
    func damage(isEarly: Bool) async throws {
        let journal = try await filled()
        let name = folder.segments[0]
        let path = "\(folder.path)/\(name)"
        let bytes = try folder.read(name)
        let descriptor = try SystemFiles().open(path, .readWrite)
        defer { SystemFiles().close(descriptor) }
        try SystemFiles().write([0xff].span, to: descriptor, at: Int64(SegmentHeader.bytes + FrameHeader.bytes + 60))
        let wanted = erasure(through: 10, [1], "person-a")
        if isEarly { #expect(throws: JournalError.self) { try readAll(journal) } }
        async let outcome = journal.attempt(wanted)
        if !isEarly {
            while folder.segments.last != FileNames.segment(11) { await Task.yield() }
            #expect(throws: JournalError.self) { try readAll(journal) }
        }
        let error = await outcome.failure
        #expect(error?.code == .damaged && error?.file == path)
        // With the file as it was, the follower goes on, and so does the erasure.
        try SystemFiles().write(bytes.span, to: descriptor, at: 0)
        journal.release(follower: "store", upTo: try readAll(journal).last?.seq ?? 0)
        #expect(try await journal.erase(wanted).isVerified)
        await journal.close()
    }

    @Test("While writing is refused, an erasure is, too")
    func refused() async throws {
        let files = FaultyFiles()
        let journal = try await filled(files)
        journal.release(follower: "store", upTo: 10)
        files.failAlways(.sync)  // A file that is made ready or sealed meanwhile would else take the fault.
        #expect(await failure(journal, ["x"])?.code == .syncFailed)
        #expect(await journal.attempt(erasure(through: 10, [1], "person-a")).failure?.code == .syncFailed)
        await journal.close()
    }

    @Test("Appends go on during an erasure, and none of theirs is lost")
    func appends() async throws {
        let journal = try await filled()
        let noted = Noted()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    var number = 0
                    while !noted.isOver || number < 20 {
                        let ids = (0..<5).map { "w\(writer)-\(number)-\($0)" }
                        let receipt = try await journal.append(submission(ids, of: "person-b"))
                        for (id, verdict) in zip(ids, receipt.verdicts) {
                            guard case .stored(let seq) = verdict else { throw JournalError(.io, "\(id): \(verdict)") }
                            noted.note(id, seq)
                        }
                        number += 1
                        journal.release(follower: "store", upTo: journal.durableSeq)
                    }
                }
            }
            for round in 1...5 {
                let through = journal.durableSeq
                let report = try await journal.erase(erasure(through: through, [Int64(round)], "person-a"))
                #expect(report.isVerified && report.ids.map(\.removed).reduce(0, +) == 1)
            }
            noted.end()
            try await group.waitForAll()
        }
        let seqs = noted.seqs
        let ids = Array(seqs.keys) + ["6", "7", "8", "9", "10"]
        #expect(try await journal.verdicts(ids) == ids.map { .duplicate(of: seqs[$0] ?? Int64($0) ?? 0) })
        let erased = try await journal.verdicts((1...5).map(String.init))
        let last = journal.durableSeq
        #expect(erased == (1...5).map { .stored(last - 5 + $0) })
        await journal.close()
    }

    @Test("Ids are found in files of before, which do not tell their lowest number, and below a file's first number")
    func lowestNumbers() async throws {
        var options = options(folder, clock: clock)
        var journal = try Journal.open(options, logger: quiet)
        _ = try await journal.verdicts(["a", "b", "c"])
        await journal.abandon()
        // What the store has seen beyond the journal makes the table begin there, with older ids in it.
        options.seqFloor = 100
        journal = try Journal.open(options, logger: quiet)
        await journal.close()
        #expect(folder.idFiles.count == 1)
        for isOld in [false, true] {
            let name = "dedup/\(folder.idFiles[0])"
            if isOld {
                var bytes = try folder.read(name)
                bytes.replaceSubrange(68..<84, with: repeatElement(0, count: 16))
                try folder.write(name, bytes)
            }
            let file = try IDFile(path: "\(folder.path)/\(name)", files: SystemFiles())
            #expect(file.fromSeq == 100 && file.lowestSeq == (isOld ? nil : 1))
            journal = try Journal.open(options, logger: quiet)
            journal.release(follower: "store", upTo: 100)
            let report = try await journal.erase(erasure(through: 3, [isOld ? 3 : 2], "nobody"))
            #expect(report.isVerified && report.ids.map(\.removed) == [1])
            await journal.close()
        }
        #expect(try folder.sealedSeqs() == [1])
    }
}

/// What tasks tell one another.
private final class Noted: Sendable {
    private let state = Mutex<(seqs: [String: Int64], isOver: Bool)>(([:], false))
    var seqs: [String: Int64] { state.withLock { $0.seqs } }
    var isOver: Bool { state.withLock { $0.isOver } }
    func note(_ id: String, _ seq: Int64) { state.withLock { $0.seqs[id] = seq } }
    func end() { state.withLock { $0.isOver = true } }
}
