internal import Connectors
internal import Model

/// An endpoint at work: what it may be sent now. Pure; its times come from outside.
struct EndpointRun: Sendable {
    private(set) var live: LiveEndpoint
    private(set) var breaker = Breaker()
    private var bucket: RateBucket?
    private(set) var throttledUntil = Timestamp(microseconds: 0)
    private(set) var health: EndpointHealth
    /// Whether the last attempt took long, or never came to an end.
    private(set) var isSlow = false
    /// Attempts under way.
    private(set) var inFlight = 0
    /// Claimed deliveries that wait for their turn.
    private(set) var queue: [ClaimedDelivery] = []
    private var next = 0
    /// Bytes of what waits.
    private(set) var waitingBytes = 0
    /// Whether there may be something due that is not claimed.
    var mayBeDue = true
    /// The message from which on deliveries may be parked; nil if none are.
    var parkedFrom: Int64?
    /// Whether what is claimed was claimed before it asked for order: it goes back, and is claimed in it.
    private var isUnordered = false
    /// Whether it has answered that it wants nothing more, before that is written.
    private(set) var hasEnded = false

    /// What takes longer is slow, in microseconds.
    private static let slow: Int64 = 2_000_000

    init(_ live: LiveEndpoint, now: Timestamp) {
        self.live = live
        health = live.record.health
        bucket = live.record.definition.rate.map { RateBucket($0, now: now) }
    }

    var isActive: Bool { live.record.state == .active && !hasEnded && !live.record.isOrdering }
    var waiting: Int { queue.count - next }

    /// Takes over what was changed.
    mutating func update(_ other: LiveEndpoint, now: Timestamp) {
        let before = live
        live = other
        if before.record.definition.order == .none, other.record.definition.order == .person {
            isUnordered = waiting > 0
        }
        if other.record.definition.rate != before.record.definition.rate {
            bucket = other.record.definition.rate.map { RateBucket($0, now: now) }
        }
        // Somebody changed it, or has enabled it again: it gets a new chance.
        if other.record.stateAt != before.record.stateAt || other.record.updatedAt != before.record.updatedAt {
            breaker = Breaker()
            throttledUntil = Timestamp(microseconds: 0)
            health = other.record.health
            hasEnded = false
        }
        mayBeDue = true
    }

    /// How many deliveries to claim now. Some more than can be sent at once, so that a place that becomes free is filled at once.
    mutating func room(now: Timestamp) -> Int {
        guard isActive, mayBeDue, now >= throttledUntil else { return 0 }
        let held = inFlight + waiting
        if let most = breaker.room(now: now) { return held == 0 ? most : 0 }
        var room = Int(live.record.definition.concurrency) * 4 - held
        if var bucket, room > 0 {
            room = min(room, bucket.room(now: now))
            self.bucket = bucket
        }
        return max(0, room)
    }

    /// Whether it takes nothing now: as much as it may have is held already, or something keeps it from being sent to.
    func isBlocked(now: Timestamp) -> Bool {
        !isActive || now < throttledUntil || breaker.room(now: now) != nil
            || inFlight + waiting >= Int(live.record.definition.concurrency) * 4
    }

    /// Whether what is put in now waits for others.
    func parks(now: Timestamp) -> Bool {
        live.record.definition.order == .none && (parkedFrom != nil || isBlocked(now: now))
    }

    /// Whether a rate or a throttle, and nothing else, holds back what is due.
    func isHeldBack(now: Timestamp) -> Bool {
        isActive && mayBeDue && (bucket != nil || now < throttledUntil)
    }

    mutating func add(_ claimed: ClaimedDelivery) {
        queue.append(claimed)
        waitingBytes += claimed.message.body.count
        bucket?.take(1)
    }

    /// The next delivery to send, if one may be.
    mutating func start(now: Timestamp) -> ClaimedDelivery? {
        guard isActive, next < queue.count, now >= throttledUntil, !isUnordered else { return nil }
        switch breaker.state {
        case .closed: guard inFlight < Int(live.record.definition.concurrency) else { return nil }
        case .open(let until): guard now >= until, inFlight == 0 else { return nil }
        case .probing: return nil
        }
        breaker.sends(now: now)
        let claimed = queue[next]
        next += 1
        waitingBytes -= claimed.message.body.count
        if next == queue.count { (queue, next) = ([], 0) }
        inFlight += 1
        return claimed
    }

    /// What is claimed and not to be sent now: it goes back.
    mutating func release() -> [ClaimedDelivery] {
        defer { (queue, next, waitingBytes, isUnordered) = ([], 0, 0, false) }
        return Array(queue[next...])
    }

    /// It is gone: nothing more is sent.
    mutating func end() {
        _ = release()
        hasEnded = true
    }

    var waitingNumbers: [Int64] { queue[next...].map(\.number) }

    mutating func discard(_ numbers: Set<Int64>) {
        queue = queue[next...].filter { !numbers.contains($0.number) }
        next = 0
        waitingBytes = queue.reduce(0) { $0 + $1.message.body.count }
    }

    /// An attempt has ended; what is to be written of the endpoint.
    mutating func came(
        _ verdict: Verdict, _ result: OutboundResult, now: Timestamp
    ) -> (health: EndpointHealth?, notice: EndpointHealth.Notice?) {
        inFlight -= 1
        if result.failure?.code == .cancelled {
            breaker.withdraws(now: now)
            return (nil, nil)
        }
        isSlow = result.timings.total > Self.slow
        // Whoever refuses one message for good is there all the same: the others need not wait.
        if case .aborted = verdict {
            breaker.came(ok: true, now: now)
        } else {
            breaker.came(ok: verdict.isSuccess, now: now)
        }
        if let until = Verdict.throttle(result, now: now) { throttledUntil = max(throttledUntil, until) }
        if case .ends = verdict {
            hasEnded = true
            return (nil, nil)
        }
        let before = health
        let notice = health.came(ok: verdict.isSuccess, now: now)
        if notice == .disabled { hasEnded = true }
        return (health == before ? nil : health, notice)
    }

    /// A delivery that was started is not sent after all.
    mutating func takeBack() {
        inFlight -= 1
        mayBeDue = true
    }

    /// Whether what is claimed is better given back than kept waiting.
    func holdsInVain(now: Timestamp) -> Bool {
        guard waiting > 0 else { return false }
        if !isActive || now < throttledUntil || isUnordered { return true }
        return breaker.room(now: now) != nil
    }
}
