internal import Dispatch
internal import Synchronization

/// Work that goes on beside the caller's thread: inputs are taken one after another, in order, and only so many wait.
///
/// The first error ends it: the caller gets it with its next input, or at the end.
final class SerialStage<Input: Sendable>: Sendable {
    private let queue: DispatchQueue
    private let room: DispatchSemaphore
    private let failure = Mutex<ExportError?>(nil)
    private let work: @Sendable (consuming Input) throws(ExportError) -> Void

    /// - Parameters:
    ///   - depth: inputs that may wait or be worked on.
    ///   - work: may block; it is never called twice at once.
    init(_ label: String, depth: Int, work: @escaping @Sendable (consuming Input) throws(ExportError) -> Void) {
        queue = DispatchQueue(label: label)
        room = DispatchSemaphore(value: depth)
        self.work = work
    }

    /// Hands an input over; blocks while too many wait.
    func hand(_ input: Input) throws(ExportError) {
        room.wait()
        if let failure = failure.withLock({ $0 }) {
            room.signal()
            throw failure
        }
        queue.async {
            self.take(input)
            self.room.signal()
        }
    }

    private func take(_ input: consuming Input) {
        guard failure.withLock({ $0 == nil }) else { return }
        do throws(ExportError) { try work(input) } catch { failure.withLock { $0 = error } }
    }

    /// Waits until everything handed over is done, also after an error.
    func settle() { queue.sync {} }

    /// Waits until everything handed over is done.
    func finish() throws(ExportError) {
        settle()
        if let failure = failure.withLock({ $0 }) { throw failure }
    }
}
