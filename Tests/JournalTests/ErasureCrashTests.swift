import Model
import Testing

@testable import Journal

@Suite("An erasure that is cut off anywhere is done by the next one")
struct ErasureCrashTests {
    private let wanted = erasure(through: 12, [1, 3, 5, 7, 9, 11], "person-a")

    /// Two persons' items in three hours and three segments, a torn tail, a damaged file of ids, and what a failed step left.
    private func fill(_ folder: TemporaryFolder, _ clock: FakeClock) async throws {
        var options = options(folder, clock: clock)
        options.segmentBytes = 900
        let journal = try Journal.open(options, logger: quiet)
        for number in 1...12 {
            _ = try await journal.append(submission(["\(number)"], of: number % 2 == 1 ? "person-a" : "person-b"))
            if number % 4 == 0 { clock.advance(hours: 1) }
        }
        await journal.abandon()
        try folder.write("torn-9-1.bin", Array("....person-a....".utf8))
        try folder.write("dedup/1-1.ids.damaged", Array("person-a".utf8))
        try folder.write("dedup/1-2.ids.tmp", Array("person-a".utf8))
    }

    private func open(_ folder: TemporaryFolder, _ clock: FakeClock, _ files: any JournalFiles) throws -> Journal {
        var options = options(folder, clock: clock, files: files)
        options.segmentBytes = 900
        let journal = try Journal.open(options, logger: quiet)
        journal.release(follower: "store", upTo: 12)
        return journal
    }

    @Test(
        "At every change of a file in turn, by one failure or by the end of the process",
        arguments: CountedFiles.Mode.allCases)
    func everywhere(mode: CountedFiles.Mode) async throws {
        var number = 1
        var isThrough = false
        var failures = 0
        while !isThrough, number < 500 {
            let (folder, clock) = (TemporaryFolder(), FakeClock())
            try await fill(folder, clock)
            let files = CountedFiles()
            var journal = try open(folder, clock, files)
            await journal.core.housekeeping.settle()
            files.fail(at: number, mode)
            var outcome = await journal.attempt(wanted)
            isThrough = files.calls < number
            if outcome.failure != nil { failures += 1 }
            files.fail(at: nil, .once)
            // Whatever was done: the others' ids are known, in this process and in the next.
            let others = (1...6).map { "\($0 * 2)" }
            if mode == .once, journal.status.refusal == nil {
                #expect(try await journal.verdicts(others) == (1...6).map { .duplicate(of: $0 * 2) }, "call \(number)")
                if number % 2 == 0 {
                    outcome = await journal.attempt(wanted)
                    #expect(outcome.failure == nil, "call \(number): \(outcome)")
                    try check(folder)
                }
            }
            await journal.abandon()
            journal = try open(folder, clock, SystemFiles())
            #expect(journal.status.damage.isEmpty && journal.status.duplicates.damagedFiles.isEmpty)
            #expect(journal.status.tornTail == nil && journal.durableSeq >= 12)
            #expect(try await journal.verdicts(others) == (1...6).map { .duplicate(of: $0 * 2) }, "call \(number)")
            #expect(try await journal.erase(wanted).isVerified, "call \(number)")
            try check(folder)
            let again = try await journal.verdicts(["1", "2", "11"])
            #expect(again == [.stored(13), .duplicate(of: 2), .stored(14)], "call \(number)")
            await journal.close()
            number += 1
        }
        // Segment, three sealed and rewritten files, removals: each is several calls.
        #expect(isThrough && number > 30 && failures > 20)
    }

    private func check(_ folder: TemporaryFolder) throws {
        #expect(try folder.files(holding: "person-").isEmpty)
        #expect(try folder.sealedSeqs() == [2, 4, 6, 8, 10, 12])
        #expect(folder.tornFiles.isEmpty && folder.segments.count == 1)
        let left = try Folder.names(folder.path + "/dedup")
        #expect(left.allSatisfy { $0.hasSuffix(".ids") })
    }
}
