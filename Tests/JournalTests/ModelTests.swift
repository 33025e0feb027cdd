import Model
import Testing

@testable import Journal

/// Numbers that a seed decides (SplitMix64, Steele and others 2014).
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

@Suite("Against a plain dictionary, through faults and restarts")
struct ModelTests {
    @Test("Nothing acknowledged is lost, nothing is there twice, no number repeats", arguments: 1...12)
    func random(seed: Int) async throws {
        let folder = TemporaryFolder()
        let files = FaultyFiles()
        let clock = FakeClock()
        var numbers = SeededNumbers(state: UInt64(seed))
        var options = options(folder, clock: clock, files: files)
        options.segmentBytes = 6_000
        options.tableIDs = 150
        options.frameBytes = 2_000
        var journal = try Journal.open(options, logger: quiet)
        var model = Model()

        for _ in 0..<120 {
            switch Int.random(in: 0..<20, using: &numbers) {
            case 0: files.fail(.full(afterBytes: Int.random(in: 0..<400, using: &numbers)))
            case 1: files.fail(.sync)
            case 2: clock.advance(hours: Int64.random(in: 0..<3, using: &numbers))
            case 3:
                await journal.close()
                journal = try reopen(options, files)
            case 4, 5:
                await journal.abandon()
                if Bool.random(using: &numbers) { try tear(folder, &numbers) }
                journal = try reopen(options, files)
            case 6:
                try model.follow(journal, maxBytes: Int.random(in: 1..<4_000, using: &numbers))
                journal.release(follower: "store", upTo: model.followed)
            default:
                let batches = (0..<Int.random(in: 1..<5, using: &numbers)).map { _ in
                    (0..<Int.random(in: 1..<8, using: &numbers)).map { _ in
                        "\(Int.random(in: 0..<2_000, using: &numbers))"
                    }
                }
                for (ids, result) in await append(journal, batches) { try model.note(ids, result) }
                model.checkDuplicates()
                if journal.status.refusal != nil {
                    await journal.abandon()
                    journal = try reopen(options, files)
                }
            }
        }
        await journal.close()
        journal = try reopen(options, files)
        try model.follow(journal, maxBytes: .max)
        model.checkAll()
        await journal.close()
    }

    private func reopen(_ options: JournalOptions, _ files: FaultyFiles) throws -> Journal {
        files.fail()
        return try Journal.open(options, logger: quiet)
    }

    /// What a crash in the middle of a write leaves: the beginning of a frame, or noise.
    private func tear(_ folder: TemporaryFolder, _ numbers: inout SeededNumbers) throws {
        guard let name = folder.segments.last else { return }
        var bytes = try folder.read(name)
        let count = Int.random(in: 1..<300, using: &numbers)
        for _ in 0..<count { bytes.append(UInt8.random(in: 0...255, using: &numbers)) }
        try folder.write(name, bytes)
    }

    private func append(_ journal: Journal, _ batches: [[String]]) async -> [([String], Result<Receipt, JournalError>)]
    {
        await withTaskGroup(of: ([String], Result<Receipt, JournalError>).self) { group in
            for ids in batches {
                group.addTask { (ids, await attempt(journal, ids)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    struct Model {
        /// What was acknowledged.
        var seqs: [String: Int64] = [:]
        /// Ids whose fate a failed sync left open.
        var open: Set<String> = []
        var highest: Int64 = 0
        /// Verdicts "duplicate" that are checked when all of their time are noted.
        var duplicates: [(id: String, of: Int64)] = []
        /// What the follower has read, in its order.
        var read: [(id: String, seq: Int64)] = []
        var followed: Int64 = 0

        mutating func note(_ ids: [String], _ result: Result<Receipt, JournalError>) throws {
            switch result {
            case .failure(let error):
                try #require([.diskFull, .syncFailed].contains(error.code))
                if error.code == .syncFailed { open.formUnion(ids) }
            case .success(let receipt):
                for (id, verdict) in zip(ids, receipt.verdicts) {
                    switch verdict {
                    case .stored(let seq):
                        #expect(seqs[id] == nil, "\(id) is stored twice")
                        seqs[id] = seq
                        #expect(!read.contains { $0.seq == seq }, "\(seq) is given out twice")
                    case .duplicate(let seq): duplicates.append((id, seq))
                    }
                }
            }
        }

        mutating func checkDuplicates() {
            for (id, seq) in duplicates {
                // Without a receipt of its own it can only be of a frame whose sync failed.
                if let known = seqs[id] { #expect(known == seq) } else { #expect(open.contains(id)) }
                seqs[id] = seq
            }
            duplicates = []
            #expect(Set(seqs.values).count == seqs.count)
        }

        mutating func follow(_ journal: Journal, maxBytes: Int) throws {
            let reader = try journal.makeReader(after: followed)
            for frame in try reader.next(maxBytes: maxBytes) {
                for item in decode(frame) {
                    try #require(item.seq > followed)
                    followed = item.seq
                    read.append((item.id, item.seq))
                }
            }
        }

        func checkAll() {
            #expect(Set(read.map(\.id)).count == read.count)
            let found = Dictionary(read.map { ($0.id, $0.seq) }) { first, _ in first }
            for (id, seq) in seqs { #expect(found[id] == seq, "\(id) was acknowledged as \(seq)") }
            for (id, _) in found where seqs[id] == nil { #expect(open.contains(id), "\(id) came from nowhere") }
            #expect(read.count > 300)
        }
    }
}
