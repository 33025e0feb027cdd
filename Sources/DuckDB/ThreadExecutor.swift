internal import Synchronization
internal import Threads

/// A serial executor with threads of the operating system to itself: one that stands back behind other work, and one that does
/// not, for jobs that somebody waits for. They never run at the same time. A thread that stood back cannot step forward
/// again (only a privileged process may), hence two.
final class ThreadExecutor: SerialExecutor {
    private let queue: JobQueue

    /// - Parameter niceness: see `SystemThread.start`.
    init(niceness: Int32) throws(DuckDBError) {
        let queue = JobQueue()
        self.queue = queue
        do {
            try SystemThread.start(niceness: niceness) { queue.run(.patient) }
            try SystemThread.start { queue.run(.hurried) }
        } catch {
            queue.stop()
            throw DuckDBError(error)
        }
    }

    deinit { queue.stop() }

    /// Whether jobs from now on are done by the thread that does not stand back.
    func hurry(_ hurries: Bool) { queue.hurry(hurries) }

    func enqueue(_ job: consuming ExecutorJob) {
        // A job is run exactly once, by one of the threads.
        queue.add(UnownedJob(job), self)
    }
}

/// The jobs that wait for a thread.
private final class JobQueue: Sendable {
    enum Runner: Int { case patient, hurried }

    private struct State {
        /// A job with its executor, which has to live until it has run.
        typealias Waiting = (job: UnownedJob, executor: ThreadExecutor)
        var waiting: [Waiting] = []
        /// The thread that new jobs are for.
        var runner = Runner.patient
        var isRunning = false
        var sleeps = [false, false]
        var stopped = false

        /// Takes the one that is to be woken, if it sleeps and there is something for it.
        mutating func sleeper() -> Runner? {
            guard !isRunning, !waiting.isEmpty, sleeps[runner.rawValue] else { return nil }
            sleeps[runner.rawValue] = false
            return runner
        }
    }

    private let state = Mutex(State())
    private let signals = [SystemSemaphore(), SystemSemaphore()]

    func add(_ job: UnownedJob, _ executor: ThreadExecutor) {
        wake(
            state.withLock { state in
                state.waiting.append((job, executor))
                return state.sleeper()
            })
    }

    func hurry(_ hurries: Bool) {
        wake(
            state.withLock { state in
                state.runner = hurries ? .hurried : .patient
                return state.sleeper()
            })
    }

    func stop() {
        state.withLock { $0.stopped = true }
        for signal in signals { signal.post() }
    }

    private func wake(_ runner: Runner?) {
        if let runner { signals[runner.rawValue].post() }
    }

    func run(_ runner: Runner) {
        while true {
            let (jobs, isOver) = state.withLock { state -> (jobs: [State.Waiting], isOver: Bool) in
                guard !state.isRunning, state.runner == runner || state.stopped, !state.waiting.isEmpty else {
                    let isOver = state.stopped && state.waiting.isEmpty
                    state.sleeps[runner.rawValue] = !isOver
                    return ([], isOver)
                }
                state.isRunning = true
                defer { state.waiting = [] }
                return (state.waiting, false)
            }
            if isOver { return }
            if jobs.isEmpty {
                signals[runner.rawValue].wait()
                continue
            }
            for (job, executor) in jobs { unsafe job.runSynchronously(on: executor.asUnownedSerialExecutor()) }
            wake(
                state.withLock { state in
                    state.isRunning = false
                    // This one goes round again by itself.
                    return state.runner == runner ? nil : state.sleeper()
                })
        }
    }
}

extension DuckDBError {
    /// There is no thread to work on.
    init(_ error: ThreadError) { self.init(.busy, "\(error)") }
}
