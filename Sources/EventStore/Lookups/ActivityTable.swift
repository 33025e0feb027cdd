/// How many events somebody has, and from when to when.
public struct PersonActivity: Sendable, Equatable {
    public let first: Int64
    public let last: Int64
    public let count: Int64

    func with(_ other: PersonActivity) -> PersonActivity {
        PersonActivity(first: min(first, other.first), last: max(last, other.last), count: count + other.count)
    }
}

/// The activity of each identity, by its number; numbers are dense.
struct ActivityTable: Sendable {
    private var counts: [UInt32] = []
    private var firsts: [Int64] = []
    private var lasts: [Int64] = []

    func find(_ identity: Int64) -> PersonActivity? {
        let at = Int(identity)
        guard at >= 0, at < counts.count, counts[at] > 0 else { return nil }
        return PersonActivity(first: firsts[at], last: lasts[at], count: Int64(counts[at]))
    }

    mutating func add(_ activity: PersonActivity, to identity: Int64) {
        guard (1...PersonIndex.mostIdentities).contains(identity) else { return }
        let at = Int(identity)
        if at >= counts.count {
            let missing = max(at + 1, counts.count * 3 / 2) - counts.count
            counts += Array(repeating: 0, count: missing)
            firsts += Array(repeating: .max, count: missing)
            lasts += Array(repeating: .min, count: missing)
        }
        counts[at] = UInt32(clamping: Int64(counts[at]) + activity.count)
        firsts[at] = min(firsts[at], activity.first)
        lasts[at] = max(lasts[at], activity.last)
    }
}
