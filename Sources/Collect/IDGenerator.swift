public import Model
import Synchronization

/// Makes UUIDs of version 7 (RFC 9562, 5.7) for items that come without an id.
///
/// One lock and no system call a request: a request draws the random bits once, and its ids count up from there, which
/// the RFC calls a monotonic random counter (6.2, method 2). So the ids of a request are in its order.
public final class IDGenerator: Sendable {
    private let state: Mutex<Xoshiro>

    /// A generator whose ids nobody can foretell.
    public convenience init() {
        var system = SystemRandomNumberGenerator()
        self.init(Xoshiro((system.next(), system.next(), system.next(), system.next() | 1)))
    }

    /// A generator whose ids follow from `seed`, for tests.
    public convenience init(seed: UInt64) {
        self.init(Xoshiro(seed: seed))
    }

    private init(_ random: Xoshiro) { state = Mutex(random) }

    /// The ids of one request that came at `time`.
    public func sequence(at time: Timestamp) -> IDSequence {
        let (high, low) = state.withLock { ($0.next(), $0.next()) }
        return IDSequence(time: time, randomHigh: high, randomLow: low)
    }
}

/// The ids of one request.
public struct IDSequence: Sendable {
    private var high: UInt64
    private var counter: UInt64

    init(time: Timestamp, randomHigh: UInt64, randomLow: UInt64) {
        let milliseconds = UInt64(max(0, time.microseconds) / 1_000) & 0xffff_ffff_ffff
        high = milliseconds << 16 | 0x7000 | randomHigh & 0xfff
        // Half of the range stays free, so that no request's counter runs over.
        counter = randomLow & 0x1fff_ffff_ffff_ffff
    }

    /// Appends the next id: 36 characters, lower case.
    public mutating func appendNext(to out: inout [UInt8]) {
        let low = 0x8000_0000_0000_0000 | counter
        counter &+= 1
        Self.appendHex(high >> 32, digits: 8, to: &out)
        out.append(0x2d)
        Self.appendHex(high >> 16, digits: 4, to: &out)
        out.append(0x2d)
        Self.appendHex(high, digits: 4, to: &out)
        out.append(0x2d)
        Self.appendHex(low >> 48, digits: 4, to: &out)
        out.append(0x2d)
        Self.appendHex(low, digits: 12, to: &out)
    }

    private static func appendHex(_ value: UInt64, digits: Int, to out: inout [UInt8]) {
        var shift = digits * 4
        while shift > 0 {
            shift &-= 4
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15)
            out.append(digit < 10 ? digit &+ 0x30 : digit &+ 0x57)
        }
    }
}

/// xoshiro256** (Blackman and Vigna, 2018): fast, and good enough for ids that need not be secret.
struct Xoshiro: RandomNumberGenerator, Sendable {
    private var s: (UInt64, UInt64, UInt64, UInt64)

    init(_ state: (UInt64, UInt64, UInt64, UInt64)) { s = state }

    /// Spreads a seed over the state by SplitMix64, as its authors advise.
    init(seed: UInt64) {
        var x = seed
        func mix() -> UInt64 {
            x &+= 0x9e37_79b9_7f4a_7c15
            var z = x
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
        s = (mix(), mix(), mix(), mix())
    }

    mutating func next() -> UInt64 {
        let product = s.1 &* 5
        let result = (product << 7 | product >> 57) &* 9
        let t = s.1 << 17
        s.2 ^= s.0
        s.3 ^= s.1
        s.1 ^= s.2
        s.0 ^= s.3
        s.2 ^= t
        s.3 = s.3 << 45 | s.3 >> 19
        return result
    }
}
