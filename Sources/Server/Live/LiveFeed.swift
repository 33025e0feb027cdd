internal import Collect
internal import Journal
internal import Model
internal import Synchronization

/// Hands what collection takes in and refuses to whoever watches. Collection never waits for it: without watchers it costs one
/// look at a number, with them one entry in each one's bounded queue.
final class LiveFeed: Sendable {
    /// A request's items and what became of them.
    struct Batch: Sendable {
        let request: ParsedRequest
        let receipt: Receipt
    }

    private struct State {
        var watchers: [UInt64: LiveWatcher] = [:]
        var nextID: UInt64 = 0
        var isClosed = false
    }

    /// The most who watch one project.
    static let mostWatchers = 50

    private let state = Mutex(State())
    private let watching = Atomic<Int>(0)

    /// Shows a request that is on disk.
    func publish(_ request: ParsedRequest, _ receipt: Receipt) {
        guard watching.load(ordering: .relaxed) > 0 else { return }
        let watchers = state.withLock { Array($0.watchers.values) }
        let batch = Batch(request: request, receipt: receipt)
        for watcher in watchers { watcher.offer(batch) }
    }

    /// Whether one more may watch.
    var hasRoom: Bool { state.withLock { !$0.isClosed && $0.watchers.count < Self.mostWatchers } }

    /// Begins to watch; nil if too many do, or the server ends. Call `leave` afterwards.
    func watch() -> LiveWatcher? {
        state.withLock { state in
            guard !state.isClosed, state.watchers.count < Self.mostWatchers else { return nil }
            let watcher = LiveWatcher(id: state.nextID)
            state.nextID += 1
            state.watchers[watcher.id] = watcher
            watching.store(state.watchers.count, ordering: .relaxed)
            return watcher
        }
    }

    func leave(_ watcher: LiveWatcher) {
        state.withLock { state in
            state.watchers[watcher.id] = nil
            watching.store(state.watchers.count, ordering: .relaxed)
        }
    }

    /// Ends what all see, and lets nobody watch any more.
    func close() {
        let watchers = state.withLock { state in
            state.isClosed = true
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.close() }
    }
}
