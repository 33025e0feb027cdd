import Model
import Testing

@testable import Journal

@Suite("Erasures against a plain dictionary")
struct ErasureModelTests {
    @Test("Erased ids are new again, all others of seven days are known, no text stays", arguments: 1...16)
    func random(seed: Int) async throws {
        let folder = TemporaryFolder()
        let clock = FakeClock()
        var numbers = SeededNumbers(state: UInt64(seed))
        var options = options(folder, clock: clock)
        options.segmentBytes = 4_000
        options.tableIDs = 60
        options.sealBytes = 9_000
        var journal = try Journal.open(options, logger: quiet)
        var model = Model()
        var erasures = 0

        for _ in 0..<150 {
            // Tables are so small here that the disk can fall behind.
            if journal.status.duplicates.waiting > 6 { await journal.core.housekeeping.settle() }
            switch Int.random(in: 0..<16, using: &numbers) {
            case 0, 1: clock.advance(hours: Int64.random(in: 0..<40, using: &numbers))
            case 2:
                await journal.close()
                journal = try Journal.open(options, logger: quiet)
            case 3:
                await journal.abandon()
                if Bool.random(using: &numbers) { try tear(folder, model, &numbers) }
                journal = try Journal.open(options, logger: quiet)
            case 4:
                journal.release(follower: "store", upTo: Int64.random(in: 0...journal.durableSeq, using: &numbers))
            case 5: await journal.core.housekeeping.settle()
            case 6, 7:
                erasures += 1
                let person = Int.random(in: 0..<model.names.count, using: &numbers)
                let erased = model.names[person]
                let wanted = model.erase(person, through: journal.durableSeq)
                // The names of those who are erased are not used again, so that a search for them means something.
                let running = journal
                async let report = running.erase(wanted)
                for _ in 0..<Int.random(in: 0..<4, using: &numbers) {
                    let (person, ids) = (model.any(&numbers), model.ids(&numbers))
                    let verdicts = try await journal.append(submission(ids, of: model.names[person])).verdicts
                    model.note(person, ids, verdicts, clock, during: wanted)
                }
                journal.release(follower: "store", upTo: journal.durableSeq)
                let found = try await report
                #expect(found.isVerified && found.remaining.allSatisfy { $0.mentions == 0 })
                #expect(try folder.files(holding: erased).isEmpty)
                #expect(try Set(folder.sealedSeqs()).isDisjoint(with: wanted.seqs))
                model.settle(wanted)
            default:
                let person = model.any(&numbers)
                let ids = model.ids(&numbers)
                let verdicts = try await journal.append(submission(ids, of: model.names[person])).verdicts
                model.note(person, ids, verdicts, clock)
            }
        }
        #expect(erasures > 5 && model.stored > 100 && model.found > 50 && model.again > 0)
        await journal.close()
        #expect(try model.gone.allSatisfy { try folder.files(holding: $0).isEmpty })
    }

    /// What a crash in the middle of a frame leaves: a part of a person's item.
    private func tear(_ folder: TemporaryFolder, _ model: Model, _ numbers: inout SeededNumbers) throws {
        guard let name = folder.segments.last else { return }
        var frame = [UInt8](repeating: 7, count: FrameHeader.bytes)
        event("torn", of: model.names[model.any(&numbers)]).encode(into: &frame)
        let count = Int.random(in: 1..<frame.count, using: &numbers)
        try folder.write(name, folder.read(name) + frame[..<count])
    }

    struct Model {
        struct Known {
            var seq: Int64
            var hour: Int64
        }
        var names = (0..<5).map { "person-\($0)." }
        /// Names of those who were erased.
        var gone: [String] = []
        var known: [String: Known] = [:]
        var owners: [Int64: Int] = [:]
        /// Ids that were erased and not stored since.
        var erased: Set<String> = []
        private(set) var stored = 0
        private(set) var found = 0
        private(set) var again = 0

        func any(_ numbers: inout SeededNumbers) -> Int { Int.random(in: 0..<names.count, using: &numbers) }

        func ids(_ numbers: inout SeededNumbers) -> [String] {
            Array(
                Set(
                    (0..<Int.random(in: 1..<9, using: &numbers)).map { _ in
                        "\(Int.random(in: 0..<250, using: &numbers))"
                    })
            ).sorted()
        }

        /// The request that erases a person, who goes on under another name.
        mutating func erase(_ person: Int, through: Int64) -> JournalErasure {
            gone.append(names[person])
            let wanted = JournalErasure(
                through: through, seqs: owners.filter { $0.value == person }.map(\.key),
                texts: [Array(names[person].utf8)])
            for seq in wanted.seqs { owners[seq] = nil }
            names[person] = "person-\(person + 10 * gone.count)."
            return wanted
        }

        /// After the erasure its ids are unknown, unless they were stored again meanwhile.
        mutating func settle(_ wanted: JournalErasure) {
            let seqs = Set(wanted.seqs)
            for (id, item) in known where seqs.contains(item.seq) {
                known[id] = nil
                erased.insert(id)
            }
        }

        mutating func note(
            _ person: Int, _ ids: [String], _ verdicts: [Verdict], _ clock: FakeClock, during: JournalErasure? = nil
        ) {
            let hour = DuplicateIndex.hour(of: clock.now)
            let leaving = Set(during?.seqs ?? [])
            for (id, verdict) in zip(ids, verdicts) {
                let before = known[id].flatMap { $0.hour + 169 > hour ? $0.seq : nil }
                switch verdict {
                case .duplicate(let seq):
                    #expect(before == seq, "\(id) is called a duplicate of \(seq)")
                    found += 1
                case .stored(let seq):
                    #expect(before.map(leaving.contains) ?? true, "\(id) is stored again as \(seq)")
                    if before != nil { again += 1 }
                    if erased.remove(id) != nil { again += 1 }
                    known[id] = Known(seq: seq, hour: hour)
                    owners[seq] = person
                    stored += 1
                }
            }
        }
    }
}
