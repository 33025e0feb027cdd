/// How many requests a key may make.
public struct RateLimit: Sendable, Equatable {
    /// What both may be.
    public static let range: ClosedRange<Int64> = 1...100_000

    /// Requests a second, in the long run.
    public let perSecond: Int64
    /// Requests at once, after a pause.
    public let burst: Int64

    /// - Parameter burst: as many as in a second, if not said.
    public init(perSecond: Int64, burst: Int64? = nil) {
        self.perSecond = perSecond
        self.burst = burst ?? perSecond
    }
}
