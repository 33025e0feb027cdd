/// The places of rows in the order of their keys: rows are sorted by the bits in which their first numbers differ, digit by digit,
/// and only those with equal first numbers are compared.
struct RowRanks {
    private struct Rank: BitwiseCopyable {
        /// The key's first number, so that it can be compared without its sign.
        var first: UInt64
        var place: Int
    }

    /// The rest of a key.
    private struct Rest: BitwiseCopyable {
        var second: Int64
        var third: Int64

        @inline(__always)
        func isAfter(_ other: Rest) -> Bool {
            second == other.second ? third > other.third : second > other.second
        }
    }

    private static let digit: UInt64 = 11
    /// Bytes of one row.
    static let stride = MemoryLayout<Rank>.stride * 2 + MemoryLayout<Rest>.stride

    private var ranks: [Rank] = []
    private var rests: [Rest] = []
    private var spare: [Rank] = []
    private var counts: [Int] = []

    var count: Int { ranks.count }

    /// Adds the key of the next row.
    @inline(__always)
    mutating func add(_ key: RowKey) {
        ranks.append(Rank(first: UInt64(bitPattern: key.first) ^ 1 << 63, place: ranks.count))
        rests.append(Rest(second: key.second, third: key.third))
    }

    mutating func removeAll() {
        ranks.removeAll(keepingCapacity: true)
        rests.removeAll(keepingCapacity: true)
    }

    /// Gives the rows' places and keys in order; equal ones in the order in which they were added. Call `sort` before.
    @inline(__always)
    func forEach<E: Error>(_ body: (Int, RowKey) throws(E) -> Void) throws(E) {
        for rank in ranks {
            let rest = rests[rank.place]
            let first = Int64(bitPattern: rank.first ^ 1 << 63)
            try body(rank.place, RowKey(first: first, second: rest.second, third: rest.third))
        }
    }

    mutating func sort() {
        guard let first = ranks.first?.first else { return }
        var (differing, last): (UInt64, UInt64) = (0, 0)
        var isAscending = true
        for rank in ranks {
            differing |= rank.first ^ first
            isAscending = isAscending && last <= rank.first
            last = rank.first
        }
        if !isAscending {
            for shift in Swift.stride(from: UInt64(0), to: 64, by: Int(Self.digit))
            where differing >> shift & Self.mask != 0 {
                sort(by: shift)
            }
        }
        sortEqual()
    }

    private static var mask: UInt64 { 1 << digit - 1 }

    /// Sorts by one digit, and keeps the order of those that have the same.
    private mutating func sort(by shift: UInt64) {
        counts.removeAll(keepingCapacity: true)
        counts.append(contentsOf: repeatElement(0, count: 1 << Int(Self.digit)))
        if spare.count < ranks.count {
            spare.append(contentsOf: repeatElement(Rank(first: 0, place: 0), count: ranks.count - spare.count))
        }
        let count = ranks.count
        // Places are below `count`, digits below the number of counts.
        unsafe ranks.withUnsafeMutableBufferPointer { from in
            unsafe spare.withUnsafeMutableBufferPointer { to in
                unsafe counts.withUnsafeMutableBufferPointer { counts in
                    for i in 0..<count {
                        let digit = unsafe Int(truncatingIfNeeded: from[i].first >> shift & Self.mask)
                        unsafe counts[digit] &+= 1
                    }
                    var start = 0
                    for digit in 0..<counts.count {
                        let found = unsafe counts[digit]
                        unsafe counts[digit] = start
                        start &+= found
                    }
                    for i in 0..<count {
                        let rank = unsafe from[i]
                        let digit = Int(truncatingIfNeeded: rank.first >> shift & Self.mask)
                        unsafe to[counts[digit]] = rank
                        unsafe counts[digit] &+= 1
                    }
                }
            }
        }
        swap(&ranks, &spare)
        // The other one may have had room for more.
        if ranks.count > count { ranks.removeLast(ranks.count - count) }
    }

    /// Sorts those whose first numbers are equal by the others.
    private mutating func sortEqual() {
        var start = 0
        while start < ranks.count {
            var end = start + 1
            var isAscending = true
            while end < ranks.count, ranks[end].first == ranks[start].first {
                if rests[ranks[end - 1].place].isAfter(rests[ranks[end].place]) { isAscending = false }
                end += 1
            }
            if !isAscending {
                let rests = rests
                ranks[start..<end].sort { a, b in
                    let (one, other) = (rests[a.place], rests[b.place])
                    return other.isAfter(one) || !one.isAfter(other) && a.place < b.place
                }
            }
            start = end
        }
    }
}
