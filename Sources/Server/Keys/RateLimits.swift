internal import Control
internal import HTTPTypes
internal import Synchronization

/// The buckets of keys that have a limit, in memory: a start of the server fills them.
final class RateLimits: Sendable {
    private let buckets = Mutex<[String: TokenBucket]>([:])

    /// Takes one request of a key; nil if it may make any number.
    func take(_ caller: Caller) -> TokenBucket.State? {
        guard let limit = caller.rateLimit else { return nil }
        let now = SystemClock.monotonicMicroseconds()
        return buckets.withLock { $0[caller.key, default: TokenBucket(limit, at: now)].take(at: now) }
    }
}

extension Exchange {
    /// Counts this request, once, against the limit of the caller's key.
    ///
    /// - Throws: 429.
    func count(_ caller: Caller) throws(Problem) {
        guard caller.rateLimit != nil, note.rate == nil, let state = app.rates.take(caller) else { return }
        note.counted(state)
        guard let wait = state.retryAfter else { return }
        var problem = Problem(
            .tooManyRequests, "rate_limited",
            "this key makes \(state.limit.perSecond) requests a second, \(state.limit.burst) at once; try again in \(wait) s"
        )
        problem.headers[.retryAfter] = String(wait)
        throw problem
    }
}

extension TokenBucket.State {
    /// Says in an answer's head what is left.
    func write(to headers: inout HTTPFields) {
        headers[.rateLimitLimit] = String(limit.perSecond)
        headers[.rateLimitRemaining] = String(remaining)
        headers[.rateLimitReset] = String(reset)
    }
}
