internal import Connectors
internal import EventStore
internal import Journal
internal import Logging
internal import Model
internal import People

/// A stream at work: it reads the store in the order of `seq`, sends a batch, and moves once that was taken. There is never more than one
/// batch on its way, so nothing overtakes anything.
struct StreamRun: Sendable {
    let project: String
    let number: Int64
    let journal: Journal
    let store: EventStore
    let sender: Sender
    let logger: Logger

    /// How far is read at once, and how many batches of it are kept.
    private static let window: Int64 = 50_000
    private static let batchesRead = 10
    private static let mostRead = 4_000
    /// Bytes that are read at once, as far as the events before tell how long events are.
    private static let bytesRead = 8 << 20
    /// A receiver that is down is asked again at least so often.
    private static let longestPause: Int64 = 900_000_000

    /// What was read and is not delivered yet.
    private struct Read {
        /// Where the stream stands in the outbox, by which this was read.
        var base: Int64
        var epoch: Int64
        var change: Int64
        var events: ArraySlice<PersonEvent> = []
        /// Everything up to this was looked at.
        var reached: Int64
    }

    /// Runs until the endpoint is active no more, or the task is cancelled.
    func run() async {
        var read: Read?
        var health: EndpointHealth?
        var bucket: RateBucket?
        var pause = Duration.milliseconds(100)
        var length = 16 << 10
        defer { sender.streams.note(number, nil) }
        while !Task.isCancelled, !sender.hasEnded {
            let (endpoints, change) = sender.streams(of: project)
            guard let live = endpoints.first(where: { $0.record.number == number }) else { return }
            if health == nil { health = live.record.health }
            do {
                guard let state = try await sender.store.stream(number) else { return }
                // What was read is of elsewhere, has what was erased since, or is of another condition.
                if read?.base != state.seq || read?.epoch != store.erasureEpoch || read?.change != change { read = nil }
                if let next = state.nextAt, next > sender.clock() {
                    let wait = min(next.microseconds - sender.clock().microseconds, 1_000_000)
                    await untilChange(change) { try? await Task.sleep(for: .microseconds(wait)) }
                    continue
                }
                if read?.events.isEmpty ?? true {
                    let reached = read?.reached ?? state.seq
                    read = try await look(live, state.seq, after: reached, change, &length)
                    if read == nil { continue }
                }
                guard let known = read, !known.events.isEmpty else {
                    read = try await pass(read)
                    continue
                }
                if let rate = live.record.definition.rate {
                    if bucket == nil { bucket = RateBucket(rate, now: sender.clock()) }
                    guard bucket?.room(now: sender.clock()) ?? 1 > 0 else {
                        await untilChange(change) { try? await Task.sleep(for: .milliseconds(50)) }
                        continue
                    }
                    bucket?.take(1)
                }
                read = try await deliver(known, live, state, &health)
                pause = .milliseconds(100)
            } catch {
                if Task.isCancelled || sender.hasEnded { return }
                logger.error("a stream cannot be read or written, and is tried again", metadata: ["error": "\(error)"])
                do { try await Task.sleep(for: pause) } catch { return }
                pause = min(pause * 2, .seconds(10))
            }
        }
    }

    /// Waits, or for less if endpoints are changed meanwhile.
    private func untilChange(_ change: Int64, _ wait: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await wait() }
            group.addTask { [sender] in await sender.waitForChange(since: change) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Reads what comes after a `seq`; nil if there was nothing and something may have changed.
    ///
    /// - Parameter length: how long an event is thought to be, in bytes.
    private func look(
        _ live: LiveEndpoint, _ base: Int64, after: Int64, _ change: Int64, _ length: inout Int
    ) async throws -> Read? {
        let definition = live.record.definition
        guard journal.durableSeq > after else {
            sender.streams.note(number, nil)
            let isPassed = after > base
            await untilChange(change) { [journal] in
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await journal.waitForDurable(after: after) }
                    if isPassed { group.addTask { try? await Task.sleep(for: .seconds(1)) } }
                    await group.next()
                    group.cancelAll()
                }
            }
            if isPassed, journal.durableSeq <= after {
                // Nothing more comes: that nothing waits is written down, too.
                try await sender.store.pass(number, from: base, to: after)
                return nil
            }
            return Read(base: base, epoch: store.erasureEpoch, change: change, reached: after)
        }
        let epoch = store.erasureEpoch
        try await store.waitForApplied(after + 1, timeout: .seconds(10))
        let through = min(store.appliedSeq, after + Self.window)
        let isAll = definition.events.contains(EndpointDefinition.all)
        let filter = EventFilter(names: isAll ? nil : definition.events, condition: try definition.tree())
        let most = min(Int(definition.batch) * Self.batchesRead, Self.mostRead, max(1, Self.bytesRead / length))
        let events = try await store.readPinned { connection, pinned in
            try PeopleReader(connection, pinned, asOf: through)
                .events(filter, after: after, through: through, limit: most)
        }
        if !events.isEmpty {
            let mean = events.reduce(0) { $0 + $1.properties.count } / events.count + 256
            length = max(mean, length / 2)
        }
        let reached = events.count == most ? events.last?.seq ?? through : through
        sender.streams.note(number, events.first?.receivedAt)
        return Read(base: base, epoch: epoch, change: change, events: events[...], reached: reached)
    }

    /// Goes on where nothing was wanted. What is passed over is written down seldom: read again it is passed over again.
    private func pass(_ read: Read?) async throws -> Read? {
        guard var read, read.reached - read.base >= Self.window else { return read }
        try await sender.store.pass(number, from: read.base, to: read.reached)
        read.base = read.reached
        return read
    }

    private func deliver(
        _ read: Read, _ live: LiveEndpoint, _ state: StreamState, _ health: inout EndpointHealth?
    ) async throws -> Read? {
        let definition = live.record.definition
        let batch = StreamBatch(read.events, most: Int(definition.batch), isThin: definition.payload == .thin)
        guard let message = batch.message(project: project, endpoint: live.record.id), let last = batch.events.last
        else { return nil }
        let at = sender.clock()
        sender.streams.note(number, batch.events.first?.receivedAt)
        let result = await send(message, live, at, attempt: state.attempts + 1)
        if result.failure?.code == .cancelled { return nil }
        let now = sender.clock()
        let verdict = Verdict(
            result, attempt: 1, schedule: .standard, finalClientErrors: false, now: now, chance: sender.chance())
        let rest = read.events.dropFirst(batch.events.count)
        // With the last of what was read goes everything behind it that was not wanted.
        let to = rest.isEmpty ? read.reached : last.seq
        let before = health
        var notice: EndpointHealth.Notice?
        if case .ends = verdict {} else { notice = health?.came(ok: verdict.isSuccess, now: now) }
        let outcome = StreamOutcome(
            endpoint: number, from: state.seq, to: to, events: Int64(batch.events.count), at: at, result: result,
            verdict: verdict, nextAt: verdict.isSuccess ? nil : next(state, definition, result, now),
            health: health == before ? nil : health, notice: notice)
        let answer = try await sender.store.came(outcome, now: now)
        if answer.hasChanged { try await sender.reload() }
        if !answer.fed.isEmpty { sender.nudge() }
        guard verdict.isSuccess else { return read }
        var moved = read
        (moved.base, moved.events) = (to, rest)
        return moved
    }

    private func send(
        _ message: OutboundMessage, _ live: LiveEndpoint, _ at: Timestamp, attempt: Int64
    ) async -> OutboundResult {
        let secrets = live.secrets(now: at)
        guard let url = live.url, !secrets.isEmpty else {
            return OutboundResult(
                failure: OutboundFailure(
                    .notSent, "the endpoint's secret cannot be opened with the server's master key"))
        }
        let target = WebhookTarget(
            url: url, secrets: secrets, headers: live.headers,
            timeout: .seconds(live.record.definition.timeout))
        return await sender.post(
            target.request(message, seconds: at.microseconds / 1_000_000, attempt: attempt), live)
    }

    /// When a batch that failed is tried again. A stream gives nothing up: it waits, and nothing overtakes.
    private func next(
        _ state: StreamState, _ definition: EndpointDefinition, _ result: OutboundResult, _ now: Timestamp
    ) -> Timestamp {
        let delays = definition.retry.delays
        let planned = delays.isEmpty ? 5_000_000 : delays[Int(min(state.attempts, Int64(delays.count) - 1))]
        let wait = Double(min(planned, Self.longestPause)) * (0.8 + 0.4 * sender.chance())
        let asked = result.answer?["retry-after"].flatMap { RetryAfter.read($0, now: now) } ?? 0
        return Timestamp(microseconds: now.microseconds + max(Int64(wait), min(asked, RetrySchedule.longestWait)))
    }
}
