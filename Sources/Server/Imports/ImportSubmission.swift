internal import Collect
internal import Journal
internal import Model

/// A batch's rows for the journal, without what the store is known to have.
struct ImportSubmission {
    private(set) var items = Submission()
    /// The rows that the items come from, in their order; nil for what only follows from a row.
    private var rows: [Int?] = []

    init(_ batch: ImportBatch, _ known: KnownRows) {
        for (place, row) in batch.rows.enumerated() {
            switch known.verdicts[place] {
            case .new: add(row.item, parts: row.parts, of: row, place)
            case .known(let newParts):
                for part in newParts { add(row.parts[part], of: row, place) }
            }
            for (number, item) in row.more.enumerated() where !known.follows.contains([place, number]) {
                add(item, of: row, nil)
            }
        }
    }

    private mutating func add(_ item: Item, parts: [Item] = [], of row: ImportRow, _ place: Int?) {
        var item = item
        if item.kind == .reject, item.dedupID == .none {
            // Rejects get an id, too, so that a file that is sent again does not keep them twice.
            let text = Array("\(row.line)\n".utf8) + item.name + [0x0a] + item.properties
            item.dedupID = Hash128(text.span, seed: 0x72656a)
        }
        items.add(item, parts: parts)
        rows.append(place)
    }

    /// The rows of which something was stored.
    func rowsWithNews(_ receipt: Receipt) -> Set<Int> {
        var found: Set<Int> = []
        for (place, verdict) in receipt.verdicts.enumerated() {
            guard let row = rows[place] else { continue }
            if case .stored = verdict { found.insert(row) }
            if receipt.withNewParts.contains(place) { found.insert(row) }
        }
        return found
    }
}
