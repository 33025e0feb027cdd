import Foundation
import Model
import Testing

@testable import Exports

@Suite("Rows are sorted in bounded memory")
struct RowSorterTests {
    /// Sorts rows of random keys with a limit and gives them back as texts.
    private func sorted(_ rows: [(RowKey, String)], limit: Int, isEncrypted: Bool = false) throws -> [String] {
        let scratch = Scratch(folder: NSTemporaryDirectory(), isEncrypted: isEncrypted)
        var sorter = RowSorter(in: scratch, limit: limit)
        for (key, text) in rows {
            let start = sorter.bytes.count
            sorter.bytes.append(Array(text.utf8))
            sorter.add(key, start: start)
            if sorter.isFull { try sorter.spill() }
        }
        var out: [String] = []
        unsafe try sorter.drain { (row) throws(ExportError) in unsafe out.append(String(decoding: row, as: UTF8.self)) }
        return out
    }

    @Test(arguments: [100, 5_000, 1 << 30], 0..<4)
    func likeAStableSort(limit: Int, seed: Int) throws {
        var random = SeededGenerator(seed: seed)
        let rows = (0..<2_000).map { i in
            let key = RowKey(
                first: Int64.random(in: -3...3, using: &random), second: Int64.random(in: 0...9, using: &random),
                third: Int64.random(in: .min ... .max, using: &random) >> (seed.isMultiple(of: 2) ? 61 : 0))
            // Some rows are larger than what a run is read by.
            let size = i % 500 == 7 ? 300_000 : Int.random(in: 0..<40, using: &random)
            return (key, "\(i):" + String(repeating: "x", count: size))
        }
        let expected = rows.enumerated().sorted { a, b in
            a.element.0 == b.element.0 ? a.offset < b.offset : a.element.0 < b.element.0
        }
        #expect(try sorted(rows, limit: limit, isEncrypted: seed % 3 == 1) == expected.map(\.element.1))
    }

    /// Keys of fewer numbers.
    @Test(arguments: 1...2, [50, 2_000])
    func shorterKeys(numbers: Int, limit: Int) throws {
        var random = SeededGenerator(seed: numbers)
        let keys = (0..<500).map { _ in
            RowKey(
                first: Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0..<63, using: &random),
                second: numbers > 1 ? Int64.random(in: -9...9, using: &random) : 0, third: 0)
        }
        var sorter = RowSorter(in: Scratch(folder: NSTemporaryDirectory()), limit: limit, numbers: numbers)
        for (i, key) in keys.enumerated() {
            let start = sorter.bytes.count
            sorter.bytes.append(Array("\(i)".utf8))
            sorter.add(key, start: start)
            if sorter.isFull { try sorter.spill() }
        }
        var out: [String] = []
        unsafe try sorter.drain { (row) throws(ExportError) in unsafe out.append(String(decoding: row, as: UTF8.self)) }
        let expected = keys.enumerated().sorted { a, b in
            a.element == b.element ? a.offset < b.offset : a.element < b.element
        }
        #expect(out == expected.map { "\($0.offset)" })
    }

    @Test func nothingAndEmptyRows() throws {
        #expect(try sorted([], limit: 10).isEmpty)
        let key = RowKey(first: 1, second: 1, third: 1)
        #expect(try sorted([(key, ""), (key, "a"), (key, "")], limit: 1) == ["", "a", ""])
    }

    @Test func aFolderThatIsNotThere() {
        var sorter = RowSorter(in: Scratch(folder: "/nowhere/at/all"), limit: 0)
        sorter.add(RowKey(first: 1, second: 1, third: 1), start: 0)
        var error: ExportError?
        do throws(ExportError) { try sorter.spill() } catch let failure { error = failure }
        #expect(error?.code == .files)
    }
}
