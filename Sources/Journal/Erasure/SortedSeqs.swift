/// Numbers of items in ascending order, found by halving.
struct SortedSeqs {
    private let seqs: ArraySlice<Int64>

    /// - Parameter seqs: in ascending order.
    init(_ seqs: [Int64]) { self.seqs = seqs[...] }

    private init(_ seqs: ArraySlice<Int64>) { self.seqs = seqs }

    var isEmpty: Bool { seqs.isEmpty }

    func contains(_ seq: Int64) -> Bool {
        let at = place(of: seq)
        return at < seqs.endIndex && seqs[at] == seq
    }

    func count(from first: Int64, through last: Int64) -> Int { within(first, last).seqs.count }

    /// Those that the ids of a file may have.
    func within(_ file: IDFile) -> SortedSeqs { within(file.lowestSeq ?? 0, file.toSeq) }

    /// Whether ids of these items may be in a file.
    func mayMeet(_ file: IDFile) -> Bool { file.count > 0 && !within(file).isEmpty }

    private func within(_ first: Int64, _ last: Int64) -> SortedSeqs {
        guard first <= last else { return SortedSeqs(seqs.prefix(0)) }
        return SortedSeqs(seqs[place(of: first)..<place(of: last + 1)])
    }

    /// Where the first that is not below `seq` lies.
    private func place(of seq: Int64) -> Int {
        var (low, high) = (seqs.startIndex, seqs.endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if seqs[middle] < seq { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
