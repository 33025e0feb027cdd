import Model
import Testing

@testable import Journal

@Suite("A table of ids grows while it is used")
struct IDTableTests {
    private static func id(_ number: Int) -> Hash128 { Hash128(Array("id-\(number)".utf8).span, seed: 0) }

    /// Every id is found from the moment it is there, whatever part of the table has moved.
    @Test func everyIDIsFoundAtEveryMoment() {
        let table = IDTable(hour: 0, fromSeq: 0)
        var looks = 0
        for number in 1...20_000 {
            #expect(table.insert(Self.id(number), Int64(number)) == 0)
            // One of each part of those before, and one that is not there.
            for earlier in [1, number / 3 + 1, number / 2 + 1, number] {
                looks += 1
                if table.find(Self.id(earlier)) != Int64(earlier) { Issue.record("\(earlier) is lost at \(number)") }
            }
            if table.find(Self.id(-number)) != 0 { Issue.record("\(-number) is found at \(number)") }
        }
        #expect(table.count == 20_000 && looks == 80_000)
        #expect(table.slotCount > 20_000)
    }

    @Test func aRepeatKeepsTheFirstNumberAlsoWhileItMoves() {
        let table = IDTable(hour: 0, fromSeq: 0)
        // 1,024 slots are three quarters full at 768; the next insertion begins to move them, sixteen at a time.
        for number in 1...770 { table.insert(Self.id(number), Int64(number)) }
        for number in 1...770 { #expect(table.insert(Self.id(number), 9_999) == Int64(number)) }
        #expect(table.count == 770)
        for number in 1...770 { #expect(table.find(Self.id(number)) == Int64(number)) }
    }

    /// What is sealed has each id once, also when the table is sealed in the middle of its growth.
    @Test(arguments: [768, 769, 780, 800, 832, 1_536, 1_540])
    func whatIsSealedIsWhole(count: Int) {
        let table = IDTable(hour: 7, fromSeq: 3)
        for number in 1...count { table.insert(Self.id(number), Int64(number)) }
        var seen: [Hash128: Int] = [:]
        table.forEachID { seen[$0, default: 0] += 1 }
        #expect(seen.count == count && seen.values.allSatisfy { $0 == 1 })
        let settled = table.settled
        #expect(settled.count == count && settled.hour == 7 && settled.fromSeq == 3)
        for number in 1...count { #expect(settled.find(Self.id(number)) == Int64(number)) }
    }

    @Test func preparedMemoryIsAsGoodAsNew() {
        let table = IDTable(hour: 1, fromSeq: 2, spare: SpareSlots(bits: 17))
        #expect(table.isEmpty && table.slotCount == 1 << 17)
        for number in 1...1_000 { table.insert(Self.id(number), Int64(number)) }
        for number in 1...1_000 { #expect(table.find(Self.id(number)) == Int64(number)) }
        // Prepared and never needed, it is given back.
        _ = SpareSlots(bits: 17)
    }
}
