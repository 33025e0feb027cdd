/// What is to leave the journal's folder for good.
public struct JournalErasure: Sendable {
    /// Everything up to this `seq` leaves the segments; as far as it is durable. At least the last of `seqs`: as long as an
    /// item is in a segment, a start would read its id again.
    public let through: Int64
    /// The items that are erased, in ascending order. Their ids, and those of their parts, leave the duplicates' index.
    public let seqs: [Int64]
    /// Whom they name: identities as their UTF-8. Files that were set aside are looked through for them.
    public let texts: [[UInt8]]

    /// - Parameter seqs: in any order; they are sorted here unless they are already.
    public init(through: Int64, seqs: [Int64], texts: [[UInt8]]) {
        let isAscending = zip(seqs, seqs.dropFirst()).allSatisfy { $0 <= $1 }
        self.seqs = isAscending ? seqs : seqs.sorted()
        self.through = max(through, self.seqs.last ?? 0)
        self.texts = texts
    }
}
