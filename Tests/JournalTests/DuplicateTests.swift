import Model
import Testing

@testable import Journal

@Suite("An item with an id that is known is not stored again")
struct DuplicateTests {
    let folder = TemporaryFolder()

    @Test("In one submission, in the same frame, and later")
    func here() async throws {
        let journal = try Journal.open(options(folder), logger: quiet)
        let first = try await journal.append(submission(["a", "b", "a", "", ""]))
        #expect(first.verdicts == [.stored(1), .stored(2), .duplicate(of: 1), .stored(3), .stored(4)])
        #expect(first.watermark == 4)
        let again = try await journal.append(submission(["b", "a"]))
        #expect(again == Receipt(verdicts: [.duplicate(of: 2), .duplicate(of: 1)], watermark: 2))
        #expect(journal.status.counters.frames == 1)
        #expect(journal.status.counters.duplicates == 3)
        #expect(try readAll(journal).count == 4)
        await journal.close()
    }

    @Test("After a crash and after a close")
    func restarts() async throws {
        var journal = try Journal.open(options(folder), logger: quiet)
        _ = try await journal.append(submission(["a", "b"]))
        await journal.abandon()
        #expect(folder.idFiles.isEmpty)
        journal = try Journal.open(options(folder), logger: quiet)
        #expect(try await journal.append(submission(["b", "c"])).verdicts == [.duplicate(of: 2), .stored(3)])
        await journal.close()
        #expect(folder.idFiles.count == 1)
        journal = try Journal.open(options(folder), logger: quiet)
        #expect(journal.status.duplicates.sealedThrough == 3)
        #expect(journal.status.duplicates.sealedIDs == 3)
        #expect(
            try await journal.append(submission(["a", "c", "d"])).verdicts
                == [.duplicate(of: 1), .duplicate(of: 3), .stored(4)])
        await journal.close()
    }

    @Test("Across many sealed tables, with and without a crash between", arguments: [false, true])
    func sealing(crash: Bool) async throws {
        let clock = FakeClock()
        var options = options(folder, clock: clock)
        options.tableIDs = 100
        var journal = try Journal.open(options, logger: quiet)
        for batch in 0..<20 {
            _ = try await journal.append(submission((0..<50).map { "\(batch * 50 + $0)" }))
            if batch % 7 == 6 { clock.advance(hours: 1) }
            if batch == 11 {
                await journal.core.housekeeping.settle()
                #expect(journal.status.duplicates.files > 3)
                if crash { await journal.abandon() } else { await journal.close() }
                journal = try Journal.open(options, logger: quiet)
            }
        }
        let receipt = try await journal.append(submission((0..<1_001).map { "\($0)" }))
        #expect(receipt.verdicts == (1...1_000).map { .duplicate(of: $0) } + [.stored(1_001)])
        await journal.close()
    }

    @Test("For seven days and the hour of the first, not longer")
    func expiry() async throws {
        let clock = FakeClock()
        var journal = try Journal.open(options(folder, clock: clock), logger: quiet)
        _ = try await journal.append(submission(["a"]))
        clock.advance(hours: 168)
        #expect(try await journal.append(submission(["a"])).verdicts == [.duplicate(of: 1)])
        await journal.core.housekeeping.settle()
        #expect(folder.idFiles.count == 1)
        clock.advance(hours: 1)
        #expect(try await journal.append(submission(["a"])).verdicts == [.stored(2)])
        await journal.core.housekeeping.settle()
        #expect(folder.idFiles.isEmpty)
        clock.advance(hours: 1)
        #expect(try await journal.append(submission(["a"])).verdicts == [.duplicate(of: 2)])
        await journal.close()
        // Read again from the journal, an expired item still does not count.
        clock.advance(hours: 169)
        journal = try Journal.open(options(folder, clock: clock), logger: quiet)
        #expect(try await journal.append(submission(["a"])).verdicts == [.stored(3)])
        await journal.close()
    }

    @Test("A damaged file of ids is reported, set aside, and made again from the journal")
    func damagedFile() async throws {
        var journal = try Journal.open(options(folder), logger: quiet)
        _ = try await journal.append(submission(["a", "b"]))
        await journal.close()
        let name = "dedup/\(folder.idFiles[0])"
        var bytes = try folder.read(name)
        bytes[17] ^= 1
        try folder.write(name, bytes)
        journal = try Journal.open(options(folder), logger: quiet)
        #expect(journal.status.duplicates.damagedFiles.count == 1)
        #expect(journal.status.duplicates.sealedIDs == 2)
        #expect(try await journal.append(submission(["b"])).verdicts == [.duplicate(of: 2)])
        await journal.abandon()
        journal = try Journal.open(options(folder), logger: quiet)
        #expect(journal.status.duplicates.damagedFiles.isEmpty)
        #expect(try await journal.append(submission(["a"])).verdicts == [.duplicate(of: 1)])
        await journal.close()
    }

    @Test("New parts of a duplicate are stored alone, and only once")
    func parts() async throws {
        func call(_ parts: [String]) -> Submission {
            var whole = event("call")
            whole.partIDs = parts.map { Hash128($0) }
            var submission = Submission()
            submission.add(event("x-\(parts)"))
            submission.add(whole, parts: parts.map { event($0, kind: .set) })
            submission.add(event("y-\(parts)"))
            return submission
        }
        var journal = try Journal.open(options(folder), logger: quiet)
        #expect(try await journal.append(call(["p", "q"])).verdicts == [.stored(1), .stored(2), .stored(3)])
        // The call is known, and so is q; r is not.
        let second = try await journal.append(call(["q", "r", "r"]))
        #expect(
            second
                == Receipt(verdicts: [.stored(4), .duplicate(of: 2), .stored(6)], watermark: 6, withNewParts: [1]))
        #expect(try await journal.append(call(["q", "r"])).withNewParts.isEmpty)
        await journal.abandon()
        journal = try Journal.open(options(folder), logger: quiet)
        let third = try await journal.append(call(["r", "p", "s"]))
        #expect(
            third
                == Receipt(verdicts: [.stored(9), .duplicate(of: 2), .stored(11)], watermark: 11, withNewParts: [1]))
        let read = try readAll(journal)
        #expect(read.map(\.seq) == Array(1...11))
        #expect(read.filter { $0.item.kind == .set }.map(\.id) == ["r", "s"])
        #expect(read[4].id == "r" && read[9].id == "s")
        await journal.close()
    }

    @Test("It says since when duplicates are known: from the start, and then as far back as ids are kept")
    func knownAfter() async throws {
        let clock = FakeClock()
        var journal = try Journal.open(options(folder, clock: clock), logger: quiet)
        #expect(journal.duplicatesKnownAfter == 0)
        _ = try await journal.append(submission(["a", "b"]))
        #expect(journal.duplicatesKnownAfter == 0)
        await journal.close()
        journal = try Journal.open(options(folder, clock: clock), logger: quiet)
        #expect(journal.duplicatesKnownAfter == 0)
        clock.advance(hours: 100)
        _ = try await journal.append(submission(["c"]))
        await journal.core.housekeeping.settle()
        clock.advance(hours: 67)
        #expect(journal.duplicatesKnownAfter == 0)
        // An hour before the first are forgotten, it says so.
        clock.advance(hours: 1)
        #expect(journal.duplicatesKnownAfter == 2)
        #expect(try await journal.append(submission(["a"])).verdicts == [.duplicate(of: 1)])
        clock.advance(hours: 1)
        #expect(try await journal.append(submission(["b", "c"])).verdicts == [.stored(4), .duplicate(of: 3)])
        await journal.core.housekeeping.settle()
        #expect(journal.duplicatesKnownAfter == 2)
        // After a crash, and after a stop that outlasted all of them.
        await journal.abandon()
        journal = try Journal.open(options(folder, clock: clock), logger: quiet)
        #expect(journal.duplicatesKnownAfter == 2)
        await journal.close()
        clock.advance(hours: 500)
        journal = try Journal.open(options(folder, clock: clock), logger: quiet)
        #expect(journal.duplicatesKnownAfter == 4)
        await journal.close()
    }

    @Test("What a lost or damaged journal no longer tells counts as forgotten")
    func forgotten() async throws {
        var journal = try Journal.open(options(folder), logger: quiet)
        _ = try await journal.append(submission(["a", "b", "c"]))
        await journal.close()
        // A file of ids that is damaged is made again from the segments, which reach back to the first item.
        let name = "dedup/\(folder.idFiles[0])"
        var bytes = try folder.read(name)
        bytes[17] ^= 1
        try folder.write(name, bytes)
        journal = try Journal.open(options(folder), logger: quiet)
        #expect(journal.duplicatesKnownAfter == 0)
        await journal.close()
        // Without its files, only what the store has seen is known of the past.
        let empty = TemporaryFolder()
        var options = options(empty)
        options.seqFloor = 3
        journal = try Journal.open(options, logger: quiet)
        #expect(journal.duplicatesKnownAfter == 3)
        #expect(try await journal.append(submission(["a"])).verdicts == [.stored(4)])
        #expect(journal.duplicatesKnownAfter == 3)
        await journal.close()
        journal = try Journal.open(options, logger: quiet)
        #expect(journal.duplicatesKnownAfter == 3)
        await journal.close()
    }

    @Test("A duplicate is not confirmed before its original is durable")
    func duplicateWaits() async throws {
        let files = FaultyFiles()
        let journal = try Journal.open(options(folder, files: files), logger: quiet)
        _ = try await journal.append(submission(["first"]))
        files.fail(.sync)
        // Both may share a frame or not: neither may be told that "a" is there.
        async let one = failure(journal, ["a"])
        async let two = failure(journal, ["a"])
        #expect(await [one?.code, two?.code] == [.syncFailed, .syncFailed])
        await journal.close()
    }
}
