/// A person's first start.
struct TallyStart: Sendable {
    var time = Int64.max
    var seq = Int64.max
    /// The number of its bucket.
    var cohort: Int32 = 0
}

/// What a person did after the first start.
struct TallyReturns: Sendable {
    /// A bit for each period with a return; or, where only the first counts, its time.
    private var bits: UInt64
    private(set) var hits: UInt32 = 0

    private static let none = UInt64(bitPattern: Int64.max)

    init(_ mode: CohortSpec.Mode) { bits = mode == .every ? 0 : Self.none }

    var mark: UInt64 { bits }
    var first: Int64? { bits == Self.none ? nil : Int64(bitPattern: bits) }

    mutating func add(_ mark: UInt64) {
        bits |= mark
        hits &+= 1
    }

    mutating func add(at time: Int64) {
        if time < Int64(bitPattern: bits) { bits = UInt64(bitPattern: time) }
        hits &+= 1
    }

    mutating func merge(_ other: TallyReturns, _ mode: CohortSpec.Mode) {
        switch mode {
        case .every: bits |= other.bits
        case .first: bits = UInt64(bitPattern: min(Int64(bitPattern: bits), Int64(bitPattern: other.bits)))
        }
        hits &+= other.hits
    }
}

/// What of a specification says in which period a return lies.
struct TallyPeriods {
    private let interval: Interval
    private let isRelative: Bool
    private let count: Int64

    init(_ spec: CohortSpec) {
        interval = spec.interval
        isRelative = spec.bucket == .relative
        count = Int64(spec.periods)
    }

    /// The bit of the period of a time after a start; none where it lies beyond the periods.
    @inline(__always)
    func bit(of time: Int64, after start: TallyStart, _ cursor: inout BucketCursor) -> UInt64 {
        // Where clocks go back over midnight, what comes later can lie in the bucket before.
        let period = isRelative ? interval.count(of: time - start.time) : max(0, cursor(time) - Int64(start.cohort))
        return period < count ? 1 << UInt64(period) : 0
    }
}
