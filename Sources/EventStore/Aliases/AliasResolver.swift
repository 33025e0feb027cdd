/// Two identities without an order: what an alias ties and an undo unties.
struct IdentityPair: Hashable, Sendable, Comparable {
    let low: Int64
    let high: Int64

    init(_ a: Int64, _ b: Int64) {
        low = min(a, b)
        high = max(a, b)
    }

    static func < (a: Self, b: Self) -> Bool { (a.low, a.high) < (b.low, b.high) }
}

/// Who is one person: a graph of identities tied by live pairs, of which it holds the groups that a batch concerns.
///
/// Load every identity of those groups, and the pairs that matter; then give it the aliases and undos in `seq` order.
/// A person's number is the smallest identity id of the group.
struct AliasResolver: Sendable {
    enum Verdict: Equatable, Sendable {
        /// The pair is tied now (again, or already).
        case tied
        /// An alias that an SDK derived for a pair that was undone: it is kept and ties nothing.
        case staysUndone
        /// The person would have this many identities, more than it may.
        case refused(Int)
    }

    /// The most identities of a person.
    static let mostIdentities = 1_000

    private let mostIdentities: Int
    private var persons: [Int64: Int64] = [:]
    private var loaded: [Int64: Int64] = [:]
    private var members: [Int64: [Int64]] = [:]
    private var ties: [Int64: Set<Int64>] = [:]
    private var undone: Set<IdentityPair> = []

    init(mostIdentities: Int = AliasResolver.mostIdentities) { self.mostIdentities = mostIdentities }

    // MARK: What is known before the batch

    mutating func load(_ identity: Int64, person: Int64) {
        guard loaded.updateValue(person, forKey: identity) == nil else { return }
        persons[identity] = person
        members[person, default: []].append(identity)
    }

    /// A pair that is tied. Needed for the groups in which the batch undoes something.
    mutating func load(live pair: IdentityPair) { connect(pair) }

    /// A pair that was tied once and is not.
    mutating func load(undone pair: IdentityPair) { undone.insert(pair) }

    // MARK: The batch, in order

    mutating func tie(_ pair: IdentityPair, derived: Bool) -> Verdict {
        if derived, undone.contains(pair) { return .staysUndone }
        guard let low = persons[pair.low], let high = persons[pair.high] else {
            preconditionFailure("an alias's groups must be loaded")
        }
        if low != high {
            let size = members[low, default: []].count + members[high, default: []].count
            if size > mostIdentities { return .refused(size) }
            let moving = members.removeValue(forKey: max(low, high)) ?? []
            for identity in moving { persons[identity] = min(low, high) }
            members[min(low, high), default: []].append(contentsOf: moving)
        }
        undone.remove(pair)
        connect(pair)
        return .tied
    }

    /// Unties a pair. What else ties its two sides stays.
    mutating func undo(_ pair: IdentityPair) {
        undone.insert(pair)
        guard ties[pair.low]?.remove(pair.high) != nil else { return }
        ties[pair.high]?.remove(pair.low)
        let left = reachable(from: pair.low)
        guard !left.contains(pair.high), let person = persons[pair.low] else { return }
        // One tie less makes two groups of one at most: what hung on the one side and what hung on the other.
        members[person] = nil
        for group in [left, reachable(from: pair.high)] {
            guard let first = group.min() else { continue }
            for identity in group { persons[identity] = first }
            members[first] = group.sorted()
        }
    }

    // MARK: What is known after it

    func person(of identity: Int64) -> Int64? { persons[identity] }

    /// The identities whose person is another one now, in order.
    var changes: [(identity: Int64, person: Int64)] {
        persons.filter { loaded[$0.key] != $0.value }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private mutating func connect(_ pair: IdentityPair) {
        ties[pair.low, default: []].insert(pair.high)
        ties[pair.high, default: []].insert(pair.low)
    }

    private func reachable(from start: Int64) -> Set<Int64> {
        var seen: Set<Int64> = [start]
        var next = [start]
        while let identity = next.popLast() {
            for other in ties[identity, default: []] where seen.insert(other).inserted { next.append(other) }
        }
        return seen
    }
}
