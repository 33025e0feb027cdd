internal import Synchronization
internal import Threads

/// A serial executor with a thread of the operating system to itself, which may stand back behind the others.
final class ThreadExecutor: SerialExecutor {
    private let queue: JobQueue

    /// - Parameter niceness: see `SystemThread.start`.
    init(niceness: Int32) throws(DuckDBError) {
        let queue = JobQueue()
        self.queue = queue
        do { try SystemThread.start(niceness: niceness) { queue.run() } } catch { throw DuckDBError(error) }
    }

    deinit { queue.stop() }

    func enqueue(_ job: consuming ExecutorJob) {
        // A job is run exactly once, by the thread.
        queue.add(UnownedJob(job), self)
    }
}

/// The jobs that wait for the thread.
private final class JobQueue: Sendable {
    private struct State {
        /// Each with its executor, which has to live until the job has run.
        var waiting: [(job: UnownedJob, executor: ThreadExecutor)] = []
        var sleeps = false
        var stopped = false
    }

    private let state = Mutex(State())
    private let signal = SystemSemaphore()

    func add(_ job: UnownedJob, _ executor: ThreadExecutor) {
        wake { $0.waiting.append((job, executor)) }
    }

    func stop() { wake { $0.stopped = true } }

    private func wake(_ change: (inout State) -> Void) {
        let sleeps = state.withLock { state in
            change(&state)
            defer { state.sleeps = false }
            return state.sleeps
        }
        if sleeps { signal.post() }
    }

    func run() {
        while true {
            let (jobs, over) = state.withLock { state in
                let jobs = state.waiting
                state.waiting = []
                if jobs.isEmpty { state.sleeps = !state.stopped }
                return (jobs, jobs.isEmpty && state.stopped)
            }
            if over { return }
            for (job, executor) in jobs { unsafe job.runSynchronously(on: executor.asUnownedSerialExecutor()) }
            if jobs.isEmpty { signal.wait() }
        }
    }
}

extension DuckDBError {
    /// There is no thread to work on.
    init(_ error: ThreadError) { self.init(.busy, "\(error)") }
}
