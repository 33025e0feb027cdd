internal import Synchronization

/// How far the table of people is.
public struct PeopleSnapshot: Sendable, Equatable {
    /// Everything up to this `seq` is in it, but for `pending`.
    public var seq: Int64 = 0
    /// The number of the last change.
    public var changeSeq: Int64 = 0
    /// How many persons are still to be brought up to date.
    public var pending: Int64 = 0
    /// Of what definitions it is.
    var set: ComputedSet?
    var state: PeopleState?

    public init() {}

    /// The day that it is of, by what zone; nil before the keeper's first look.
    public var day: (number: Int64, timezone: String)? { state.map { ($0.day.number, $0.day.timezone) } }
}

/// What the keeper of the table of people is asked for, and how far it is.
public final class PeopleProgress: Sendable {
    private struct State {
        /// As of when the table is right for everybody; nil while that is not known, or not so.
        var ready: PeopleState?
        var set = ComputedSet.standard
        var snapshot = PeopleSnapshot()
        var isHurried = false
        var lastID: UInt64 = 0
        var waiting: [UInt64: (seq: Int64, continuation: CheckedContinuation<Void, Never>)] = [:]

        func isReached(_ seq: Int64) -> Bool {
            snapshot.seq >= seq && snapshot.pending == 0 && snapshot.set == set
        }
    }

    private let state = Mutex(State())
    /// Wakes the keeper; several calls before it looks are one.
    let wakes: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    init() { (wakes, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func wake() { waker.yield() }

    var set: ComputedSet {
        get { state.withLock { $0.set } }
        set {
            state.withLock { $0.set = newValue }
            wake()
        }
    }

    var snapshot: PeopleSnapshot { state.withLock { $0.snapshot } }

    /// Whether somebody waits.
    var isHurried: Bool { state.withLock { !$0.waiting.isEmpty } }

    /// The `seq` as of which the table has these columns of everybody; nil if it does not, or is being changed. What is read of it
    /// between two calls that say the same is as of that.
    public func ready(_ columns: [ComputedColumn]) -> Int64? {
        guard let day = columns.first?.day, let ready = state.withLock({ $0.ready }), ready.has(columns, day) else {
            return nil
        }
        return ready.seq
    }

    /// Rows that it was made of go, or its own do: it is to be looked at again.
    func disturb() {
        state.withLock { state in
            state.ready = nil
            state.snapshot.pending += 1
        }
        wake()
    }

    /// The table is going to be changed.
    func begin() { state.withLock { $0.ready = nil } }

    func publish(_ snapshot: PeopleSnapshot) {
        let ready = state.withLock { state in
            state.snapshot = snapshot
            state.ready = snapshot.pending == 0 ? snapshot.state : nil
            let ready = state.waiting.filter { state.isReached($0.value.seq) }
            for id in ready.keys { state.waiting[id] = nil }
            return ready
        }
        for waiter in ready.values { waiter.continuation.resume() }
    }

    /// Returns when everything up to a `seq` is in the table and nobody is pending, or the task is cancelled.
    func wait(for seq: Int64) async {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    // A cancellation from before finds nothing to resume, so it is looked for here.
                    if state.isReached(seq) || Task.isCancelled { return true }
                    state.waiting[id] = (seq, continuation)
                    return false
                }
                if isDone { continuation.resume() } else { wake() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: id)?.continuation }?.resume()
        }
    }
}

extension EventStore {
    /// What computed columns the table of people has; the keeper brings it up to date.
    public var computedSet: ComputedSet {
        get { people.set }
        set { people.set = newValue }
    }

    /// How far the table of people is.
    public var peopleSnapshot: PeopleSnapshot { people.snapshot }

    /// Has the keeper look what has become of the table of people.
    public func wakePeople() { people.wake() }

    /// Waits until the table of people has everything up to a `seq`, but no longer than `timeout`.
    ///
    /// - Returns: whether it has.
    @discardableResult
    public func waitForPeople(_ seq: Int64, timeout: Duration) async -> Bool {
        let people = people
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await people.wait(for: seq)
                return !Task.isCancelled
            }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }
}
