internal import Model

/// A zone's offsets from UTC, for times that are written in it.
///
/// Offsets are whole minutes, as RFC 3339 writes them: from before zones had standard times they are rounded, and the local
/// time with them, so that the two always name the exact moment.
struct WrittenZone: Sendable {
    /// The calendar repeats itself after 400 years, which are whole weeks; so do the rules of a zone once they are settled.
    private static let cycle: Int64 = 146_097 * 86_400_000_000
    /// 2100: nobody has announced a change of rules for later.
    static let cycleStart: Int64 = 4_102_444_800_000_000
    static let cycleEnd = cycleStart + cycle

    /// The moments from which offsets hold, ascending; the first offset holds before the second moment.
    private let starts: [Int64]
    private let minutes: [Int64]
    // The change that was found last, since the next time is most likely near.
    private var from = Int64.max
    private var until = Int64.min
    private var last: Int64 = 0

    /// A zone that always has the same offset, in seconds.
    init(fixed seconds: Int64) {
        starts = [.min]
        minutes = [Self.rounded(seconds)]
    }

    /// - Parameters:
    ///   - first: the offset, in seconds, before all changes.
    ///   - changes: when offsets change (in seconds since 1970, ascending) and to what, up to `cycleEnd`.
    init(first: Int64, changes: [(at: Int64, offset: Int64)]) {
        starts = [.min] + changes.map { $0.at * 1_000_000 }
        minutes = ([first] + changes.map(\.offset)).map(Self.rounded)
    }

    private static func rounded(_ seconds: Int64) -> Int64 {
        (seconds.magnitude < 30 ? 0 : Int64((seconds.magnitude + 30) / 60)) * seconds.signum()
    }

    /// The offset at a moment, in minutes.
    mutating func offset(at microseconds: Int64) -> Int64 {
        var moment = microseconds
        if moment >= Self.cycleStart { moment = Self.cycleStart + (moment - Self.cycleStart) % Self.cycle }
        if moment >= from, moment < until { return last }
        var (low, high) = (0, starts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= moment { low = middle } else { high = middle }
        }
        from = starts[low]
        until = high < starts.count ? starts[high] : .max
        last = minutes[low]
        return last
    }
}

extension NumberWriter {
    /// Appends `YYYY-MM-DDTHH:MM:SS.ffffff+HH:MM`: the local time where clocks are so many minutes ahead of UTC. Needs 32 bytes
    /// of room. A moment whose local year would not have four digits is written in UTC.
    mutating func put(time microseconds: Int64, offset minutes: Int64, _ out: inout Output) {
        var offset = minutes
        if !Timestamp(microseconds: microseconds + offset * 60_000_000).isInRange { offset = 0 }
        put(time: microseconds + offset * 60_000_000, &out)
        // The Z gives way.
        out.cut(to: out.count - 1)
        let (hours, rest) = offset.magnitude.quotientAndRemainder(dividingBy: 60)
        out.put(offset < 0 ? 0x2d : 0x2b)
        out.put(UInt8(truncatingIfNeeded: 48 + hours / 10))
        out.put(UInt8(truncatingIfNeeded: 48 + hours % 10))
        out.put(0x3a)
        out.put(UInt8(truncatingIfNeeded: 48 + rest / 10))
        out.put(UInt8(truncatingIfNeeded: 48 + rest % 10))
    }
}
