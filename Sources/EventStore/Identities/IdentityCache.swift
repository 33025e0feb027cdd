import Model

/// What the applier remembers of identities: text (by its hash) → id, and whether it was ever named.
///
/// Two generations bound it: when the young one is full it becomes the old one, and what the old one held is
/// forgotten. As long as nothing was forgotten, an identity that is not here does not exist, and no query is needed
/// to know it.
struct IdentityCache: Sendable {
    /// An identity that is known.
    struct Entry: Equatable, Sendable {
        var id: Int64
        var isNamed: Bool
    }

    private var young = HashIndex()
    private var old = HashIndex()
    /// The most entries of one generation.
    private let generation: Int
    /// Whether every identity of the store is in here.
    private(set) var isComplete: Bool

    /// `slots`: of one generation at most, a power of two (2¹⁹ are 12.6 MB and 393,216 identities).
    init(slots: Int = 1 << 19, isComplete: Bool) {
        generation = HashIndex.entries(inSlots: slots)
        self.isComplete = isComplete
    }

    /// The most identities that it holds at once.
    var capacity: Int { generation * 2 }
    var count: Int { young.count + old.count }
    var byteCount: Int { young.byteCount + old.byteCount }

    mutating func find(_ hash: Hash128) -> Entry? {
        if let value = young.find(hash) { return Self.entry(value) }
        guard let value = old.find(hash) else { return nil }
        // Used again, so worth keeping when the old generation goes; while nothing goes, a copy would only take room.
        if !isComplete { put(hash, value) }
        return Self.entry(value)
    }

    /// Remembers an identity, or that it is named now.
    mutating func remember(_ hash: Hash128, _ entry: Entry) {
        let value = entry.id << 1 | (entry.isNamed ? 1 : 0)
        if old.find(hash) != nil { old.set(hash, value) }
        if isComplete, old.find(hash) != nil { return }
        put(hash, value)
    }

    private mutating func put(_ hash: Hash128, _ value: Int64) {
        if young.count >= generation, young.find(hash) == nil {
            if old.count > 0 { isComplete = false }
            old = young
            young = HashIndex()
        }
        young.set(hash, value)
    }

    private static func entry(_ value: Int64) -> Entry { Entry(id: value >> 1, isNamed: value & 1 == 1) }
}
