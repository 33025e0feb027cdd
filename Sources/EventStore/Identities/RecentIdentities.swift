internal import Model
internal import Synchronization

/// The texts of the identities that items named of late: what came in last is what is exported again and again, and its texts lie
/// scattered among those of everybody.
///
/// Bounded: of two halves the older is forgotten when the newer is full.
public final class RecentIdentities: Sendable {
    /// What was found of the identities that were asked for.
    public struct Found: Sendable {
        /// The texts one after another.
        fileprivate var texts: [UInt8] = []
        /// Identities, and where their texts end.
        fileprivate var places: [(identity: Int64, end: Int)] = []
        /// Those that must be looked for in the tables, in the order in which they were asked for.
        public fileprivate(set) var missing: [Int64] = []

        /// Lends each text that was found; its identity is a person by itself.
        public func forEach(_ body: (_ identity: Int64, _ text: UnsafeBufferPointer<UInt8>) -> Void) {
            // Lent for the calls; the places are within.
            unsafe texts.withUnsafeBufferPointer { texts in
                var start = 0
                for (identity, end) in places {
                    unsafe body(identity, UnsafeBufferPointer(rebasing: texts[start..<end]))
                    start = end
                }
            }
        }

        fileprivate mutating func add(_ identity: Int64, _ text: ArraySlice<UInt8>) {
            texts.append(contentsOf: text)
            places.append((identity, texts.count))
        }
    }

    private struct Half {
        var texts: [UInt8] = []
        var places: [Int64: Range<Int>] = [:]
    }

    private struct State {
        var newer = Half()
        var older = Half()
    }

    /// The bounds of a half.
    private static let mostTexts = 1 << 17
    private static let mostBytes = 4 << 20
    /// A text above this is not remembered, in bytes.
    private static let longestText = 256

    private let state = Mutex(State())
    private let ties: PersonTies

    init(ties: PersonTies) { self.ties = ties }

    /// The texts of those that are remembered and tied to nobody. Ask after the beginning of a transaction: what it sees of ties is
    /// known then.
    public func find(_ identities: [Int64]) -> Found {
        let tied = ties.tied(among: identities)
        return state.withLock { state in
            var found = Found()
            for (identity, isTied) in zip(identities, tied) {
                if isTied {
                    found.missing.append(identity)
                } else if let place = state.newer.places[identity] {
                    found.add(identity, state.newer.texts[place])
                } else if let place = state.older.places[identity] {
                    found.add(identity, state.older.texts[place])
                } else {
                    found.missing.append(identity)
                }
            }
            return found
        }
    }

    /// Remembers the identities of items that are in the store for good.
    func note(_ batch: ItemBatch, _ identity: (_ place: Int) -> Int64) throws(StoreError) {
        try state.withLock { (state) throws(StoreError) in
            var place = 0
            try batch.forEach { (payload, item, _, _) throws(StoreError) in
                let id = identity(place)
                place += 1
                guard id > 0, state.newer.places[id] == nil else { return }
                let text = payload.extracting(item.identity)
                guard text.count <= Self.longestText, CleanText.isUTF8(text) else { return }
                if state.newer.places.count >= Self.mostTexts || state.newer.texts.count + text.count > Self.mostBytes {
                    state.older = state.newer
                    state.newer = Half()
                }
                let start = state.newer.texts.count
                state.newer.texts.append(copying: text)
                state.newer.places[id] = start..<state.newer.texts.count
            }
        }
    }

    /// Forgets everything: numbers may mean others from now on, or nobody.
    func forget() { state.withLock { $0 = State() } }
}
