import Model
import Testing

@testable import Journal

@Suite("Many small files of ids become few, and each id is known exactly as long as before")
struct MergeTests {
    private func opened(_ folder: TemporaryFolder, _ clock: FakeClock, _ files: (any JournalFiles)? = nil) throws
        -> Journal
    {
        var options = options(folder, clock: clock, files: files)
        options.tableIDs = 100
        return try Journal.open(options, logger: quiet)
    }

    /// An hour's first append seals the table of the hour before.
    private func hours(_ range: Range<Int>, _ journal: Journal, _ clock: FakeClock) async throws {
        for hour in range {
            #expect(try await journal.verdicts(["\(hour)"]) == [.stored(Int64(hour + 1))])
            // Here hours pass faster than a disk takes tables.
            await journal.core.housekeeping.settle()
            clock.advance(hours: 1)
        }
    }

    /// Hour 490,008 begins a day.
    private let day: Int64 = 490_008

    @Test("Eight of a day that goes on, two of one that is over; never files of two days")
    func plan() async throws {
        let (folder, clock) = (TemporaryFolder(), FakeClock(hour: day))
        let journal = try opened(folder, clock)
        func count() async -> Int {
            // A round merges a run, and asks for another.
            for _ in 0..<8 { await journal.core.housekeeping.settle() }
            #expect(folder.idFiles.count == journal.status.duplicates.files)
            return journal.status.duplicates.files
        }
        try await hours(0..<8, journal, clock)
        #expect(await count() == 7)
        try await hours(8..<9, journal, clock)
        #expect(await count() == 1)
        try await hours(9..<15, journal, clock)
        #expect(await count() == 7)
        try await hours(15..<16, journal, clock)
        #expect(await count() == 1)
        // Eight or nine at once, as the thread came to it.
        try await hours(16..<24, journal, clock)
        #expect(await count() <= 2)
        try await hours(24..<26, journal, clock)
        #expect(await count() == 2)
        #expect(try folder.sealedSeqs() == Array(1...25))
        await journal.close()
    }

    @Test("A day that is over has one file, also of few; large files and gaps are left alone")
    func runs() async throws {
        let (folder, clock) = (TemporaryFolder(), FakeClock(hour: day))
        let journal = try opened(folder, clock)
        for (hour, ids) in [10, 10, 60, 20, 20, 60, 60].enumerated() {
            _ = try await journal.verdicts((0..<ids).map { "\(hour)-\($0)" })
            clock.advance(hours: 1)
        }
        clock.advance(hours: 24)
        _ = try await journal.verdicts(["last"])
        for _ in 0..<8 { await journal.core.housekeeping.settle() }
        let files = journal.core.sealed.snapshot.files.reversed()
        #expect(files.map(\.count) == [20, 60, 40, 60, 60])
        #expect(zip(files, files.dropFirst()).allSatisfy { $0.toSeq == $1.fromSeq })
        await journal.close()

        let small = journal.core.sealed.snapshot.files.reversed().filter { $0.count < 50 }
        let plan = MergePlan(limit: 100, hour: .max)
        #expect(small.count == 3 && plan.run(in: small) == nil)
    }

    @Test(
        "Each id of a merged file is forgotten at its own hour, before a restart and after", arguments: [false, true])
    func expiry(restart: Bool) async throws {
        let (folder, clock) = (TemporaryFolder(), FakeClock(hour: day))
        var journal = try opened(folder, clock)
        try await hours(0..<24, journal, clock)
        _ = try await journal.verdicts(["x"])
        for _ in 0..<8 { await journal.core.housekeeping.settle() }
        #expect(journal.status.duplicates.files == 1)
        // The last hour in which the first id is known.
        clock.advance(hours: 168 - 24)
        var next = Int64(26)
        for hour in 0..<24 {
            if restart, hour % 5 == 0 {
                await journal.close()
                journal = try opened(folder, clock)
            }
            #expect(try await journal.verdicts(["\(hour)"]) == [.duplicate(of: Int64(hour + 1))])
            clock.advance(hours: 1)
            #expect(journal.duplicatesKnownAfter >= Int64(hour + 1) && journal.duplicatesKnownAfter <= Int64(hour + 2))
            let again = try await journal.verdicts(["\(hour)"])
            #expect(again == [.stored(next)])
            await journal.core.housekeeping.settle()
            next += 1
        }
        await journal.close()
    }

    @Test("An erasure rewrites a merged file as well, and its hours stay")
    func erasure() async throws {
        let (folder, clock) = (TemporaryFolder(), FakeClock(hour: day))
        let journal = try opened(folder, clock)
        try await hours(0..<9, journal, clock)
        for _ in 0..<8 { await journal.core.housekeeping.settle() }
        let before = try #require(journal.core.sealed.snapshot.files.first)
        #expect(before.isMerged && before.parts.map(\.hour) == (0..<8).map { day + $0 })
        #expect(before.parts.map(\.toSeq) == Array(1...8))
        journal.release(follower: "store", upTo: 9)
        let report = try await journal.erase(JournalErasure(through: 9, seqs: [3, 5], texts: []))
        #expect(report.isVerified && report.ids.map(\.removed) == [2])
        let after = try #require(journal.core.sealed.snapshot.files.first { $0.path == before.path })
        #expect(after.parts == before.parts && after.count == 6)
        let verdicts = try await journal.verdicts(["0", "1", "2", "3", "4", "5"])
        #expect(
            verdicts == [
                .duplicate(of: 1), .duplicate(of: 2), .stored(10), .duplicate(of: 4), .stored(11), .duplicate(of: 6),
            ])
        await journal.close()
    }

    @Test(
        "Cut off at any change of a file nothing is lost, and the next start tidies up",
        arguments: CountedFiles.Mode.allCases)
    func everywhere(mode: CountedFiles.Mode) async throws {
        let known = (0..<8).map { "\($0)" }
        let verdicts: [Verdict] = (0..<8).map { .duplicate(of: $0 + 1) }
        var number = 0
        var isThrough = false
        while !isThrough, number < 100 {
            number += 1
            let (folder, clock) = (TemporaryFolder(), FakeClock(hour: day))
            let files = CountedFiles()
            var journal = try opened(folder, clock, files)
            try await hours(0..<8, journal, clock)
            #expect(folder.idFiles.count == 7)
            files.fail(at: number, mode)
            // As the housekeeping does it, which rests now.
            let merged = try? journal.core.sealed.mergeSome(MergePlan(limit: 100, hour: day + 24), gently: false)
            isThrough = files.calls < number
            files.fail(at: nil, .once)
            #expect(journal.status.duplicates.files == (merged == nil ? 7 : 1))
            #expect(try await journal.verdicts(known) == verdicts, "call \(number)")
            await journal.abandon()
            journal = try opened(folder, clock)
            // What was merged and stayed is gone, whichever of the two it is.
            #expect([1, 2, 7, 8].contains(folder.idFiles.count) && journal.duplicatesKnownAfter == 0)
            #expect(try Set(folder.sealedSeqs()).isSuperset(of: 1...7) && folder.sealedSeqs().count <= 8)
            #expect(journal.status.duplicates.damagedFiles.isEmpty)
            #expect(try await journal.verdicts(known) == verdicts, "call \(number)")
            await journal.close()
        }
        // Four or more for the new file, and one for each old one.
        #expect(isThrough && number > 11)
    }

    @Test("Parts that cannot be read make one part of the newest hour")
    func parts() {
        let parts = (0..<24).map { IDPart(hour: day + $0, toSeq: 10 * $0) }
        var head = [UInt8](repeating: 0, count: IDPart.offset)
        IDPart.encode(parts, into: &head)
        head.append(contentsOf: repeatElement(0, count: 64))
        #expect(decoded(head) == parts)
        for at in IDPart.offset..<(head.count - 64) {
            var bytes = head
            bytes[at] ^= 0x10
            #expect(decoded(bytes) == nil, "byte \(at)")
        }
        #expect(decoded([UInt8](repeating: 0, count: 600)) == nil)
        let joined = IDPart.join([parts[0], parts[1]], [IDPart(hour: day + 1, toSeq: 15), parts[2]])
        #expect(joined == [parts[0], IDPart(hour: day + 1, toSeq: 15), parts[2]])
    }

    private func decoded(_ head: [UInt8]) -> [IDPart]? { IDPart.decode(head.span) }
}
