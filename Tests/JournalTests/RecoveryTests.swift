import Model
import Testing

@testable import Journal

@Suite("A start finds the journal's end and loses nothing that is readable")
struct RecoveryTests {
    @Test("A last frame that is torn anywhere is cut, saved aside and reported")
    func tornTail() async throws {
        let (name, bytes, starts) = try await threeFrames()
        let last = starts[2]
        for length in last...bytes.count {
            let folder = TemporaryFolder()
            try folder.write(name, Array(bytes[..<length]))
            var journal = try Journal.open(options(folder), logger: quiet)
            let isTorn = length > last && length < bytes.count
            let expected = length == bytes.count ? ["a", "b", "c", "d", "e"] : ["a", "b", "c"]
            #expect(try readAll(journal).map(\.id) == expected)
            #expect(journal.durableSeq == Int64(expected.count))
            #expect(journal.status.damage.isEmpty)
            #expect((journal.status.tornTail != nil) == isTorn)
            #expect(folder.tornFiles.count == (isTorn ? 1 : 0))
            if let torn = journal.status.tornTail {
                #expect(torn.offset == Int64(last) && torn.bytes == Int64(length - last))
                #expect(try folder.read(folder.tornFiles[0]) == Array(bytes[last..<length]))
            }
            let receipt = try await journal.append(submission(["d", "a"]))
            if isTorn || length == last {
                #expect(receipt.verdicts[0] == .stored(receipt.watermark) && receipt.watermark > 3)
            } else {
                #expect(receipt.verdicts[0] == .duplicate(of: 4))
            }
            #expect(receipt.verdicts[1] == .duplicate(of: 1))
            await journal.close()
            journal = try Journal.open(options(folder), logger: quiet)
            #expect(journal.status.tornTail == nil)
            #expect(try readAll(journal).map(\.id) == (expected.count == 5 ? expected : expected + ["d"]))
            await journal.close()
        }
    }

    @Test("In room written ahead a frame that is torn anywhere, in any page of it, is cut and saved aside")
    func tornInRoom() async throws {
        let (name, bytes, starts) = try await threeFrames()
        let last = starts[2]
        for length in last...bytes.count {
            let folder = TemporaryFolder()
            // The room's zeros stand where the frame did not get to; backwards, its first bytes are those that are missing.
            let isBackwards = length % 2 == 1
            var torn = bytes + [UInt8](repeating: 0, count: 20_000)
            for place in isBackwards ? last..<length : length..<bytes.count { torn[place] = 0 }
            let isWhole = Array(torn[..<bytes.count]) == bytes
            let isEmpty = torn[last...].allSatisfy { $0 == 0 }
            try folder.write(name, torn)
            var journal = try Journal.open(options(folder), logger: quiet)
            let expected = isWhole ? ["a", "b", "c", "d", "e"] : ["a", "b", "c"]
            #expect(try readAll(journal).map(\.id) == expected)
            #expect(journal.status.damage.isEmpty)
            #expect((journal.status.tornTail != nil) == !(isWhole || isEmpty))
            if let tail = journal.status.tornTail {
                let saved = try folder.read(folder.tornFiles[0])
                #expect(tail.offset == Int64(last) && saved.count < 9_000)
                #expect(saved == Array(torn[last..<(last + saved.count)]))
                #expect(torn[(last + saved.count)...].allSatisfy { $0 == 0 })
            }
            let receipt = try await journal.append(submission(["x", "a"]))
            #expect(receipt.watermark > (isEmpty ? 3 : 5) && receipt.verdicts[1] == .duplicate(of: 1))
            await journal.abandon()
            journal = try Journal.open(options(folder), logger: quiet)
            #expect(journal.status.tornTail == nil && journal.status.damage.isEmpty)
            #expect(try readAll(journal).map(\.id) == expected + ["x"])
            await journal.close()
        }
    }

    @Test("Room that stayed behind the last frame of a full segment is passed over")
    func roomInTheMiddle() async throws {
        let folder = TemporaryFolder()
        var journal = try Journal.open(options(folder), logger: quiet)
        _ = try await journal.append(submission(["a"]))
        await journal.abandon()
        let name = folder.segments[0]
        let withRoom = try folder.read(name)
        #expect(withRoom.count > 500_000)
        journal = try Journal.open(options(folder), logger: quiet)
        // A start cuts the room, and so does a clean close.
        #expect(try folder.read(name).count == Int(journal.status.bytesOnDisk))
        _ = try await journal.append(submission(["b"]))
        #expect(try folder.read(name).count > 500_000)
        let rolled = await withCheckedContinuation { continuation in
            #expect(journal.core.queue.push(RollRequest(through: 2, continuation: continuation)) == nil)
        }
        #expect(try rolled.get().through == 2)
        #expect(try folder.read(name).count < 1_000)
        _ = try await journal.append(submission(["c"]))
        await journal.close()
        #expect(folder.segments.count == 2)
        for segment in folder.segments { #expect(try folder.read(segment).count < 1_000) }

        // As if the disk had lost the cutting.
        try folder.write(name, try folder.read(name) + [UInt8](repeating: 0, count: 70_000))
        journal = try Journal.open(options(folder), logger: quiet)
        #expect(try readAll(journal).map(\.id) == ["a", "b", "c"])
        #expect(journal.status.damage.isEmpty)
        await journal.close()

        // Zeros in the place of frames that are known to have been there are damage.
        try folder.write(name, Array(withRoom[..<SegmentHeader.bytes]) + [UInt8](repeating: 0, count: 70_000))
        journal = try Journal.open(options(folder), logger: quiet)
        #expect(throws: JournalError.self) { try readAll(journal) }
        await journal.close()
    }

    @Test(
        "A segment whose head is damaged stops followers and is never deleted as passed", arguments: [0, 12, 20],
        [0, 3])
    func flippedHead(place: Int, floor: Int64) async throws {
        let (name, bytes, _) = try await threeFrames()
        let folder = TemporaryFolder()
        var flipped = bytes
        flipped[place] ^= 0xff
        try folder.write(name, flipped)
        for round in 1...2 {
            // The store may have seen a part of it.
            let journal = try Journal.open(options(folder, floor: floor), logger: quiet)
            #expect(journal.status.damage.count == 1)
            // Above everything that the unreadable file can hold.
            let receipt = try await journal.append(submission(["new \(round)"]))
            #expect(receipt.watermark > 5)
            journal.release(follower: "store", upTo: floor)
            #expect(throws: JournalError.self) { try readAll(journal, after: floor) }
            await journal.close()
            #expect(try folder.read(name) == flipped)
        }
        // With the file restored from a copy nothing is missing.
        try folder.write(name, bytes)
        let journal = try Journal.open(options(folder), logger: quiet)
        #expect(try readAll(journal).map(\.id) == ["a", "b", "c", "d", "e", "new 1", "new 2"])
        await journal.close()
    }

    @Test("A flipped byte in the last frame does the same, and its numbers are not given out again")
    func flippedLast() async throws {
        let (name, bytes, starts) = try await threeFrames()
        for place in starts[2]..<bytes.count {
            let folder = TemporaryFolder()
            var flipped = bytes
            flipped[place] ^= 0x10
            try folder.write(name, flipped)
            let journal = try Journal.open(options(folder), logger: quiet)
            #expect(try readAll(journal).map(\.id) == ["a", "b", "c"], "byte \(place)")
            #expect(journal.status.tornTail?.offset == Int64(starts[2]))
            #expect(try folder.read(folder.tornFiles[0]) == Array(flipped[starts[2]...]))
            #expect(try await journal.append(submission(["f"])).watermark > 5)
            await journal.close()
        }
    }

    @Test("A segment whose making was interrupted is made anew", arguments: [0, 20, 47, 48])
    func interruptedSegment(length: Int) async throws {
        let (name, bytes, _) = try await threeFrames()
        let folder = TemporaryFolder()
        try folder.write(name, bytes)
        let head = SegmentHeader(firstSeq: 6, previousLast: 5, salt: 9).encoded()
        try folder.write(FileNames.segment(6), Array(head[..<length]))
        let journal = try Journal.open(options(folder), logger: quiet)
        #expect(journal.status.damage.isEmpty)
        #expect(try await journal.append(submission(["f"])).verdicts == [.stored(6)])
        #expect(try readAll(journal).map(\.seq) == Array(1...6))
        await journal.close()
    }

    @Test("A clean close spares the next start the reading of what all have passed")
    func position() async throws {
        let folder = TemporaryFolder()
        var journal = try Journal.open(options(folder), logger: quiet)
        _ = try await journal.append(submission(["a", "b"]))
        _ = try await journal.append(submission(["c"]))
        journal.release(follower: "store", upTo: 3)
        await journal.close()
        #expect(Folder.exists("\(folder.path)/position"))
        // A byte that is not read cannot be found damaged.
        var bytes = try folder.read(folder.segments[0])
        bytes[SegmentHeader.bytes + 60] ^= 1
        try folder.write(folder.segments[0], bytes)
        journal = try Journal.open(options(folder), logger: quiet)
        #expect(journal.status.damage.isEmpty && journal.durableSeq == 3)
        #expect(!Folder.exists("\(folder.path)/position"))
        #expect(try await journal.append(submission(["d"])).verdicts == [.stored(4)])
        await journal.abandon()
        journal = try Journal.open(options(folder), logger: quiet)
        #expect(journal.status.damage.count == 1)
        await journal.close()
    }

    @Test("Without followers that have passed it, everything is read at the next start")
    func noPosition() async throws {
        let folder = TemporaryFolder()
        let journal = try Journal.open(options(folder), logger: quiet)
        _ = try await journal.append(submission(["a", "b"]))
        _ = try await journal.append(submission(["c"]))
        await journal.close()
        #expect(!Folder.exists("\(folder.path)/position"))
    }

    @Test("An event that holds the bytes of a frame cannot pass for one")
    func forgedFrame() async throws {
        let (name, bytes, starts) = try await threeFrames()
        let folder = TemporaryFolder()
        var journal = try Journal.open(options(folder, room: 0), logger: quiet)
        var item = event("forged")
        // A whole good frame, of another segment.
        item.properties = Array(bytes[starts[2]...])
        var submission = Submission()
        submission.add(event("a"))
        submission.add(item)
        _ = try await journal.append(submission)
        await journal.abandon()
        var torn = try folder.read(name)
        torn.removeLast()
        try folder.write(name, torn)
        journal = try Journal.open(options(folder), logger: quiet)
        #expect(journal.status.damage.isEmpty && journal.status.tornTail != nil)
        await journal.close()
    }
}
