/// Which of many sorted runs has the smallest next key; of equal ones the earlier run. A tree of losers: the run that won plays
/// again on its way up, once a level.
struct RunTree {
    private var keys: [RowKey?]
    /// At each inner place who lost there; at 0 who won all.
    private var losers: [Int]

    /// - Parameter keys: the first key of each run; nil where it has none.
    init(_ keys: [RowKey?]) {
        self.keys = keys
        losers = Array(repeating: 0, count: max(keys.count, 1))
        guard !keys.isEmpty else { return }
        // Leaves follow the inner places.
        var winners = Array(repeating: 0, count: keys.count * 2)
        for run in keys.indices { winners[keys.count + run] = run }
        for place in stride(from: keys.count - 1, to: 0, by: -1) {
            let (a, b) = (winners[place * 2], winners[place * 2 + 1])
            (winners[place], losers[place]) = precedes(a, b) ? (a, b) : (b, a)
        }
        losers[0] = keys.count > 1 ? winners[1] : 0
    }

    /// The run whose key is the smallest; nil when all are over.
    @inline(__always)
    var top: Int? {
        guard losers[0] < keys.count, keys[losers[0]] != nil else { return nil }
        return losers[0]
    }

    /// Gives the run on top its next key; nil if it is over.
    @inline(__always)
    mutating func replaceTop(_ key: RowKey?) {
        var winner = losers[0]
        keys[winner] = key
        var place = (keys.count + winner) / 2
        while place > 0 {
            let other = losers[place]
            if precedes(other, winner) { (losers[place], winner) = (winner, other) }
            place /= 2
        }
        losers[0] = winner
    }

    @inline(__always)
    private func precedes(_ a: Int, _ b: Int) -> Bool {
        guard let one = keys[a] else { return false }
        guard let other = keys[b] else { return true }
        if one.first != other.first { return one.first < other.first }
        if one.second != other.second { return one.second < other.second }
        if one.third != other.third { return one.third < other.third }
        return a < b
    }
}
