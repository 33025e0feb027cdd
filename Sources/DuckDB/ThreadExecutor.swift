internal import Glibc
internal import Synchronization

/// A serial executor with a thread of the operating system to itself, which may stand back behind the others.
final class ThreadExecutor: SerialExecutor {
    private let queue: JobQueue

    /// - Parameter niceness: what is added to the process's own: with 10 the thread gets a tenth of a contested processor.
    init(niceness: Int32) {
        let queue = JobQueue()
        self.queue = queue
        BackgroundThread.start(niceness: niceness) { queue.run() }
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
    private let signal = Semaphore()

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

/// Threads of a lower priority.
enum BackgroundThread {
    private final class Box {
        let niceness: Int32
        let body: () -> Void
        init(_ niceness: Int32, _ body: @escaping () -> Void) { (self.niceness, self.body) = (niceness, body) }
    }

    /// Starts a detached thread that runs `body` once. The threads that it starts itself have its priority, too.
    static func start(niceness: Int32, _ body: sending @escaping () -> Void) {
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(Box(niceness, body))
        // The box is retained here and released by the thread, which alone uses it from then on.
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let box = unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
                // Linux keeps the niceness a thread; 0 means the one that calls. Standing back is always allowed.
                let which = __priority_which_t(PRIO_PROCESS.rawValue)
                if box.niceness > 0 { _ = setpriority(which, 0, getpriority(which, 0) + box.niceness) }
                box.body()
                return nil
            }, box.toOpaque())
        guard code == 0 else { fatalError("a thread for the database could not be started (error \(code))") }
        pthread_detach(thread)
    }

    /// Runs `body` on such a thread and blocks until it has ended.
    static func run<T: Sendable>(niceness: Int32, _ body: @escaping @Sendable () -> T) -> T {
        let outcome = Outcome<T>()
        start(niceness: niceness) {
            outcome.value.withLock { $0 = body() }
            outcome.done.post()
        }
        outcome.done.wait()
        guard let value = outcome.value.withLock({ $0 }) else { fatalError("the thread ended without a result") }
        return value
    }

    private final class Outcome<T: Sendable>: Sendable {
        let value = Mutex<T?>(nil)
        let done = Semaphore()
    }
}

/// A counting semaphore that a thread sleeps on.
@safe final class Semaphore: Sendable {
    // The kernel and the C library guard the semaphore themselves; its address does not change.
    private nonisolated(unsafe) let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        unsafe semaphore = .allocate(capacity: 1)
        unsafe sem_init(semaphore, 0, 0)
    }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    func post() { unsafe sem_post(semaphore) }

    func wait() {
        while unsafe sem_wait(semaphore) != 0 {}
    }
}
