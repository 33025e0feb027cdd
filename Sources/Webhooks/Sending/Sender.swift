public import Connectors
public import Logging
public import Model
internal import Synchronization
internal import Triggers

/// Sends what is in the outbox: claims, attempts, results. What it decides by is in pure values (`DispatchState`, `Verdict`); the clock,
/// the dice and the client come from outside.
public final class Sender: Sendable {
    struct State: Sendable {
        var dispatch = DispatchState()
        var work = LedgerWork()
        var writers: [CheckedContinuation<Bool, any Error>] = []
        var isAwake = false
        var sleeper: CheckedContinuation<Void, Never>?
        var isStopping = false
        var hasEnded = false
        var live = LiveState()
        var watch: ClockWatch
        /// What was noted of it last.
        var clockMark: ClockMark?
    }

    let store: DeliveryStore
    let http: any OutboundSending
    let actions: any ActionMaking
    /// Whether it sends; one that does not only keeps the outbox.
    let sends: Bool
    /// How old what streams wait with is.
    public let streams = StreamBook()
    let clock: @Sendable () -> Timestamp
    let steady: @Sendable () -> Int64
    let boot: String?
    let chance: @Sendable () -> Double
    let logger: Logger
    let state: Mutex<State>
    /// Raised whenever a timer may have become due earlier.
    let timers = Signal()
    /// The change of the endpoints and triggers that were read last.
    let changes = Signal(-1)
    /// How many cycles of the ledger were written.
    let written = Signal(0)
    let claims: AsyncStream<ClaimedDelivery>
    let send: AsyncStream<ClaimedDelivery>.Continuation

    /// How long attempts that are under way may go on when the server ends.
    static let grace = Duration.seconds(5)
    /// How long the log is let grow while there is always something to write.
    private static let logPause = Duration.seconds(5)

    /// - Parameters:
    ///   - actions: makes connectors of what triggers do besides sending to endpoints.
    ///   - sends: false for a server that ends with a command: what comes is put into the outbox, and the next server sends it.
    ///   - clock: the time of day.
    ///   - steady: microseconds of a clock that nobody sets, and that goes on while the machine sleeps.
    ///   - boot: which boot of the machine that clock is of; nil for one that is not compared with any before a start.
    ///   - hold: how long timers are held where the time of day leaps ahead of it, in microseconds; 0 for not at all.
    ///   - chance: numbers from 0 to 1, which spread retries.
    public init(
        store: DeliveryStore, http: any OutboundSending, actions: any ActionMaking = NoActions(), sends: Bool = true,
        clock: @escaping @Sendable () -> Timestamp, steady: @escaping @Sendable () -> Int64 = { 0 },
        boot: String? = nil, hold: Int64 = 0,
        chance: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }, logger: Logger
    ) {
        self.store = store
        self.http = http
        self.actions = actions
        self.sends = sends
        self.clock = clock
        self.steady = steady
        self.boot = boot
        state = Mutex(State(watch: ClockWatch(hold: hold)))
        self.chance = chance
        self.logger = logger
        // As many as there are places: what is claimed is bounded.
        (claims, send) = AsyncStream.makeStream()
        resumeClock()
    }

    /// Reads the endpoints anew, after they were changed.
    public func reload() async throws(WebhookError) {
        let live = try await store.live()
        let now = clock()
        state.withLock { state in
            guard live.change >= state.live.change else { return }
            state.live = live
            if sends { state.dispatch.update(live.endpoints, now: now) }
        }
        changes.raise(to: live.change)
        timers.raise()
        wake()
    }

    /// Returns once endpoints were changed since, or the task is cancelled or the server ends.
    func waitForChange(since change: Int64) async { await changes.wait(above: change) }

    /// Writes a batch. False if endpoints were changed since its events were looked at.
    func submit(_ batch: OutboxBatch) async throws -> Bool {
        try await withCheckedThrowingContinuation { continuation in
            let isOver = state.withLock { state in
                if state.hasEnded { return true }
                state.work.batches.append(batch)
                state.writers.append(continuation)
                return false
            }
            if isOver { return continuation.resume(throwing: CancellationError()) }
            wake()
        }
    }

    /// Looks again what is due: something was put back from outside.
    public func nudge() {
        state.withLock { $0.dispatch.sweep() }
        wake()
    }

    /// Forgets what was claimed to be sent and was erased since. What is under way at this moment ends by itself.
    public func forgetErased() async throws(WebhookError) {
        let waiting = state.withLock { $0.dispatch.waiting }
        let gone = try await store.notClaimed(waiting)
        state.withLock { $0.dispatch.discard(gone) }
    }

    /// Attempts under way and claimed, for the metrics.
    public var load: (inFlight: Int, endpoints: Int) {
        state.withLock { ($0.dispatch.inFlight, $0.dispatch.runs.count) }
    }

    /// How an endpoint is sent to at this moment: what is under way and waits here, and what holds it back.
    public func condition(of endpoint: EndpointRecord) -> JSONValue {
        let now = clock()
        guard let run = state.withLock({ $0.dispatch.runs[endpoint.number] }) else { return .null }
        var trippedUntil: Timestamp?
        if case .open(let until) = run.breaker.state { trippedUntil = max(until, now) }
        let throttled = run.throttledUntil > now ? run.throttledUntil : nil
        let isTripped = run.breaker.state != .closed
        let held = throttled == nil ? "active" : "throttled"
        let active = endpoint.isOrdering ? "ordering" : isTripped ? "tripped" : held
        let word = endpoint.state == .active ? active : endpoint.state.rawValue
        return [
            "state": .string(word), "in_flight": JSONValue(Int64(run.inFlight)),
            "claimed": JSONValue(Int64(run.waiting)), "throttled_until": JSONValue(throttled?.text),
            "next_probe_at": JSONValue(trippedUntil?.text),
        ]
    }

    /// Begins the end: nothing more is claimed, and what is under way gets a few seconds.
    public func stop() {
        state.withLock { $0.isStopping = true }
        send.finish()
        wake()
    }

    // MARK: The two loops

    /// Sends until `stop`.
    public func run() async throws(WebhookError) {
        if sends {
            try await store.recover(now: clock())
            let parked = try await store.parkedFrom()
            state.withLock { $0.dispatch.park(parked) }
        }
        try await reload()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.sendAll() }
            group.addTask { await self.tick() }
            group.addTask { await self.keepLog() }
            if self.sends { group.addTask { await self.keepOrder() } }
            await self.keepLedger()
            group.cancelAll()
        }
    }

    /// Moves the outbox's log into its file now and then, beside what is written: soon where nothing comes, else seldom, for both share a
    /// disk.
    private func keepLog() async {
        var (moved, seen): (Int64, Int64) = (-1, 0)
        var at = ContinuousClock.now
        while !Task.isCancelled {
            do { try await Task.sleep(for: .milliseconds(500)) } catch { return }
            let now = written.value
            defer { seen = now }
            guard now > moved, now == seen || ContinuousClock.now - at > Self.logPause else { continue }
            do { try await store.moveLog() } catch {
                logger.warning("the outbox's log is not moved into its file for now", metadata: ["error": "\(error)"])
            }
            (moved, at) = (now, .now)
        }
    }

    func wake() {
        let sleeper = state.withLock { state in
            state.isAwake = true
            return state.sleeper.take()
        }
        sleeper?.resume()
    }

    func sleep() async {
        await withCheckedContinuation { continuation in
            let isAwake = state.withLock { state in
                if state.isAwake { return true }
                state.sleeper = continuation
                return false
            }
            if isAwake { continuation.resume() }
        }
        state.withLock { $0.isAwake = false }
    }

    var hasEnded: Bool { state.withLock { $0.hasEnded } }
}
