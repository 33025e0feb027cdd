internal import Control

/// How many requests a key has left: as many at once as its burst, and then as many a second as its limit. Pure.
struct TokenBucket: Sendable {
    /// What is left after a request.
    struct State: Sendable, Equatable {
        let limit: RateLimit
        let remaining: Int64
        /// Seconds until all are there again.
        let reset: Int64
        /// Seconds until there is one; nil if the request was let through.
        let retryAfter: Int64?
    }

    /// One request, in the unit in which they come: a limit of one a second gives one unit a microsecond.
    private static let one: Int64 = 1_000_000

    private let limit: RateLimit
    private var left: Int64
    private var filledAt: Int64

    /// A bucket that is full.
    ///
    /// - Parameter now: microseconds of a clock that never goes back.
    init(_ limit: RateLimit, at now: Int64) {
        self.limit = limit
        left = limit.burst * Self.one
        filledAt = now
    }

    /// Takes one request out, if there is one.
    mutating func take(at now: Int64) -> State {
        let full = limit.burst * Self.one
        let missing = full - left
        // More time than it takes to fill changes nothing, and would not fit.
        let elapsed = min(max(0, now - filledAt), missing / limit.perSecond + 1)
        left = min(full, left + elapsed * limit.perSecond)
        filledAt = max(now, filledAt)
        let isThere = left >= Self.one
        if isThere { left -= Self.one }
        return State(
            limit: limit, remaining: left / Self.one, reset: seconds(full - left),
            retryAfter: isThere ? nil : max(1, seconds(Self.one - left)))
    }

    /// How long that many units take, rounded up.
    private func seconds(_ units: Int64) -> Int64 {
        let perSecond = limit.perSecond * Self.one
        return (units + perSecond - 1) / perSecond
    }
}
