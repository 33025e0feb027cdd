internal import Model

/// The first pass over a batch: which identity each item names.
///
/// An identity is a *reference* until the batch's unknown texts have been looked up: above zero its id, below zero the
/// place in `unknown`.
struct IdentityPass {
    /// An identity that the cache does not know.
    struct Unknown {
        let hash: Hash128
        let slice: Int
        /// The text's place in the slice's payload.
        let text: Range<Int>
        let firstSeq: Int64
        /// The first item of the batch that names it.
        var namedSeq: Int64?
    }

    /// An alias or an undo.
    struct Tie {
        let seq: Int64
        let timestamp: Timestamp
        let receivedAt: Timestamp
        let wire: WireProtocol
        let slice: Int
        let identity: Range<Int>
        let other: Range<Int>
        /// References of the two sides; 0 for an undo.
        let identityRef: Int64
        let otherRef: Int64
        let derived: Bool
        /// The alias that an undo takes back; 0 if the item names none.
        let undoes: Int64?
        /// The undo's name, as text for a reject.
        let name: Range<Int>
    }

    /// One an item: its identity; 0 for kinds that have none.
    private(set) var refs: [Int64] = []
    private(set) var ties: [Tie] = []
    private(set) var unknown: [Unknown] = []
    /// Known identities that nobody had named before, and the item that does.
    private(set) var named: [Int64: Int64] = [:]
    private(set) var eventCount = 0
    private(set) var changeCount = 0
    private(set) var rejectCount = 0
    private var places = HashIndex()
    private let seed: UInt64

    /// - Parameter seed: of the hashes in `cache`.
    init(_ batch: ItemBatch, cache: inout IdentityCache, seed: UInt64) throws(StoreError) {
        self.seed = seed
        refs.reserveCapacity(batch.count)
        try batch.forEach { (payload, item, seq, slice) throws(StoreError) in
            switch item.kind {
            case .event, .set:
                if item.kind == .event { eventCount += 1 }
                if item.kind == .set || item.flags.contains(.setsProperties) { changeCount += 1 }
                let isNamed = item.flags.contains(.namesIdentity)
                refs.append(reference(payload, item.identity, slice, seq, isNamed, &cache))
            case .alias:
                refs.append(0)
                let identity = reference(payload, item.identity, slice, seq, true, &cache)
                let other = reference(payload, item.other, slice, seq, true, &cache)
                ties.append(tie(item, seq, slice, identity, other, undoes: nil))
            case .undo:
                refs.append(0)
                let target = Int64(String(utf8: payload.extracting(item.name))) ?? 0
                ties.append(tie(item, seq, slice, 0, 0, undoes: target))
            case .reject:
                refs.append(0)
                rejectCount += 1
            }
        }
    }

    private func tie(
        _ item: ItemLayout, _ seq: Int64, _ slice: Int, _ identity: Int64, _ other: Int64, undoes: Int64?
    ) -> Tie {
        Tie(
            seq: seq, timestamp: item.timestamp, receivedAt: item.receivedAt, wire: item.wire, slice: slice,
            identity: item.identity, other: item.other, identityRef: identity, otherRef: other,
            derived: item.flags.contains(.derivedAlias), undoes: undoes, name: item.name)
    }

    private mutating func reference(
        _ payload: Span<UInt8>, _ text: Range<Int>, _ slice: Int, _ seq: Int64, _ isNamed: Bool,
        _ cache: inout IdentityCache
    ) -> Int64 {
        let hash = CleanText.hash(payload.extracting(text), seed: seed)
        if let entry = cache.find(hash) {
            if isNamed, !entry.isNamed {
                named[entry.id] = seq
                cache.remember(hash, IdentityCache.Entry(id: entry.id, isNamed: true))
            }
            return entry.id
        }
        if let place = places.find(hash) {
            if isNamed, unknown[Int(place - 1)].namedSeq == nil { unknown[Int(place - 1)].namedSeq = seq }
            return -place
        }
        unknown.append(Unknown(hash: hash, slice: slice, text: text, firstSeq: seq, namedSeq: isNamed ? seq : nil))
        places.set(hash, Int64(unknown.count))
        return -Int64(unknown.count)
    }

    /// Notes that a known identity is named now.
    mutating func noteNamed(_ id: Int64, seq: Int64) {
        if named[id] == nil { named[id] = seq }
    }
}
