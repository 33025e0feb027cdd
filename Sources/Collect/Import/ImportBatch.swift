public import Journal
public import Model

/// One row of a file: an item, or a reject that keeps the row.
public struct ImportRow: Sendable, Equatable {
    /// The line on which the row begins, from 1.
    public let line: Int
    public let item: Item
    /// Why the row was refused; nil if it was taken.
    public let rejection: String?
    /// Properties that count on their own where the item is a duplicate, as `Submission.add` takes them.
    public var parts: [Item] = []
    /// Which of its like an event of KISSmetrics' export is, from 1.
    public var nth = 1
    /// What follows from the row beside its item: the alias of a Segment identify.
    public var more: [Item] = []
}

/// Some thousand rows of a file, in its order.
public struct ImportBatch: Sendable, Equatable {
    public var rows: [ImportRow]

    /// The rows for the journal, but for those at `known` places, which are stored already.
    public func submission(leavingOut known: Set<Int> = []) -> Submission {
        var submission = Submission()
        for (place, row) in rows.enumerated() where !known.contains(place) {
            submission.add(row.item, parts: row.parts)
            for item in row.more { submission.add(item) }
        }
        return submission
    }
}
