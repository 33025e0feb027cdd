import Model
import Testing

@testable import EventStore

@Suite("What the compactor does next")
struct CompactionPlanTests {
    private static let january = Month(rawValue: 2026 * 12)

    private static func file(
        _ id: Int64, tier: Int64, rows: Int64 = 100, months: Int64 = 1, run: Int64? = nil, identity: Int64 = 1
    ) -> ColdFile {
        let start = january.start
        let end = Month(rawValue: january.rawValue + months - 1).start
        return ColdFile(
            id: id, name: "f\(id)", tier: tier, run: run ?? id,
            contents: ColdContents(events: rows, seqs: id...id, times: start...end, identities: identity...identity),
            bytes: 1)
    }

    private static func next(_ files: [ColdFile], _ effort: CompactionPlan.Effort = .usual) -> [Int64]? {
        CompactionPlan.next(files, effort)?.inputs.map(\.id)
    }

    @Test func mixedFilesGatherFirst() {
        let seven = (1...7).map { Self.file($0, tier: 0) }
        #expect(Self.next(seven) == nil)
        #expect(Self.next(seven + [Self.file(8, tier: 0)]) == Array(1...8))
        // Few rows of many months, merged before, take part.
        #expect(Self.next(seven + [Self.file(9, tier: 1, months: 3)]) == [1, 2, 3, 4, 5, 6, 7, 9])
        #expect(Self.next(seven, .full) == Array(1...7))
    }

    @Test func filesOfOneSizeBecomeOne() {
        let three = (1...3).map { Self.file($0, tier: 1) }
        #expect(Self.next(three) == nil)
        #expect(Self.next(three + [Self.file(4, tier: 2)]) == nil)
        #expect(Self.next(three + [Self.file(4, tier: 1)]) == [1, 2, 3, 4])
        // A smaller one rides along with larger ones.
        let larger = (1...4).map { Self.file($0, tier: 2, rows: 1_000) }
        #expect(Self.next(larger + [Self.file(5, tier: 1, rows: 10), Self.file(6, tier: 3)]) == [5, 1, 2, 3, 4])
    }

    @Test func aMonthNeverHasMoreThanEight() {
        let files = (1...3).flatMap { tier in (0..<3).map { Self.file(Int64(tier * 10 + $0), tier: Int64(tier)) } }
        #expect(Self.next(Array(files.dropLast())) == nil)
        #expect(Self.next(files)?.count == CompactionPlan.fanIn)
    }

    @Test func whereFilesCrowdTheyAreMergedFirst() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            let files = (0..<Int64.random(in: 1...40, using: &random)).map { id in
                Self.file(
                    id, tier: Int64.random(in: 0...3, using: &random),
                    rows: Int64.random(in: 1...9_999, using: &random),
                    months: Int64.random(in: 1...2, using: &random))
            }
            // Else nothing would become cold any more.
            if CompactionPlan.isCrowded(files) { #expect(Self.next(files) != nil) }
        }
        #expect(CompactionPlan.isCrowded((1...16).map { Self.file($0, tier: 1) }))
        #expect(!CompactionPlan.isCrowded((1...15).map { Self.file($0, tier: 1) }))
    }

    @Test func aFullOneLeavesOneFileAMonth() {
        #expect(Self.next([Self.file(1, tier: 1)], .full) == nil)
        #expect(Self.next([Self.file(1, tier: 0)], .full) == [1])
        #expect(Self.next([Self.file(1, tier: 1), Self.file(2, tier: 3)], .full) == [1, 2])
        // One file of months with few rows is as good as it gets.
        #expect(Self.next([Self.file(1, tier: 1, months: 4), Self.file(2, tier: 1)], .full) == nil)
    }

    @Test func theFilesOfARunAreOne() {
        // Ten files of one run, and three other runs of the tier: four are merged.
        let parts = (1...10).map { Self.file($0, tier: 2, rows: 50, run: 1, identity: 11 - $0) }
        let others = (20...22).map { Self.file($0, tier: 2) }
        #expect(Self.next(parts) == nil && Self.next(parts, .full) == nil)
        #expect(Self.next(parts + Array(others.dropLast())) == nil)
        #expect(Self.next(parts + others) == Array(20...22) + Array((1...10).reversed()), "in the order of identities")
        #expect(!CompactionPlan.isCrowded(parts + (30...43).map { Self.file($0, tier: 3) }))
    }

    @Test func aLargeMonthIsCut() {
        let cuts: [Int64: Int64] = [
            0: 0, 1: 1, 1_048_576: 1_048_576, 2_097_151: 2_097_151, 2_097_152: 1_048_576, 17_000_000: 1_062_500,
            160_000_000: 10_000_000,
        ]
        for (rows, part) in cuts { #expect(ColdRun.rowsOfPart(of: rows) == part) }
    }

    @Test func idlenessIsForWhatIsWorthIt() {
        let large = Self.file(9, tier: 2, rows: 800)
        #expect(Self.next([large, Self.file(1, tier: 1, rows: 99)], .idle) == nil)
        #expect(Self.next([large, Self.file(1, tier: 1, rows: 100)], .idle) == [1, 9])
        // Too little for the large one, but two that can be one.
        #expect(Self.next([large, Self.file(1, tier: 1, rows: 9), Self.file(2, tier: 1, rows: 8)], .idle) == [2, 1])
        #expect(Self.next([large, Self.file(1, tier: 0, rows: 1)], .idle) == [1])
        #expect(Self.next([large], .idle) == nil)
    }

    @Test func tiersGrowByFour() {
        #expect(CompactionPlan.tier(rows: 0) == 1)
        #expect(CompactionPlan.tier(rows: (1 << 20) - 1) == 1)
        #expect(CompactionPlan.tier(rows: 1 << 20) == 2)
        #expect(CompactionPlan.tier(rows: 1 << 22) == 3)
        #expect(CompactionPlan.tier(rows: .max) == 16)
    }
}
