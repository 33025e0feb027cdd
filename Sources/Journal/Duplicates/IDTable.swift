internal import Glibc
internal import Model

/// 128-bit ids and the `seq` that each was stored under, in an open-addressing table.
///
/// A slot is three words: the id's high and low half and the `seq`, which is 0 where the slot is free. The sealed
/// files hold the slots as they are here.
///
/// Unchecked: the writer's thread alone changes a table, and nobody changes one that was handed over for sealing.
@safe final class IDTable: @unchecked Sendable {
    static let slotBytes = 24
    /// A table of 2²¹ slots (48 MiB) is full at 70 percent; it would grow at 75, which leaves room for the last frame.
    static let fullCount = 1_468_006

    /// The hour since 1970 in which the newest id came.
    var hour: Int64
    /// The table holds the ids of the items after `fromSeq` up to `toSeq`.
    var fromSeq: Int64
    var toSeq: Int64
    /// Where in the journal's life the table was begun, in bytes written.
    var startedAt: Int64 = 0
    private(set) var count = 0
    private(set) var bits: UInt64
    /// Random and odd: nobody can choose ids that fall into one place.
    let multiplier: UInt64
    // Owned by the table and as long as 2^bits slots.
    private(set) nonisolated(unsafe) var slots: UnsafeMutableRawPointer
    /// The smaller table from before, while its ids move over: all at once would hold a frame up for a quarter of a second.
    private var old: Moving?

    @safe private struct Moving {
        // Owned by the table and as long as 2^bits slots; it is only read.
        nonisolated(unsafe) let slots: UnsafeMutableRawPointer
        let bits: UInt64
        /// Slots that were moved.
        var moved = 0
    }

    init(hour: Int64, fromSeq: Int64, expecting: Int = 0) {
        self.hour = hour
        self.fromSeq = fromSeq
        toSeq = fromSeq
        bits = 10
        while expecting * 10 > (1 << Int(bits)) * 7 { bits += 1 }
        multiplier = UInt64.random(in: 0...UInt64.max) | 1
        unsafe slots = SlotMemory.allocate(bits)
    }

    /// An empty table in memory that was prepared for it.
    init(hour: Int64, fromSeq: Int64, spare: consuming SpareSlots) {
        self.hour = hour
        self.fromSeq = fromSeq
        toSeq = fromSeq
        multiplier = UInt64.random(in: 0...UInt64.max) | 1
        bits = spare.bits
        unsafe slots = spare.take()
    }

    /// A copy that has no ids on the move.
    private init(settling other: IDTable) {
        (hour, fromSeq, toSeq, startedAt) = (other.hour, other.fromSeq, other.toSeq, other.startedAt)
        (bits, multiplier) = (other.bits, other.multiplier)
        unsafe slots = SlotMemory.allocate(bits)
        other.forEach { id, seq in put(id, seq) }
    }

    deinit {
        unsafe SlotMemory.free(slots, bits)
        if let old { unsafe SlotMemory.free(old.slots, old.bits) }
    }

    var slotCount: Int { 1 << Int(bits) }
    var isEmpty: Bool { count == 0 && toSeq == fromSeq }

    /// The table as one piece of memory; itself, but in the rare case that its ids are on the move.
    var settled: IDTable { old == nil ? self : IDTable(settling: self) }

    /// Makes the table empty, and small if it has grown large, or much larger than what was in it needs: all of it is cleared each
    /// time.
    func removeAll() {
        if let moving = old {
            unsafe SlotMemory.free(moving.slots, moving.bits)
            old = nil
        }
        if bits > 14 || bits > 10 && count &* 64 < slotCount {
            unsafe SlotMemory.free(slots, bits)
            bits = 10
            unsafe slots = SlotMemory.allocate(bits)
        } else if count > 0 {
            unsafe memset(slots, 0, slotCount * Self.slotBytes)
        }
        count = 0
    }

    /// The `seq` of an id, or 0.
    @inline(__always)
    func find(_ id: Hash128) -> Int64 {
        let seq = unsafe IDSlots.find(id, in: UnsafeRawPointer(slots), bits: bits, multiplier: multiplier)
        guard seq == 0, let old else { return seq }
        return unsafe IDSlots.find(id, in: UnsafeRawPointer(old.slots), bits: old.bits, multiplier: multiplier)
    }

    /// Loads the places of `ids` into the processor's cache. The loads do not depend on one another and so overlap,
    /// while those of `find` wait for each other; a table is much larger than the cache.
    func touch(_ ids: [Hash128]) {
        var sum: Int64 = 0
        for id in ids {
            let at = IDSlots.home(id, bits: bits, multiplier: multiplier) &* Self.slotBytes
            // In bounds: a home is below the number of slots.
            unsafe sum &+= slots.load(fromByteOffset: at &+ 16, as: Int64.self)
        }
        // What was read must be used, or the reads go.
        if sum == .min { lastTouch = sum }
    }
    private var lastTouch: Int64 = 0

    /// Notes an id unless it is there; returns the `seq` that stood there before, or 0.
    @discardableResult
    func insert(_ id: Hash128, _ seq: Int64) -> Int64 {
        if count &* 4 >= slotCount &* 3 { grow() }
        if let moving = old {
            let there = unsafe IDSlots.find(
                id, in: UnsafeRawPointer(moving.slots), bits: moving.bits, multiplier: multiplier)
            move(slots: 16)
            if there != 0 { return there }
        }
        return put(id, seq)
    }

    @discardableResult
    private func put(_ id: Hash128, _ seq: Int64) -> Int64 {
        let mask = slotCount &- 1
        var slot = IDSlots.home(id, bits: bits, multiplier: multiplier)
        while true {
            // In bounds: `slot` is masked.
            let place = unsafe slots + slot &* Self.slotBytes
            let there = unsafe place.load(fromByteOffset: 16, as: Int64.self)
            if there == 0 {
                unsafe place.storeBytes(of: id.high, as: UInt64.self)
                unsafe place.storeBytes(of: id.low, toByteOffset: 8, as: UInt64.self)
                unsafe place.storeBytes(of: seq, toByteOffset: 16, as: Int64.self)
                count &+= 1
                return 0
            }
            if unsafe place.load(as: UInt64.self) == id.high,
                unsafe place.load(fromByteOffset: 8, as: UInt64.self) == id.low
            {
                return there
            }
            slot = (slot &+ 1) & mask
        }
    }

    private func grow() {
        // The one before was done long ago: the table doubles, and every insertion moves sixteen slots.
        move(slots: .max)
        old = unsafe Moving(slots: slots, bits: bits)
        bits += 1
        unsafe slots = SlotMemory.allocate(bits)
    }

    /// Moves the ids of some slots over from the smaller table, which goes after the last.
    private func move(slots most: Int) {
        guard var moving = old else { return }
        let all = 1 << Int(moving.bits)
        let end = most < all - moving.moved ? moving.moved + most : all
        unsafe SlotMemory.forEach(UnsafeRawPointer(moving.slots), moving.moved..<end) { id, seq in
            put(id, seq)
            count &-= 1
        }
        moving.moved = end
        old = end < all ? moving : nil
        if end == all { unsafe SlotMemory.free(moving.slots, moving.bits) }
    }

    /// The lowest `seq` in the table; 0 if it has no ids.
    var lowestSeq: Int64 {
        var lowest = Int64.max
        forEach { _, seq in lowest = min(lowest, seq) }
        return count == 0 ? 0 : lowest
    }

    /// Calls `body` with each id, once.
    func forEachID(_ body: (Hash128) -> Void) { forEach { id, _ in body(id) } }

    private func forEach(_ body: (Hash128, Int64) -> Void) {
        unsafe SlotMemory.forEach(UnsafeRawPointer(slots), 0..<slotCount, body)
        guard let old else { return }
        unsafe SlotMemory.forEach(UnsafeRawPointer(old.slots), old.moved..<(1 << Int(old.bits)), body)
    }
}
