/// A 128-bit hash that stands for an event's id when duplicates are looked for.
///
/// SipHash-2-4 with its 128-bit output (Aumasson and Bernstein, 2012) under a fixed key: two different texts collide
/// with a probability of about n²/2¹²⁹, so an equal hash is taken for an equal id.
public struct Hash128: Hashable, Sendable, Comparable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// No id: such an item is never a duplicate.
    public static let none = Hash128(high: 0, low: 0)

    public static func < (a: Hash128, b: Hash128) -> Bool { (a.high, a.low) < (b.high, b.low) }

    /// The hash of `bytes`. Never `none`.
    public init(_ bytes: Span<UInt8>, seed: UInt64 = 0) {
        var state = SipState(seed: seed)
        let count = bytes.count
        var i = 0
        let raw = unsafe bytes.bytes
        while i &+ 8 <= count {
            // In bounds: eight bytes from `i` end at or before `count`.
            state.mix(unsafe UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: i, as: UInt64.self)))
            i &+= 8
        }
        var last = UInt64(truncatingIfNeeded: count) << 56
        var shift: UInt64 = 0
        while i < count {
            last |= UInt64(bytes[i]) << shift
            shift &+= 8
            i &+= 1
        }
        state.mix(last)
        (low, high) = state.finish()
    }

    /// The hash of a text's UTF-8.
    public init(_ text: String, seed: UInt64 = 0) {
        self.init(Array(text.utf8).span, seed: seed)
    }
}

/// SipHash's four words.
private struct SipState {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64

    init(seed: UInt64) {
        let k0: UInt64 = 0x0706_0504_0302_0100 ^ seed
        let k1: UInt64 = 0x0f0e_0d0c_0b0a_0908
        v0 = k0 ^ 0x736f_6d65_7073_6575
        v1 = k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee
        v2 = k0 ^ 0x6c79_6765_6e65_7261
        v3 = k1 ^ 0x7465_6462_7974_6573
    }

    @inline(__always)
    private mutating func round() {
        v0 = v0 &+ v1
        v1 = (v1 << 13 | v1 >> 51) ^ v0
        v0 = v0 << 32 | v0 >> 32
        v2 = v2 &+ v3
        v3 = (v3 << 16 | v3 >> 48) ^ v2
        v0 = v0 &+ v3
        v3 = (v3 << 21 | v3 >> 43) ^ v0
        v2 = v2 &+ v1
        v1 = (v1 << 17 | v1 >> 47) ^ v2
        v2 = v2 << 32 | v2 >> 32
    }

    @inline(__always)
    mutating func mix(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    mutating func finish() -> (UInt64, UInt64) {
        v2 ^= 0xee
        for _ in 0..<4 { round() }
        let first = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xdd
        for _ in 0..<4 { round() }
        return (first, v0 ^ v1 ^ v2 ^ v3)
    }
}
