import Model
import Testing

@testable import Journal

@Suite("Damage is told from what a crash leaves, and stops whoever would read it")
struct DamageTests {
    @Test("Zeros in the place of durable frames of the newest segment are damage, not room")
    func zeroedWhileOpen() async throws {
        let folder = TemporaryFolder()
        let journal = try Journal.open(options(folder), logger: quiet)
        for id in ["a", "b", "c"] { _ = try await journal.append(submission([id])) }
        let reader = try journal.makeReader(after: 0)
        #expect(try reader.next(maxBytes: 1).count == 1)
        let bytes = Int(journal.status.bytesOnDisk)
        let descriptor = try SystemFiles().open("\(folder.path)/\(folder.segments[0])", .readWrite)
        defer { SystemFiles().close(descriptor) }
        try overwrite(
            descriptor, [UInt8](repeating: 0, count: bytes - SegmentHeader.bytes), at: Int64(SegmentHeader.bytes))
        let fresh = try journal.makeReader(after: 0)
        #expect(throws: JournalError.self) { try fresh.next(maxBytes: 1) }
        await journal.close()
    }

    @Test("A flipped byte in an earlier frame stops followers there, and collection goes on in a new segment")
    func flippedEarlier() async throws {
        let (name, bytes, starts) = try await threeFrames()
        for place in starts[1]..<starts[2] {
            let folder = TemporaryFolder()
            var flipped = bytes
            flipped[place] ^= 0x10
            try folder.write(name, flipped)
            for round in 0..<2 {
                let journal = try Journal.open(options(folder), logger: quiet)
                #expect(journal.status.tornTail == nil)
                #expect(journal.status.damage.map(\.offset) == [Int64(starts[1])], "byte \(place)")
                let reader = try journal.makeReader(after: 0)
                // What is good before the damage comes out, however much is asked for.
                #expect(try reader.next(maxBytes: 1 << 20).flatMap(decode).map(\.id) == ["a", "b"])
                for _ in 0..<2 {
                    #expect(try damage(reader) == Int64(starts[1]))
                }
                let id = "new-\(round)"
                let receipt = try await journal.append(submission([id, "e"]))
                // What lies behind the damage is still known.
                #expect(receipt.verdicts == [.stored(6 + Int64(round)), .duplicate(of: 5)])
                #expect(try readAll(journal, after: 5 + Int64(round)).map(\.id) == [id])
                if round == 0 { await journal.abandon() } else { await journal.close() }
            }
            #expect(try folder.read(name) == flipped)
            #expect(folder.segments.count == 2)
        }
    }

    private func damage(_ reader: JournalReader) throws -> Int64? {
        do {
            _ = try reader.next(maxBytes: 1)
            return nil
        } catch  where error.code == .damaged {
            return error.offset
        }
    }

    @Test("Damage that comes while the journal is open stops a follower too")
    func flippedWhileOpen() async throws {
        let folder = TemporaryFolder()
        let journal = try Journal.open(options(folder), logger: quiet)
        _ = try await journal.append(submission(["a"]))
        _ = try await journal.append(submission(["b"]))
        let path = "\(folder.path)/\(folder.segments[0])"
        let descriptor = try SystemFiles().open(path, .readWrite)
        try overwrite(descriptor, [0xff], at: Int64(SegmentHeader.bytes + FrameHeader.bytes + 20))
        SystemFiles().close(descriptor)
        #expect(try damage(try journal.makeReader(after: 0)) == Int64(SegmentHeader.bytes))
        #expect(try readAll(journal, after: 1).map(\.id) == ["b"])
        await journal.close()
    }

    private func overwrite(_ descriptor: Int32, _ bytes: [UInt8], at offset: Int64) throws {
        try SystemFiles().write(bytes.span, to: descriptor, at: offset)
    }

    @Test("A missing segment is damage, not a gap that is passed over", arguments: [false, true])
    func missingSegment(crash: Bool) async throws {
        let folder = TemporaryFolder()
        var options = options(folder)
        options.segmentBytes = 200
        var journal = try Journal.open(options, logger: quiet)
        for id in ["a", "b", "c"] { _ = try await journal.append(submission([id])) }
        if crash { await journal.abandon() } else { await journal.close() }
        #expect(folder.segments.count == 3)
        try SystemFiles().unlink("\(folder.path)/\(folder.segments[1])")
        let end = Int64(try folder.read(folder.segments[0]).count)
        journal = try Journal.open(options, logger: quiet)
        // After a clean close only the last segment is looked at; the reader finds it.
        #expect(journal.status.damage.map(\.offset) == (crash ? [end] : []))
        let reader = try journal.makeReader(after: 0)
        #expect(try reader.next(maxBytes: 1).flatMap(decode).map(\.id) == ["a"])
        #expect(try damage(reader) == end)
        let receipt = try await journal.append(submission(["d", "b", "c"]))
        #expect(receipt.verdicts == [.stored(4), crash ? .stored(5) : .duplicate(of: 2), .duplicate(of: 3)])
        await journal.close()
    }
}
