import Model
import Testing

@testable import EventStore
@testable import Exports

@Suite("Pieces of an export by where its rows lie")
struct RowPlanTests {
    private static let july = Month(rawValue: 2026 * 12 + 6)
    private static let august = july.next

    /// Of a cold file, or of hot tables where there are no identities.
    private static func source(
        _ id: Int64, _ identities: ClosedRange<Int64>?, months: ClosedRange<Month> = july...july
    ) -> RowSource {
        guard let identities else {
            return RowSource(
                source: .generation(id), rows: 5, seqs: 1...9, months: months, identities: .min ... .max)
        }
        let contents = ColdContents(
            seqs: 1...9, times: months.lowerBound.start...months.upperBound.start, identities: identities)
        let file = ColdFile(id: id, name: "", tier: 1, run: id, contents: contents, bytes: 0)
        return RowSource(source: .file(file), rows: 5, seqs: 1...9, months: months, identities: identities)
    }

    /// The numbers of each piece's sources, and -1 where they are sorted.
    private static func plan(_ sources: [RowSource]) -> [[Int64]] {
        RowPlan.make(sources, .storage).map { piece in
            let numbers = piece.sources.map { source in
                switch source {
                case .generation(let id): id
                case .file(let file): file.id
                }
            }
            return numbers + (piece.isSorted ? [-1] : [])
        }
    }

    @Test func filesWithOthersEachAreReadOneAfterAnother() {
        #expect(Self.plan([Self.source(3, 20...29), Self.source(1, 30...30), Self.source(2, 1...19)]) == [[2, 3, 1]])
        #expect(Self.plan([Self.source(1, 1...1)]) == [[1]])
        let both = Self.july...Self.august
        #expect(Self.plan([Self.source(1, 1...1, months: both)]) == [[1]])
        // Of July both, and of August the second alone.
        #expect(Self.plan([Self.source(1, 1...2), Self.source(2, 3...4, months: both)]) == [[1, 2], [2]])
    }

    @Test func whatOverlapsIsSorted() {
        #expect(Self.plan([Self.source(1, 1...20), Self.source(2, 20...30)]) == [[1, 2, -1]])
        // What is hot lies in no such order, however little it is.
        #expect(Self.plan([Self.source(1, nil)]) == [[1, -1]])
        #expect(Self.plan([Self.source(1, 1...2), Self.source(2, nil)]) == [[1, 2, -1]])
        // Two with several months have July's rows before August's each.
        let both = Self.july...Self.august
        #expect(Self.plan([Self.source(1, 1...2, months: both), Self.source(2, 3...4, months: both)]) == [[1, 2, -1]])
    }
}
