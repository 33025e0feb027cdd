import Glibc
import Model
import Testing

@testable import Journal

@Suite("The parts of a journal are a journal")
struct PartsTests {
    /// Copies or links the parts as a backup does.
    private func copy(_ parts: JournalParts, of folder: TemporaryFolder) throws -> TemporaryFolder {
        let copy = TemporaryFolder()
        try Folder.make(copy.path + "/dedup")
        for part in parts.ids + parts.segments {
            if let bytes = part.bytes {
                try copy.write(part.name, Array(try folder.read(part.name)[..<Int(bytes)]))
            } else {
                #expect(unsafe link(folder.path + "/" + part.name, copy.path + "/" + part.name) == 0)
            }
        }
        return copy
    }

    /// Frames of a few items in small segments, and a table of ids for each few.
    private func smallParts(_ folder: TemporaryFolder) -> JournalOptions {
        var options = options(folder)
        options.segmentBytes = 600
        options.tableIDs = 5
        return options
    }

    @Test("Opened elsewhere they have every item that followers need, and know every duplicate")
    func opened() async throws {
        let folder = TemporaryFolder()
        let journal = try Journal.open(smallParts(folder), logger: quiet)
        var all: [String] = []
        func append(_ count: Int) async throws {
            for _ in 0..<count {
                let ids = (0..<3).map { "id-\(all.count + $0)" }
                all += ids
                _ = try await journal.append(submission(ids))
                // Tables this small fill faster than they are sealed.
                if all.count.isMultiple(of: 30) { await journal.core.housekeeping.settle() }
            }
        }
        try await append(30)
        journal.register(follower: "store", at: 40)
        journal.keepParts(for: "backup", after: 40)
        // The store goes on meanwhile: what the copy needs stays.
        try await append(20)
        journal.release(follower: "store", upTo: journal.durableSeq)
        await journal.core.housekeeping.settle()
        let parts = journal.parts(for: "backup")
        #expect(parts.lastSeq == 150 && parts.ids.count > 2 && parts.segments.count > 2)
        let copied = try copy(parts, of: folder)
        try await append(10)
        journal.unregister(follower: "backup")
        journal.release(follower: "store", upTo: journal.durableSeq)
        await journal.core.housekeeping.settle()

        let again = try Journal.open(smallParts(copied), logger: quiet)
        #expect(again.durableSeq == 150 && again.status.damage.isEmpty && again.status.tornTail == nil)
        #expect(try readAll(again, after: 40).map(\.seq) == Array(41...150))
        let receipt = try await again.append(submission(Array(all[..<150])))
        #expect(receipt.verdicts == (1...150).map { .duplicate(of: $0) })
        #expect(try await again.append(submission([all[150]])).watermark > 150)
        await again.close()
        await journal.close()
    }

    @Test("A segment that is linked elsewhere keeps its bytes when the journal lets go of it")
    func linked() async throws {
        let folder = TemporaryFolder()
        var options = options(folder)
        // Larger than the steps in which a segment's bytes are given back.
        options.segmentBytes = 10 << 20
        options.tableIDs = 10
        let journal = try Journal.open(options, logger: quiet)
        var number = 0
        while journal.status.segments < 3 {
            var large = Submission()
            for _ in 0..<40 {
                number += 1
                large.add(event("large-\(number)", "{\"text\":\"\(String(repeating: "x", count: 60_000))\"}"))
            }
            _ = try await journal.append(large)
        }
        let names = folder.segments.dropLast()
        let before = try names.map { try folder.read($0) }
        let copy = TemporaryFolder()
        for name in names { #expect(unsafe link(folder.path + "/" + name, copy.path + "/" + name) == 0) }
        journal.release(follower: "store", upTo: journal.durableSeq)
        await journal.core.housekeeping.settle()
        #expect(folder.segments.count == 1)
        #expect(try names.map { try copy.read($0) } == before)
        await journal.close()
    }
}
