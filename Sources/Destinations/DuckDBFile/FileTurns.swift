internal import Synchronization

/// Turns at files that this process may open once at a time.
///
/// The engine's lock on a file keeps other programs out, not us: the system gives a lock to the whole process. Two that have one file open
/// in one process each write over what the other wrote, and a table is lost without an error.
final class FileTurns: Sendable {
    /// The one of the process, as its locks are.
    static let ofProcess = FileTurns()

    private struct Waiter {
        let number: UInt64
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        /// Files that are open, with who waits for each.
        var open: [String: [Waiter]] = [:]
        var last: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Runs `body` when nobody else has the file, one after the other as they came.
    ///
    /// - Throws: `CancellationError`, if the task is cancelled while it waits.
    func take<T>(_ path: String, _ body: () async throws -> T) async throws -> T {
        guard await wait(for: path) else { throw CancellationError() }
        defer { leave(path) }
        return try await body()
    }

    /// How many wait for a file; for tests.
    func waiting(for path: String) -> Int { state.withLock { $0.open[path]?.count ?? 0 } }

    private func wait(for path: String) async -> Bool {
        let number = state.withLock { state -> UInt64 in
            state.last += 1
            return state.last
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state -> Bool? in
                    // Whoever was cancelled before found nothing to give up.
                    if Task.isCancelled { return false }
                    guard state.open[path] != nil else {
                        state.open[path] = []
                        return true
                    }
                    state.open[path]?.append(Waiter(number: number, continuation: continuation))
                    return nil
                }
                if let isReady { continuation.resume(returning: isReady) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let place = state.open[path]?.firstIndex(where: { $0.number == number }) else { return nil }
                return state.open[path]?.remove(at: place)
            }
            waiter?.continuation.resume(returning: false)
        }
    }

    private func leave(_ path: String) {
        let next = state.withLock { state -> Waiter? in
            guard let waiting = state.open[path], !waiting.isEmpty else {
                state.open[path] = nil
                return nil
            }
            return state.open[path]?.removeFirst()
        }
        next?.continuation.resume(returning: true)
    }
}
