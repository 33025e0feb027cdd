public import Connectors
public import Logging
public import Model
internal import Synchronization
internal import Triggers

/// Sends what is in the outbox: claims, attempts, results. What it decides by is in pure values (`DispatchState`, `Verdict`); the clock,
/// the dice and the client come from outside.
public final class Sender: Sendable {
    private struct State: Sendable {
        var dispatch = DispatchState()
        var work = LedgerWork()
        var writers: [CheckedContinuation<Bool, any Error>] = []
        var isAwake = false
        var sleeper: CheckedContinuation<Void, Never>?
        var isStopping = false
        var hasEnded = false
        var live = LiveState()
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    let store: DeliveryStore
    let http: any OutboundSending
    private let actions: any ActionMaking
    /// Whether it sends; one that does not only keeps the outbox.
    let sends: Bool
    /// How old what streams wait with is.
    public let streams = StreamBook()
    let clock: @Sendable () -> Timestamp
    let chance: @Sendable () -> Double
    private let logger: Logger
    private let state = Mutex(State())
    /// Raised whenever a timer may have become due earlier.
    let timers = Signal()
    private let claims: AsyncStream<ClaimedDelivery>
    private let send: AsyncStream<ClaimedDelivery>.Continuation

    /// How long attempts that are under way may go on when the server ends.
    private static let grace = Duration.seconds(5)

    /// - Parameters:
    ///   - actions: makes connectors of what triggers do besides sending to endpoints.
    ///   - sends: false for a server that ends with a command: what comes is put into the outbox, and the next server sends it.
    ///   - clock: the time of day.
    ///   - chance: numbers from 0 to 1, which spread retries.
    public init(
        store: DeliveryStore, http: any OutboundSending, actions: any ActionMaking = NoActions(), sends: Bool = true,
        clock: @escaping @Sendable () -> Timestamp,
        chance: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }, logger: Logger
    ) {
        self.store = store
        self.http = http
        self.actions = actions
        self.sends = sends
        self.clock = clock
        self.chance = chance
        self.logger = logger
        // As many as there are places: what is claimed is bounded.
        (claims, send) = AsyncStream.makeStream()
    }

    /// Reads the endpoints anew, after they were changed.
    public func reload() async throws(WebhookError) {
        let live = try await store.live()
        let now = clock()
        let waiting = state.withLock { state in
            guard live.change >= state.live.change else { return [] as [CheckedContinuation<Void, Never>] }
            state.live = live
            if sends { state.dispatch.update(live.endpoints, now: now) }
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.resume() }
        timers.raise()
        wake()
    }

    /// Who looks at a project's events, and the change that they are of.
    func listening(of project: String) -> Listening {
        state.withLock { state in
            Listening(
                endpoints: state.live.endpoints.filter {
                    $0.record.project == project && $0.record.definition.listens
                },
                triggers: state.live.triggers[project] ?? ProjectTriggers(), change: state.live.change)
        }
    }

    /// The endpoints of a project that are streams and may be sent to, and the change that they are of.
    func streams(of project: String) -> (endpoints: [LiveEndpoint], change: Int64) {
        state.withLock { state in
            (
                state.live.endpoints.filter {
                    $0.record.project == project && $0.record.definition.mode == .stream && $0.record.state == .active
                }, state.live.change
            )
        }
    }

    /// Returns when a timer of the project is due; false if the server ends.
    func waitForTimer(of project: String) async -> Bool {
        while !Task.isCancelled, !hasEnded {
            let raised = timers.value
            let due = state.withLock { $0.live.triggers[project]?.nextDue }
            let now = clock()
            guard let due else {
                await timers.wait(above: raised)
                continue
            }
            guard due > now else { return true }
            // The time of day may be set meanwhile.
            let wait = min(due.microseconds - now.microseconds, 60_000_000)
            await timers.wait(above: raised, atMost: .microseconds(wait))
        }
        return false
    }

    /// The time of day was set.
    public func clockMoved() {
        timers.raise()
        nudge()
    }

    /// Fires triggers because of what is not told by the journal: a segment, a computed column, a report's number. False if triggers
    /// were changed since the transitions were seen: look again.
    ///
    /// - Parameter change: that of the triggers by which they were seen.
    func fire(_ transitions: [TriggerTransition], project: String, change: Int64) async throws -> Bool {
        var work = TriggerWork(triggers: listening(of: project).triggers)
        work.transitions = transitions
        return try await submit(
            OutboxBatch(project: project, change: change, messages: [], checkpoint: nil, triggers: work))
    }

    /// Returns once endpoints were changed since, or the task is cancelled or the server ends.
    func waitForChange(since change: Int64) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.live.change != change || state.hasEnded || Task.isCancelled { return true }
                    state.waiting.append(continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                defer { state.waiting = [] }
                return state.waiting
            }
            // The others look again, and wait again.
            for waiter in waiting { waiter.resume() }
        }
    }

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

    /// Begins the end: nothing more is claimed, and what is under way gets a few seconds.
    public func stop() {
        state.withLock { $0.isStopping = true }
        send.finish()
        wake()
    }

    // MARK: The two loops

    /// Sends until `stop`.
    public func run() async throws(WebhookError) {
        if sends { try await store.recover(now: clock()) }
        try await reload()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.sendAll() }
            group.addTask { await self.tick() }
            await self.keepLedger()
            group.cancelAll()
        }
    }

    /// Looks every second what has become due, and oftener where a rate holds something back.
    private func tick() async {
        var pruned = Timestamp(microseconds: 0)
        var bounded = clock()
        var swept = ContinuousClock.now
        while !Task.isCancelled {
            let now = clock()
            let isHeldBack = state.withLock { state in
                state.dispatch.runs.values.contains { $0.isHeldBack(now: now) }
            }
            do { try await Task.sleep(for: isHeldBack ? .milliseconds(50) : .seconds(1)) } catch { return }
            // One endpoint that is held back keeps no other one's retries waiting.
            if ContinuousClock.now - swept < .seconds(1) {
                wake()
            } else {
                nudge()
                swept = .now
            }
            if now.microseconds - bounded.microseconds > 60_000_000 {
                bounded = now
                do {
                    let (dropped, isFed) = try await store.bound(now: now)
                    if dropped > 0 {
                        logger.warning("too much waits for an endpoint", metadata: ["dropped": "\(dropped)"])
                    }
                    if isFed { nudge() }
                } catch {
                    logger.warning("how much waits cannot be looked at for now", metadata: ["error": "\(error)"])
                }
            }
            if now.microseconds - pruned.microseconds > 3_600_000_000 {
                pruned = now
                do { try await store.prune(now: now) } catch {
                    logger.warning("what is old stays in the outbox for now", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    private func wake() {
        let sleeper = state.withLock { state in
            state.isAwake = true
            return state.sleeper.take()
        }
        sleeper?.resume()
    }

    private func sleep() async {
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

    /// Writes what has come and claims what is due, again and again: the one writer.
    private func keepLedger() async {
        var pause = Duration.milliseconds(50)
        while true {
            await sleep()
            let now = clock()
            let (work, writers, isOver) = state.withLock { state in
                var work = state.work
                let writers = state.writers
                (state.work, state.writers) = (LedgerWork(), [])
                work.released += state.dispatch.release(now: now, all: state.isStopping)
                if !state.isStopping {
                    for batch in work.batches {
                        state.dispatch.feeds(batch.messages.lazy.flatMap { $0.targets.lazy.map(\.endpoint) })
                        if let triggers = batch.triggers { state.dispatch.feeds(triggers.likely) }
                    }
                    work.rooms = state.dispatch.rooms(now: now)
                }
                let isOver = state.isStopping && work.isEmpty && state.dispatch.inFlight == 0
                if isOver { state.hasEnded = true }
                return (work, writers, isOver)
            }
            if isOver { break }
            if work.isEmpty { continue }
            do {
                let answer = try await store.cycle(work, now: now)
                pause = .milliseconds(50)
                for (writer, written) in zip(writers, answer.written) { writer.resume(returning: written) }
                begin(answer, asked: work.rooms.map(\.endpoint))
                if answer.hasChanged { try await reload() }
            } catch {
                await failed(work, writers, error, pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.resume() }
        timers.raise()
    }

    /// Nothing was written: results are written later, whoever submitted submits again, and what was to be claimed is.
    private func failed(
        _ work: LedgerWork, _ writers: [CheckedContinuation<Bool, any Error>], _ error: WebhookError, _ pause: Duration
    ) async {
        logger.error("the outbox cannot be written to", metadata: ["error": "\(error)"])
        for writer in writers { writer.resume(throwing: error) }
        try? await Task.sleep(for: pause)
        state.withLock { state in
            state.work.outcomes.insert(contentsOf: work.outcomes, at: 0)
            state.work.released.insert(contentsOf: work.released, at: 0)
            state.dispatch.sweep()
        }
        wake()
    }

    private func begin(_ answer: LedgerAnswer, asked: [Int64]) {
        let now = clock()
        let (started, isMore) = state.withLock { state in
            state.work.released += state.dispatch.claimed(answer, asked: asked)
            for (project, due) in answer.nextDue { state.live.triggers[project]?.nextDue = due }
            // What is claimed when the server ends goes back in the next round; what was fed to others is claimed in it.
            let isMore = state.isStopping || !state.work.released.isEmpty || !answer.fed.isSubset(of: asked)
            return (state.isStopping ? [] : state.dispatch.start(now: now), isMore)
        }
        for claimed in started { give(claimed) }
        if !answer.nextDue.isEmpty { timers.raise() }
        if isMore { wake() }
    }

    /// Makes the attempts.
    private func sendAll() async {
        await withDiscardingTaskGroup { group in
            for await claimed in claims {
                group.addTask { await self.attempt(claimed) }
            }
            // The server ends. A fifth of the grace at a time: there is nothing to wait for most of the time.
            let end = ContinuousClock.now + Self.grace
            while state.withLock({ $0.dispatch.inFlight > 0 }), .now < end, !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(20))
            }
            group.cancelAll()
        }
    }

    private func attempt(_ first: ClaimedDelivery) async {
        var next: ClaimedDelivery? = first
        while let claimed = next { next = await attemptOnce(claimed) }
    }

    /// One attempt; what else may be sent in its place.
    private func attemptOnce(_ claimed: ClaimedDelivery) async -> ClaimedDelivery? {
        let live = state.withLock { $0.dispatch.runs[claimed.endpoint]?.live }
        let at = clock()
        var result = OutboundResult()
        if let live, let kind = live.connector {
            result = await act(kind, live.settings, claimed)
        } else if let live, let url = live.url {
            let secrets = live.secrets(now: at)
            if secrets.isEmpty {
                result.failure = OutboundFailure(
                    .notSent, "the endpoint's secret cannot be opened with the server's master key")
            } else {
                let definition = live.record.definition
                let target = WebhookTarget(
                    url: url, secrets: secrets, headers: live.headers, timeout: .seconds(definition.timeout))
                result = await post(
                    target.request(claimed.message, seconds: at.microseconds / 1_000_000, attempt: claimed.attempt),
                    live)
            }
        } else {
            result.failure = OutboundFailure(.notSent, "the endpoint is gone")
        }
        return finished(claimed, live?.record, at, result)
    }

    /// Sends a request with the endpoint's own certificate, if it has one.
    func post(_ request: OutboundRequest, _ live: LiveEndpoint) async -> OutboundResult {
        guard live.record.hasCertificate else { return await http.send(request) }
        guard let certificate = live.certificate else {
            return OutboundResult(
                failure: OutboundFailure(
                    .notSent, "the endpoint's own certificate cannot be opened with the server's master key"))
        }
        var request = request
        do throws(ConnectorError) { request.certificate = try await actions.secret(certificate) } catch {
            return OutboundResult(failure: OutboundFailure(.notSent, error.message))
        }
        return await http.send(request)
    }

    /// By a connector, made anew each time, so that a secret that was changed is the one that is used.
    private func act(_ kind: String, _ settings: JSONValue?, _ claimed: ClaimedDelivery) async -> OutboundResult {
        var result = OutboundResult()
        guard let settings else {
            result.failure = OutboundFailure(
                .notSent, "the action's settings cannot be opened with the server's master key")
            return result
        }
        do throws(ConnectorError) {
            return await (try await actions.make(kind, settings)).deliver(claimed.message)
        } catch {
            result.failure = OutboundFailure(.notSent, error.message)
            return result
        }
    }

    private func finished(
        _ claimed: ClaimedDelivery, _ record: EndpointRecord?, _ at: Timestamp, _ result: OutboundResult
    ) -> ClaimedDelivery? {
        let now = clock()
        let verdict: Verdict =
            result.failure?.code == .cancelled
            ? .retry(at: now)
            : Verdict(
                result, attempt: claimed.attempt - claimed.forgiven, schedule: record?.definition.retry ?? .standard,
                finalClientErrors: record?.definition.finalClientErrors ?? false, now: now, chance: chance())
        let started = state.withLock { state in
            let told = state.dispatch.came(claimed, verdict, result, now: now)
            state.work.outcomes.append(
                AttemptOutcome(
                    claimed: claimed, at: at, url: record?.definition.url ?? "", result: result, verdict: verdict,
                    health: told.health, notice: told.notice, isHook: record?.kind == .hook))
            return state.isStopping ? [] : state.dispatch.start(now: now)
        }
        wake()
        for claimed in started.dropFirst() { give(claimed) }
        return started.first
    }

    private func give(_ claimed: ClaimedDelivery) {
        guard case .terminated = send.yield(claimed) else { return }
        // The server ends: it goes back as it was.
        state.withLock { state in
            state.dispatch.takeBack(claimed)
            state.work.released.append(claimed)
        }
        wake()
    }

    var hasEnded: Bool { state.withLock { $0.hasEnded } }
}

/// Who looks at a project's events.
struct Listening: Sendable {
    let endpoints: [LiveEndpoint]
    let triggers: ProjectTriggers
    /// The change of endpoints and triggers that they are of; -1 before they were read.
    let change: Int64

    var isEmpty: Bool { endpoints.isEmpty && triggers.rules.isEmpty }
}

/// Makes connectors of their settings. Off Swift's shared pool, since a secret may have to be read from a file.
public protocol ActionMaking: Sendable {
    func make(_ kind: String, _ settings: JSONValue) async throws(ConnectorError) -> any Connector

    /// A secret: what a reference names, or the text itself.
    func secret(_ text: String) async throws(ConnectorError) -> String
}

/// Knows no kind.
public struct NoActions: ActionMaking {
    public init() {}

    public func make(_ kind: String, _ settings: JSONValue) async throws(ConnectorError) -> any Connector {
        throw ConnectorError(.unknownKind, "there is no connector \"\(kind)\"")
    }

    public func secret(_ text: String) async throws(ConnectorError) -> String { text }
}
