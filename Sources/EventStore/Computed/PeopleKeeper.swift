public import Logging
public import Model

/// Keeps the table of people: what events, merges, definitions and the change of day make of everybody's computed columns.
///
/// It stands beside the applier on a connection of its own and behind it for the processors: each step looks at a bounded number of
/// persons, those of whom something was stored before those whom only time has changed.
public struct PeopleKeeper: Sendable {
    /// How long it gathers what comes in before it looks, unless somebody waits; three times as long as looking takes, if that
    /// is more, so that it has a quarter of the time at most.
    private static let gathering = Duration.milliseconds(1_500)
    /// How soon it sees that somebody waits.
    private static let glance = Duration.milliseconds(100)
    private static let longest = Duration.milliseconds(3_500)
    /// Items in half a second from which the store is filled and not only written to: it makes way then.
    private static let flood: Int64 = 6_000
    /// How often it makes way before it looks all the same.
    private static let patience = 60
    /// Clocks of zones differ by quarters of an hour, so that days begin at one.
    private static let quarter: Int64 = 900_000_000

    private let store: EventStore
    private let now: @Sendable () -> Timestamp
    private let logger: Logger
    private let most: Int64

    /// - Parameters:
    ///   - now: the clock.
    ///   - most: persons of one step.
    public init(
        store: EventStore, logger: Logger, most: Int64 = 20_000, now: @escaping @Sendable () -> Timestamp
    ) {
        self.store = store
        self.logger = logger
        self.most = most
        self.now = now
    }

    /// Works until the task is cancelled or the store is closed.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await work() }
            group.addTask { await watchDays() }
            await group.next()
            group.cancelAll()
        }
    }

    /// Brings the table up to date, as of now, whoever else works on it.
    public func catchUp() async throws {
        while try await step().pending > 0 {}
    }

    private func work() async {
        var (pause, took) = (Duration.milliseconds(500), Duration.zero)
        store.people.wake()
        for await _ in store.people.wakes {
            if store.settings.isBrief, !store.people.isHurried { continue }
            do {
                try await gather(for: min(max(Self.gathering, took * 3), Self.longest))
                took = try await follow()
                pause = .milliseconds(500)
            } catch {
                let error = StoreError(error)
                if Task.isCancelled || error.code == .closed { return }
                logger.error(
                    "The table of people could not be brought up to date and is tried again.",
                    metadata: ["reason": "\(error.message)", "pause": "\(pause)"])
                guard (try? await Task.sleep(for: pause)) != nil else { return }
                pause = min(pause * 2, .seconds(60))
                store.people.wake()
            }
        }
    }

    private func gather(for duration: Duration) async throws {
        let end = ContinuousClock.now + duration
        while !store.people.isHurried, ContinuousClock.now < end { try await Task.sleep(for: Self.glance) }
        for _ in 0..<Self.patience where !store.people.isHurried {
            let before = store.appliedSeq
            if before - store.people.snapshot.seq < Self.flood { return }
            try await Task.sleep(for: .milliseconds(500))
            if store.appliedSeq - before < Self.flood { return }
        }
    }

    /// Steps until nobody is pending; how long the last one took.
    private func follow() async throws -> Duration {
        while true {
            let began = ContinuousClock.now
            let reached = try await step()
            let took = ContinuousClock.now - began
            if reached.pending == 0 || Task.isCancelled { return took }
            if store.people.isHurried { continue }
            let behind = store.appliedSeq - reached.seq
            if behind >= Self.flood {
                store.people.wake()
                return took
            }
            // Where others are at work, a quarter of the time is enough.
            if behind > 0 { try await Task.sleep(for: min(took * 3, Self.longest)) }
        }
    }

    /// One step; how far the table is then.
    @discardableResult
    func step() async throws -> PeopleSnapshot {
        let (set, moment, most) = (store.people.set, now(), most)
        store.people.begin()
        let reached = try await store.keeping { connection, seq in
            try PeopleStep(set: set, now: moment, seq: seq, most: most).run(connection)
        }
        store.people.publish(reached)
        return reached
    }

    private func watchDays() async {
        while !Task.isCancelled {
            let (_, past) = now().microseconds.quotientAndRemainder(dividingBy: Self.quarter)
            guard (try? await Task.sleep(for: .microseconds(Self.quarter - past + 1_000_000))) != nil else { return }
            store.people.wake()
        }
    }
}
