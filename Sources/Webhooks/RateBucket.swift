internal import Model

/// So many messages in so long, and so many at once. Pure.
public struct EndpointRate: Sendable, Equatable {
    public let count: Int64
    /// In so many seconds.
    public let seconds: Int64
    public let burst: Int64

    public init(count: Int64, seconds: Int64 = 1, burst: Int64? = nil) {
        self.count = count
        self.seconds = seconds
        self.burst = burst ?? min(10_000, max(1, count / seconds))
    }
}

struct RateBucket: Sendable, Equatable {
    private let rate: EndpointRate
    private var left: Double
    private var filledAt: Timestamp

    init(_ rate: EndpointRate, now: Timestamp) {
        self.rate = rate
        left = Double(rate.burst)
        filledAt = now
    }

    /// How many may go now.
    mutating func room(now: Timestamp) -> Int {
        let elapsed = Double(max(0, now.microseconds - filledAt.microseconds)) / 1_000_000
        left = min(Double(rate.burst), left + elapsed * Double(rate.count) / Double(rate.seconds))
        // A clock that goes back gives nothing twice.
        filledAt = max(now, filledAt)
        return Int(left)
    }

    mutating func take(_ count: Int) { left -= Double(count) }
}
