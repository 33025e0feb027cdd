internal import Collect
internal import Journal
internal import Synchronization

/// One who watches, with what is still to be shown. What does not fit is counted and told: a slow reader holds up nobody.
final class LiveWatcher: Sendable {
    /// What comes next.
    enum Notice: Sendable {
        case batch(LiveFeed.Batch)
        /// So many items came and went unseen, after those before and before those after.
        case lost(Int)
        /// Nothing has come for a while.
        case pause
        case end
    }

    private struct State {
        var queue: [LiveFeed.Batch] = []
        var items = 0
        var bytes = 0
        var lost = 0
        var isClosed = false
        /// Whether the one who waited has gone on.
        var isGivenUp = false
        var waiter: CheckedContinuation<Void, Never>?

        mutating func take() -> Notice? {
            if !queue.isEmpty {
                let batch = queue.removeFirst()
                items -= batch.request.submission.count
                bytes -= batch.request.submission.bytes.count
                return .batch(batch)
            }
            if lost > 0 {
                defer { lost = 0 }
                return .lost(lost)
            }
            return isClosed ? .end : nil
        }
    }

    /// What waits for one reader: so many items and bytes, and at least one request.
    static let mostItems = 1_000
    static let mostBytes = 4 << 20

    let id: UInt64
    private let state = Mutex(State())

    init(id: UInt64) { self.id = id }

    /// Adds a request, or counts its items as lost where there is no room, and until what waits has been read: what is lost
    /// lies between what is shown.
    func offer(_ batch: LiveFeed.Batch) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard !state.isClosed else { return nil }
            let (items, bytes) = (batch.request.submission.count, batch.request.submission.bytes.count)
            let hasRoom =
                state.queue.isEmpty
                || (state.items + items <= Self.mostItems && state.bytes + bytes <= Self.mostBytes)
            if hasRoom, state.lost == 0 {
                state.queue.append(batch)
                state.items += items
                state.bytes += bytes
            } else {
                state.lost += items
            }
            return state.waiter.take()
        }
        waiter?.resume()
    }

    func close() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.isClosed = true
            return state.waiter.take()
        }
        waiter?.resume()
    }

    /// What comes next, within a time.
    func next(within limit: Duration) async -> Notice {
        if let notice = state.withLock({ $0.take() }) { return notice }
        state.withLock { $0.isGivenUp = false }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.arrival() }
            group.addTask { try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
            self.giveUp()
        }
        if let notice = state.withLock({ $0.take() }) { return notice }
        return Task.isCancelled ? .end : .pause
    }

    private func arrival() async {
        await withCheckedContinuation { continuation in
            let isDue = state.withLock { state in
                if state.isGivenUp || state.isClosed || !state.queue.isEmpty || state.lost > 0 { return true }
                state.waiter = continuation
                return false
            }
            if isDue { continuation.resume() }
        }
    }

    private func giveUp() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.isGivenUp = true
            return state.waiter.take()
        }
        waiter?.resume()
    }
}
