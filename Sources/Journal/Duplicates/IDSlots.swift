internal import Model

/// The look-up of tables in memory.
enum IDSlots {
    /// The slot where the search for an id begins.
    @inline(__always)
    static func home(_ id: Hash128, bits: UInt64, multiplier: UInt64) -> Int {
        Int(truncatingIfNeeded: ((id.low ^ id.high) &* multiplier) &>> (64 &- bits))
    }

    /// - Parameter slots: 2^bits slots.
    @inline(__always)
    static func find(_ id: Hash128, in slots: UnsafeRawPointer, bits: UInt64, multiplier: UInt64) -> Int64 {
        let mask = (1 &<< Int(bits)) &- 1
        var slot = home(id, bits: bits, multiplier: multiplier)
        // A whole turn ends the search, also in a damaged file without a free slot.
        for _ in 0...mask {
            // In bounds: `slot` is masked.
            let place = unsafe slots + slot &* IDTable.slotBytes
            let seq = unsafe place.load(fromByteOffset: 16, as: Int64.self)
            if seq == 0 { return 0 }
            if unsafe place.load(as: UInt64.self) == id.high,
                unsafe place.load(fromByteOffset: 8, as: UInt64.self) == id.low
            {
                return seq
            }
            slot = (slot &+ 1) & mask
        }
        return 0
    }
}

/// A Bloom filter whose six bits for an id lie in one block of 64 bytes, so that asking costs one cache miss.
enum BlockedBloom {
    static let blockBytes = 64
    /// About sixteen bits an id, by which one id in eight hundred that is not there seems to be and is looked for in the file.
    static func blocks(for count: Int) -> Int { max(1, (count * 16 + 511) / 512) }

    @inline(__always)
    static func block(_ id: Hash128, blocks: Int, multiplier: UInt64) -> Int {
        let mixed = ((id.high &+ id.low) &* multiplier) &>> 32
        return Int(truncatingIfNeeded: (mixed &* UInt64(truncatingIfNeeded: blocks)) &>> 32)
    }

    static func insert(_ id: Hash128, into filter: inout [UInt8], blocks: Int, multiplier: UInt64) {
        let start = block(id, blocks: blocks, multiplier: multiplier) * blockBytes
        var rest = id.high
        for _ in 0..<6 {
            let bit = Int(rest & 511)
            filter[start + (bit >> 3)] |= 1 << UInt8(bit & 7)
            rest = rest &>> 9
        }
    }

    /// - Parameter filter: `blocks` blocks.
    @inline(__always)
    static func mayHold(_ id: Hash128, in filter: UnsafeRawPointer, blocks: Int, multiplier: UInt64) -> Bool {
        // In bounds: a block is below `blocks`, a bit below 512.
        let start = unsafe filter + block(id, blocks: blocks, multiplier: multiplier) &* blockBytes
        var rest = id.high
        for _ in 0..<6 {
            let bit = Int(truncatingIfNeeded: rest & 511)
            let byte = unsafe start.load(fromByteOffset: bit &>> 3, as: UInt8.self)
            if byte & (1 &<< UInt8(truncatingIfNeeded: bit & 7)) == 0 { return false }
            rest = rest &>> 9
        }
        return true
    }
}
