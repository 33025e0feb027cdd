import Model

/// A map from the hashes of identities' texts to their numbers: as `HashIndex`, in slots of sixteen bytes. Of a hash it keeps 96
/// bits, of which no two are the same among a few million; numbers are below 2^32.
struct NameIndex: Sendable {
    private struct Slot: Sendable {
        var low: UInt64 = 0
        var high: UInt32 = 0
        /// 0: the slot is free.
        var value: UInt32 = 0
    }

    private var slots: [Slot] = []
    private var count = 0

    init() {}

    /// The number under `hash`.
    func find(_ hash: Hash128) -> Int64? {
        guard count > 0 else { return nil }
        let value = slots[place(hash.low, UInt32(truncatingIfNeeded: hash.high))].value
        return value == 0 ? nil : Int64(value)
    }

    /// Puts `value`, above zero, under `hash`.
    mutating func set(_ hash: Hash128, _ value: Int64) {
        precondition(value > 0 && value <= UInt32.max, "a number does not fit its slot")
        if count >= slots.count / 4 * 3 { grow() }
        let slot = Slot(low: hash.low, high: UInt32(truncatingIfNeeded: hash.high), value: UInt32(value))
        let at = place(slot.low, slot.high)
        if slots[at].value == 0 { count += 1 }
        slots[at] = slot
    }

    /// Where a hash is, or the free slot where it would go; there is one by the bound on the load.
    private func place(_ low: UInt64, _ high: UInt32) -> Int {
        let mask = slots.count &- 1
        var at = Int(truncatingIfNeeded: low) & mask
        while slots[at].value != 0 {
            if slots[at].low == low, slots[at].high == high { return at }
            at = (at &+ 1) & mask
        }
        return at
    }

    private mutating func grow() {
        let before = slots
        slots = Array(repeating: Slot(), count: max(64, before.count * 2))
        for slot in before where slot.value != 0 { slots[place(slot.low, slot.high)] = slot }
    }
}
