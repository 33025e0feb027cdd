import Model

/// A map from 128-bit hashes to numbers above zero: open addressing with linear probing in one flat array of 24-byte
/// slots. It grows by doubling and starts with nothing, so that an idle store pays nothing for it.
struct HashIndex: Sendable {
    private struct Slot: Sendable {
        var high: UInt64
        var low: UInt64
        /// 0: the slot is free.
        var value: Int64
    }

    private var slots: [Slot] = []
    private(set) var count = 0

    init() {}

    /// The most entries that fit without growing further than `slotCount` slots.
    static func entries(inSlots slotCount: Int) -> Int { slotCount / 4 * 3 }

    /// The bytes of its slots.
    var byteCount: Int { slots.count * MemoryLayout<Slot>.stride }

    /// The number under `hash`.
    func find(_ hash: Hash128) -> Int64? {
        guard count > 0 else { return nil }
        let value = slots[place(of: hash)].value
        return value == 0 ? nil : value
    }

    /// Puts `value` (above zero) under `hash`, in place of what was there.
    mutating func set(_ hash: Hash128, _ value: Int64) {
        precondition(value > 0, "a value of zero marks a free slot")
        if count >= Self.entries(inSlots: slots.count) { grow() }
        let at = place(of: hash)
        if slots[at].value == 0 { count += 1 }
        slots[at] = Slot(high: hash.high, low: hash.low, value: value)
    }

    /// Where `hash` is, or the free slot where it would go. There is a free slot by the bound on the load.
    private func place(of hash: Hash128) -> Int {
        let mask = slots.count &- 1
        var at = Int(truncatingIfNeeded: hash.low) & mask
        while slots[at].value != 0 {
            if slots[at].low == hash.low, slots[at].high == hash.high { return at }
            at = (at &+ 1) & mask
        }
        return at
    }

    private mutating func grow() {
        let before = slots
        slots = Array(repeating: Slot(high: 0, low: 0, value: 0), count: max(64, before.count * 2))
        for slot in before where slot.value != 0 {
            slots[place(of: Hash128(high: slot.high, low: slot.low))] = slot
        }
    }
}
